#include "gpusched/extender/cluster_view.hpp"

#include <algorithm>
#include <utility>

#include "gpusched/io/event_log.hpp"
#include "gpusched/kube/allocation_record.hpp"
#include "gpusched/kube/node_inventory.hpp"
#include "gpusched/kube/pod_request.hpp"

namespace gpusched::extender {

namespace {

/// What the engine is asked for a pod of a live cluster. kube-scheduler has checked labels and affinities before it
/// asks; a pod that names a resource has chosen, whatever else its annotations say.
GpuRequest live_request(const PodRequest& read) {
  GpuRequest request = read.request;
  request.node_labels.clear();
  if (!read.resource.empty()) {
    request.job_class = JobClass::unknown;
    request.isolation = Isolation::none;
    request.max_slowdown = 0;
    request.job_profile.clear();
    request.trust_domain.clear();
    request.gpu_memory_mib = 0;
  }
  return request;
}

NodeHealth health_of(const NodeUpdate& update) {
  if (!update.node.ready) {
    return NodeHealth::down;
  }
  return update.node.unschedulable || update.terminating ? NodeHealth::draining : NodeHealth::ready;
}

bool has_ended(const PodObject& pod) { return pod.phase == "Succeeded" || pod.phase == "Failed"; }

}  // namespace

Result<std::unique_ptr<ClusterView>> ClusterView::create(ClusterViewOptions options) {
  Result<Engine> engine = Engine::create(options.engine);
  if (!engine) {
    return engine.error();
  }
  return std::unique_ptr<ClusterView>(new ClusterView(std::move(options), std::move(engine).value()));
}

ClusterView::ClusterView(ClusterViewOptions options, Engine engine)
    : options_(std::move(options)), engine_(std::make_unique<Engine>(std::move(engine))) {
  if (options_.log_sink) {
    log_ = std::make_unique<EventLogWriter>(options_.log_sink, [this](PodId pod) { return uid_of_id_[pod.value]; });
    log_->header(options_.engine);
  }
}

Status ClusterView::observe(TimeNs now, decltype(Event::what) what) {
  const Event event{now, std::move(what)};
  Status applied = engine_->observe(event);
  if (applied && log_) {
    log_->event(*engine_, event);
  }
  return applied;
}

std::vector<NodeProblem> ClusterView::update_node(const NodeUpdate& update, TimeNs now) {
  NodeInventory inventory = node_inventory(update.node);
  NodeSpec& spec = inventory.spec;
  spec.labels.clear();  // kube-scheduler has matched them; without them equal nodes are one class
  if (spec.resources.empty()) {
    // Every node of a live cluster is counted: what the API server reports there is taken as it is.
    spec.resources.push_back({.mig_profile = {}, .whole_devices = true, .allocatable = 0});
  }
  const auto [entry, is_new] = nodes_.try_emplace(spec.name);
  KnownNode& known = entry->second;
  known.listed = true;
  known.gone = false;
  if (is_new) {
    const std::string name = spec.name;
    if (const Status added = observe(now, NodeAdded{spec}); !added) {
      inventory.problems.push_back({.kind = "refused", .message = added.error().to_string(), .remedy = {}});
      nodes_.erase(name);
      return inventory.problems;
    }
    known.id = engine_->state().find_node(name);
  } else if (!(engine_->state().node(known.id).spec == spec)) {
    if (const Status changed = observe(now, NodeChanged{known.id, spec}); !changed) {
      inventory.problems.push_back({.kind = "refused", .message = changed.error().to_string(), .remedy = {}});
    }
  }
  const NodeHealth health = health_of(update);
  if (engine_->state().node(known.id).health != health) {
    (void)observe(now, HealthChanged{known.id, health});
  }
  if (const auto parked = parked_.extract(spec.name)) {
    for (const std::string& uid : parked.mapped()) {
      if (LivePod* pod = find_pod(uid)) {
        bind_reported(*pod, spec.name, now);
      }
    }
  }
  return inventory.problems;
}

void ClusterView::remove_node(std::string_view name, TimeNs now) {
  const auto found = nodes_.find(name);
  if (found == nodes_.end()) {
    return;
  }
  found->second.gone = true;
  (void)observe(now, HealthChanged{found->second.id, NodeHealth::down});
  remove_if_empty(std::string(name), now);
}

void ClusterView::remove_if_empty(const std::string& name, TimeNs now) {
  const auto found = nodes_.find(name);
  if (found != nodes_.end() && found->second.gone && observe(now, NodeRemoved{found->second.id})) {
    nodes_.erase(found);
  }
}

LivePod& ClusterView::submit(const PodObject& object, TimeNs now) {
  const auto [entry, is_new] = pods_.try_emplace(object.uid);
  LivePod& pod = entry->second;
  pod.last_seen_ns = now;
  if (!is_new) {
    return pod;
  }
  pod.ns = object.ns;
  pod.name = object.name;
  pod.uid = object.uid;
  GpuRequest request;
  if (const Result<PodRequest> read = read_pod_request(object.spec)) {
    pod.resource = read.value().resource;
    pod.states_intent_only = read.value().dialect != RequestDialect::none && pod.resource.empty();
    request = live_request(read.value());
  } else {
    pod.problem = read.error().message;
  }
  if (free_ids_.empty()) {
    pod.id = PodId{static_cast<std::uint32_t>(uid_of_id_.size())};
    uid_of_id_.push_back(pod.uid);
  } else {
    pod.id = free_ids_.back();
    free_ids_.pop_back();
    uid_of_id_[pod.id.value] = pod.uid;
  }
  pod.request = engine_->intern(request);
  if (const Status submitted = observe(now, PodSubmitted{pod.id, pod.request, 0}); !submitted) {
    pod.problem = submitted.error().message;
    pod.request = engine_->intern({});
    (void)observe(now, PodSubmitted{pod.id, pod.request, 0});
  }
  return pod;
}

void ClusterView::update_pod(const PodObject& object, TimeNs now) {
  if (listing_pods_) {
    listed_pods_[object.uid] = true;
  }
  if (has_ended(object)) {
    forget(object.uid, now);
    return;
  }
  const bool matters = !object.node_name.empty() || object.names_gpu;
  if (!matters) {
    return;
  }
  LivePod& pod = submit(object, now);
  pod.from_watch = true;
  if (!object.node_name.empty()) {
    if (pod.stage != PodStage::bound) {
      read_record(object, pod);
    }
    bind_reported(pod, object.node_name, now);
  }
}

void ClusterView::read_record(const PodObject& object, LivePod& pod) {
  for (const auto& [key, value] : object.spec.annotations) {
    if (key != allocation_annotation) {
      continue;
    }
    const auto record = parse_allocation(value);
    if (!record || !record.value() || record.value()->node != object.node_name) {
      continue;  // adopted by what it requests
    }
    pod.recorded_gpus.clear();
    for (const RecordedPart& part : record.value()->parts) {
      if (part.mig_profile.empty() && part.gpu >= 0 && part.gpu < 0xffff) {
        pod.recorded_gpus.push_back(static_cast<std::uint16_t>(part.gpu));
      }
    }
  }
}

void ClusterView::bind_reported(LivePod& pod, const std::string& node_name, TimeNs now) {
  const NodeId node = find_node(node_name);
  if (!node.valid()) {
    std::vector<std::string>& waiting = parked_[node_name];
    if (std::find(waiting.begin(), waiting.end(), pod.uid) == waiting.end()) {
      waiting.push_back(pod.uid);
    }
    return;
  }
  if (pod.stage == PodStage::bound && pod.node == node) {
    return;
  }
  Candidate place{.node = node, .gpus = {}};
  for (const std::uint16_t gpu : pod.recorded_gpus) {
    place.gpus.push_back(
        {.gpu = gpu, .share_milli = static_cast<std::uint16_t>(milli_per_unit), .range = {}, .profile = {}});
  }
  if (const Status bound = observe(now, PodBound{pod.id, place, 0}); !bound) {
    pod.problem = bound.error().message;
    return;
  }
  pod.stage = PodStage::bound;
  pod.node = node;
}

void ClusterView::remove_pod(std::string_view uid, TimeNs now) { forget(std::string(uid), now); }

void ClusterView::forget(const std::string& uid, TimeNs now) {
  const auto found = pods_.find(uid);
  if (found == pods_.end()) {
    return;
  }
  const LivePod pod = std::move(found->second);
  pods_.erase(found);
  (void)observe(now, PodFinished{pod.id, 0});
  (void)observe(now, PodForgotten{pod.id});
  free_ids_.push_back(pod.id);
  if (pod.node.valid()) {
    remove_if_empty(engine_->state().node(pod.node).spec.name, now);
  }
}

void ClusterView::begin_node_list() {
  for (auto& [name, node] : nodes_) {
    node.listed = false;
  }
}

void ClusterView::end_node_list(TimeNs now) {
  std::vector<std::string> vanished;
  for (const auto& [name, node] : nodes_) {
    if (!node.listed) {
      vanished.push_back(name);
    }
  }
  std::sort(vanished.begin(), vanished.end());
  for (const std::string& name : vanished) {
    remove_node(name, now);
  }
}

void ClusterView::begin_pod_list() {
  listing_pods_ = true;
  listed_pods_.clear();
}

void ClusterView::end_pod_list(TimeNs now) {
  std::vector<std::string> vanished;
  for (const auto& [uid, pod] : pods_) {
    if (pod.from_watch && !listed_pods_.contains(uid)) {
      vanished.push_back(uid);
    }
  }
  std::sort(vanished.begin(), vanished.end());
  for (const std::string& uid : vanished) {
    forget(uid, now);
  }
  listing_pods_ = false;
  listed_pods_.clear();
}

LivePod* ClusterView::find_pod(std::string_view uid) {
  const auto found = pods_.find(std::string(uid));
  return found == pods_.end() ? nullptr : &found->second;
}

NodeId ClusterView::find_node(std::string_view name) const {
  const auto found = nodes_.find(name);
  return found == nodes_.end() ? NodeId{} : found->second.id;
}

Decision ClusterView::decide(LivePod& pod, std::span<const NodeId> scope, TimeNs now) {
  Decision decision = engine_->decide(pod.request, now, scope);
  if (log_) {
    log_->decision(*engine_, now, std::span(&pod.id, 1), std::span(&decision, 1), scope);
  }
  return decision;
}

void ClusterView::hold(LivePod& pod, const Decision& decision, PodStage stage, TimeNs now) {
  const Candidate* place = candidate_of(decision);
  GPUSCHED_CHECK(place != nullptr && pod.stage == PodStage::pending, "a place decided for a pod that waits");
  const Status reserved = observe(now, Reserved{pod.id, *place});
  GPUSCHED_CHECK(reserved.ok(), reserved.error().to_string());
  pod.stage = stage;
  pod.node = place->node;
  pod.deadline_ns = now + (stage == PodStage::held ? options_.hold_ns : options_.binding_ns);
}

void ClusterView::start_binding(LivePod& pod, TimeNs now) {
  pod.stage = PodStage::binding;
  pod.deadline_ns = now + options_.binding_ns;
}

void ClusterView::confirm(LivePod& pod, NodeId node, TimeNs now) {
  bind_reported(pod, engine_->state().node(node).spec.name, now);
}

void ClusterView::release(LivePod& pod, TimeNs now) {
  if (pod.stage == PodStage::held || pod.stage == PodStage::binding) {
    const NodeId node = std::exchange(pod.node, {});
    pod.stage = PodStage::pending;
    (void)observe(now, ReservationReleased{pod.id});
    remove_if_empty(engine_->state().node(node).spec.name, now);
  }
}

int ClusterView::expire(TimeNs now) {
  std::vector<std::string> unseen;
  int released = 0;
  for (auto& [uid, pod] : pods_) {
    const bool reserved = pod.stage == PodStage::held || pod.stage == PodStage::binding;
    if (reserved && pod.deadline_ns <= now) {
      release(pod, now);
      ++released;
    }
    if (!pod.from_watch && pod.stage == PodStage::pending && pod.last_seen_ns + options_.unseen_pod_ns <= now) {
      unseen.push_back(uid);
    }
  }
  for (const std::string& uid : unseen) {
    forget(uid, now);
  }
  return released;
}

ViewCounts ClusterView::counts() const {
  ViewCounts counts;
  counts.nodes = static_cast<std::int64_t>(nodes_.size());
  for (const auto& [name, node] : nodes_) {
    counts.gpu_nodes += engine_->state().node(node.id).spec.gpus.empty() ? 0 : 1;
  }
  counts.pods = static_cast<std::int64_t>(pods_.size());
  for (const auto& [uid, pod] : pods_) {
    counts.pending += pod.stage == PodStage::pending ? 1 : 0;
    counts.held += pod.stage == PodStage::held ? 1 : 0;
    counts.binding += pod.stage == PodStage::binding ? 1 : 0;
    counts.bound += pod.stage == PodStage::bound ? 1 : 0;
  }
  for (const auto& [node, uids] : parked_) {
    counts.parked += static_cast<std::int64_t>(uids.size());
  }
  return counts;
}

}  // namespace gpusched::extender
