#include "gpusched/extender/service.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <fstream>
#include <mutex>
#include <optional>
#include <random>
#include <sstream>
#include <thread>

#include "gpusched/extender/admission.hpp"
#include "gpusched/extender/api_client.hpp"
#include "gpusched/extender/event_recorder.hpp"
#include "gpusched/extender/http_server.hpp"
#include "gpusched/extender/json_log.hpp"
#include "gpusched/extender/leader_election.hpp"
#include "gpusched/extender/metrics.hpp"
#include "gpusched/extender/routes.hpp"
#include "gpusched/extender/snapshot.hpp"
#include "gpusched/extender/verbs.hpp"
#include "gpusched/io/job_profile_json.hpp"

#include "service/event_log_file.hpp"
#include "service/snapshot_pod_api.hpp"
#include "service/view_feeds.hpp"

namespace gpusched::extender {

namespace {

/// Nodes and pods say something at least every minute (bookmarks); silence for so long means a dead connection.
constexpr std::int64_t longest_silence_ms = 180'000;
constexpr auto sweep_period = std::chrono::milliseconds(500);
constexpr auto watch_lag = std::chrono::milliseconds(50);  // of our watch behind kube-scheduler's, on a busy machine
/// A pod refused so lately may be waiting for what has just become free.
constexpr TimeNs refusal_memory_ns = 300 * ns_per_s;

Result<std::string> file_text(const std::string& path, const char* remedy) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) {
    return Error{.code = ErrorCode::not_found, .message = "cannot be read", .file = path, .line = 0, .remedy = remedy};
  }
  return std::move(text).str();
}

std::string random_identity() {
  std::ifstream in("/proc/sys/kernel/hostname");
  std::string host;
  in >> host;
  std::random_device random;
  std::ostringstream text;
  text << (host.empty() ? "gpusched" : host) << "_" << std::hex << random() << random();
  return text.str();
}

}  // namespace

struct Service::Parts {
  ExtenderConfig config;
  std::chrono::system_clock::time_point origin = std::chrono::system_clock::now();
  EventLogFile event_log;
  std::mutex view_mutex;
  std::unique_ptr<ClusterView> view;
  Metrics metrics;
  std::optional<ApiClient> client;
  std::optional<ApiClient> election_client;  // renewals wait for nobody
  std::unique_ptr<PodApi> pod_api;
  std::optional<NodeFeed> node_feed;
  std::optional<PodFeed> pod_feed;
  std::optional<ObjectWatch> node_watch, pod_watch;
  std::optional<LeaderElection> election;
  std::optional<EventRecorder> events;
  std::optional<Verbs> verbs;
  std::optional<Admission> admission;
  std::unique_ptr<HttpServer> server;
  std::atomic<bool> warned_of_full_nodes{false};
  std::atomic<TimeNs> last_refusal_ns{-refusal_memory_ns};
  std::atomic<bool> wake_wanted{false};
  std::mutex stop_mutex;
  std::condition_variable stop_signal;
  bool stopping = false;
  std::thread sweeper;

  TimeNs now() const {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now() - origin).count();
  }
  bool from_snapshot() const { return !config.state_file.empty(); }

  std::string refusal() const {
    if (from_snapshot()) {
      return {};
    }
    if (!node_feed->synced() || !pod_feed->synced()) {
      return "the first full list of nodes and pods is not in yet";
    }
    if (std::max(node_watch->status().age_ms, pod_watch->status().age_ms) > longest_silence_ms) {
      return "the API server has been silent for too long";
    }
    if (election && !election->is_leader()) {
      const std::string leader = election->leader();
      return "this replica is not the leader" + (leader.empty() ? std::string() : "; it is " + leader);
    }
    return {};
  }

  MetricsSnapshot snapshot() const {
    MetricsSnapshot shot{.view = view->counts(), .ready = refusal().empty(), .leader = true};
    if (!from_snapshot()) {
      const WatchStatus nodes = node_watch->status();
      const WatchStatus pods = pod_watch->status();
      shot.watch_age_ms = std::max(nodes.age_ms, pods.age_ms);
      shot.relists = nodes.relists + pods.relists;
      shot.leader = !election || election->is_leader();
    }
    return shot;
  }

  void observe(const VerbRecord& record) {
    metrics.record(record);
    if (record.held_others) {
      wake_wanted = true;
    }
    if (record.has_full_nodes && !warned_of_full_nodes.exchange(true)) {
      log(LogLevel::warning,
          "a scheduler sends whole Nodes: calls are many times slower, and kube-scheduler then scores every node as if "
          "it were idle",
          {{"remedy", "set nodeCacheCapable: true for this extender in its KubeSchedulerConfiguration"}});
    }
    const bool refused = record.result == "wait" || record.result == "infeasible";
    if (refused) {
      last_refusal_ns = now();
    }
    log(record.result == "error" ? LogLevel::warning : LogLevel::debug, record.verb,
        {{"result", std::string(record.result)},
         {"reason", record.message.empty() ? record.reason : record.message},
         {"pod", record.ns + "/" + record.pod},
         {"node", record.node},
         {"us", std::to_string(record.duration_ns / 1000)}});
    if (!events || record.uid.empty()) {
      return;
    }
    if (record.verb == "bind" && record.result == "bound") {
      events->record({.ns = record.ns,
                      .pod = record.pod,
                      .uid = record.uid,
                      .is_warning = false,
                      .reason = "GpuPlaced",
                      .action = "Binding",
                      .note = "placed on node " + record.node});
    } else if (record.verb == "filter" && refused) {
      events->record({.ns = record.ns,
                      .pod = record.pod,
                      .uid = record.uid,
                      .is_warning = true,
                      .reason = "GpuNotPlaced",
                      .action = "Filtering",
                      .note = record.message.empty() ? record.reason : record.message});
    }
  }

  Status make_view();
  Status load_profiles();
  Status read_state_file();
  Status connect();
  Status serve();
  void sweep();
  void wake_scheduler();
};

Status Service::Parts::make_view() {
  if (!config.event_log.empty()) {
    if (Status opened = event_log.open(config.event_log, origin); !opened) {
      return opened;
    }
  }
  Result<PolicyChoice> policy = parse_policy(config.policy);
  if (!policy) {
    return policy.error();
  }
  ClusterViewOptions options{
      .engine = {.policy = std::move(policy).value(), .seed = 0, .target = {}, .preemption = false},
      .hold_ns = config.hold_seconds * ns_per_s,
      .log_sink = {}};
  if (event_log.is_open()) {
    options.log_sink = [this](std::string_view line) { event_log.write(line); };
  }
  auto made = ClusterView::create(std::move(options));
  if (!made) {
    return made.error();
  }
  view = std::move(made).value();
  return load_profiles();
}

Status Service::Parts::load_profiles() {
  if (config.job_profiles_file.empty()) {
    return {};
  }
  const Result<std::string> text = file_text(config.job_profiles_file, "A file as in docs/formats/job-profile.md");
  if (!text) {
    return text.error();
  }
  const Result<std::vector<JobProfile>> profiles = read_job_profiles(text.value(), config.job_profiles_file);
  if (!profiles) {
    return profiles.error();
  }
  for (const JobProfile& profile : profiles.value()) {
    if (Status loaded = view->load_profile(profile, now()); !loaded) {
      return loaded;
    }
  }
  log(LogLevel::info, "job profiles are loaded",
      {{"file", config.job_profiles_file}, {"profiles", std::to_string(profiles.value().size())}});
  return {};
}

Status Service::Parts::read_state_file() {
  const Result<std::string> text = file_text(config.state_file, "Write it with: kubectl get nodes,pods -A -o json");
  if (!text) {
    return text.error();
  }
  const Result<SnapshotReport> report = read_snapshot(text.value(), config.state_file, *view);
  if (!report) {
    return report.error();
  }
  for (const std::string& problem : report.value().problems) {
    log(LogLevel::warning, problem, {{"file", config.state_file}});
  }
  log(LogLevel::info, "serving a snapshot",
      {{"file", config.state_file},
       {"nodes", std::to_string(report.value().nodes)},
       {"pods", std::to_string(report.value().pods)}});
  pod_api = std::make_unique<SnapshotPodApi>(*view, view_mutex);
  return {};
}

Status Service::Parts::connect() {
  const Result<ApiAccess> access =
      config.kubeconfig.empty() ? in_cluster_access() : kubeconfig_access(config.kubeconfig);
  if (!access) {
    return access.error();
  }
  client.emplace(access.value());
  pod_api = std::make_unique<HttpPodApi>(*client);
  const FeedTarget target{*view, view_mutex, [this] { return now(); }};
  // Pods after nodes: every pod that comes after a node has the engine put all nodes in order anew.
  node_feed.emplace(target, [this] { pod_watch->start(); });
  pod_feed.emplace(target);
  node_watch.emplace(access.value(), WatchOptions{.path = "/api/v1/nodes", .field_selector = {}}, *node_feed);
  pod_watch.emplace(access.value(),
                    WatchOptions{.path = "/api/v1/pods",
                                 .field_selector = "spec.nodeName!=,status.phase!=Succeeded,status.phase!=Failed"},
                    *pod_feed);
  if (config.leader_election) {
    election_client.emplace(access.value(), ApiClientOptions{.timeout_ms = 5000});
    election.emplace(
        *election_client,
        LeaderElectionOptions{
            .lease_namespace = config.lease_namespace, .lease_name = config.lease_name, .identity = random_identity()},
        [](const std::string& message) {
          log(LogLevel::warning, "leader election", {{"error", message}});
        });
  }
  if (config.kubernetes_events) {
    events.emplace(*client, random_identity());
  }
  return {};
}

Status Service::Parts::serve() {
  verbs.emplace(VerbsOptions{.candidates = config.candidates,
                             .refusal = [this] { return refusal(); },
                             .patience = watch_lag,
                             .now = [this] { return now(); },
                             .observer = [this](const VerbRecord& record) { observe(record); }},
                *view, view_mutex, *pod_api);
  admission.emplace(AdmissionOptions{.refusal = [this] { return refusal(); },
                                     .observer = [this](const VerbRecord& record) { observe(record); }},
                    *view, view_mutex);
  const Result<ListenAddress> listen = parse_listen(config.listen);
  if (!listen) {
    return listen.error();
  }
  HttpServerOptions options;
  options.address = listen.value().address;
  options.port = listen.value().port;
  options.waits = waits;
  options.waiting_threads = config.bind_threads;
  options.on_certificates = [](const Status& status) {
    log(status ? LogLevel::info : LogLevel::error, status ? "certificates were read anew" : "the certificates stay",
        {{"error", status ? std::string() : status.error().to_string()}});
  };
  if (!config.cert_file.empty()) {
    options.tls =
        TlsOptions{.cert_file = config.cert_file, .key_file = config.key_file, .client_ca_file = config.client_ca_file};
  }
  auto started = HttpServer::start(std::move(options), [this](const HttpRequest& request) {
    return route(request, {.verbs = *verbs,
                           .view = *view,
                           .view_mutex = view_mutex,
                           .metrics = metrics,
                           .refusal = [this] { return refusal(); },
                           .snapshot = [this] { return snapshot(); },
                           .admit = [this](std::string_view body) { return admission->admit(body); }});
  });
  if (!started) {
    return started.error();
  }
  server = std::move(started).value();
  log(LogLevel::info, "listening",
      {{"address", listen.value().address},
       {"port", std::to_string(server->port())},
       {"tls", config.cert_file.empty() ? "no" : "yes"},
       {"candidates", config.candidates == 0 ? "all" : std::to_string(config.candidates)}});
  return {};
}

void Service::Parts::wake_scheduler() {
  if (!client || now() - last_refusal_ns > refusal_memory_ns) {
    return;
  }
  // What a reservation frees, no API object shows: any change of a node has kube-scheduler try its pods again.
  std::string node;
  {
    const std::lock_guard lock(view_mutex);
    for (const Node& candidate : view->engine().state().nodes()) {
      if (!candidate.removed && candidate.health != NodeHealth::down) {  // one that is gone counts as down
        node = candidate.spec.name;
        break;
      }
    }
  }
  if (node.empty()) {
    return;
  }
  const std::string patch = R"({"metadata":{"annotations":{"gpusched.io/released":")" + std::to_string(now()) + "\"}}}";
  const Result<ApiReply> reply =
      client->request("PATCH", "/api/v1/nodes/" + node, patch, "application/merge-patch+json");
  if (!reply || reply.value().status != 200) {
    log(LogLevel::warning, "pods that wait could not be woken",
        {{"node", node}, {"error", reply ? status_message(reply.value().body) : reply.error().message}});
  }
}

void Service::Parts::sweep() {
  std::unique_lock stop_lock(stop_mutex);
  while (!stop_signal.wait_for(stop_lock, sweep_period, [this] { return stopping; })) {
    stop_lock.unlock();
    int released = 0;
    bool late_room = false;
    {
      const std::lock_guard lock(view_mutex);
      released = view->expire(now());
      late_room = view->take_late_room();
      event_log.flush();
    }
    if (released > 0) {
      log(LogLevel::info, "reservations ran out", {{"count", std::to_string(released)}});
    }
    if (wake_wanted.exchange(false) || released > 0 || late_room) {
      wake_scheduler();
    }
    stop_lock.lock();
  }
}

Service::Service(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Result<std::unique_ptr<Service>> Service::start(const ExtenderConfig& config) {
  auto parts = std::make_unique<Parts>();
  parts->config = config;
  if (Status made = parts->make_view(); !made) {
    return made.error();
  }
  if (Status source = parts->from_snapshot() ? parts->read_state_file() : parts->connect(); !source) {
    return source.error();
  }
  if (Status served = parts->serve(); !served) {
    return served.error();
  }
  Parts& running = *parts;
  if (running.node_watch) {
    running.node_watch->start();
  }
  if (running.election) {
    running.election->start();
  }
  running.sweeper = std::thread([&running] { running.sweep(); });
  return std::unique_ptr<Service>(new Service(std::move(parts)));
}

Service::~Service() { stop(); }

std::uint16_t Service::port() const { return parts_->server->port(); }

void Service::reload() {
  if (const Status reloaded = parts_->server->reload_certificates(); !reloaded) {
    log(LogLevel::error, "the certificates stay as they were", {{"error", reloaded.error().to_string()}});
  }
}

void Service::stop() {
  Parts& parts = *parts_;
  {
    const std::lock_guard lock(parts.stop_mutex);
    if (parts.stopping) {
      return;
    }
    parts.stopping = true;
  }
  parts.stop_signal.notify_all();
  constexpr int drain_ms = 10'000;
  parts.server->drain(drain_ms);
  if (parts.election) {
    parts.election->stop();
  }
  if (parts.node_watch) {
    parts.node_watch->stop();  // first: it may be about to start the other
    parts.pod_watch->stop();
  }
  if (parts.sweeper.joinable()) {
    parts.sweeper.join();
  }
  parts.event_log.flush();
}

}  // namespace gpusched::extender
