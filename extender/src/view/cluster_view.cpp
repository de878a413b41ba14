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

/// The intent behind a resource that admission chose, with the mode chosen; `note` gets its reason.
std::unique_ptr<const GpuRequest> admitted_intent(const PodSpec& spec, const PodRequest& read, std::string& note) {
  const auto find = [&](std::string_view key) {
    return std::find_if(spec.annotations.begin(), spec.annotations.end(),
                        [&](const auto& entry) { return entry.first == key; });
  };
  const auto annotation = find(decision_annotation);
  if (!read.admitted || annotation == spec.annotations.end()) {
    return nullptr;
  }
  const auto decision = parse_decision(annotation->second);
  if (!decision || !decision.value() || decision.value()->resource != read.resource) {
    return nullptr;  // of another version, or of a resource that somebody has changed since
  }
  note = decision.value()->reason;
  auto intent = std::make_unique<GpuRequest>(read.request);
  if (read.stated_milli > 0) {
    intent->gpu_milli = read.stated_milli;
  }
  if (find("gpusched.io/mode") != spec.annotations.end()) {
    intent->max_slowdown = 0;  // the user's word wins over a prediction
  }
  intent->mode = decision.value()->mode == "mig"          ? SharingMode::mig
                 : decision.value()->mode == "time-slice" ? SharingMode::time_slice
                 : decision.value()->mode == "mps"        ? SharingMode::mps
                                                          : SharingMode::whole;
  return intent;
}

NodeHealth health_of(const NodeUpdate& update) {
  if (!update.node.ready) {
    return NodeHealth::down;
  }
  return update.node.unschedulable || update.terminating ? NodeHealth::draining : NodeHealth::ready;
}

/// In its gang cycle kube-scheduler asks for every member in every placement it thinks of, and tells nobody which one
/// it drops: what we hold for the members would be wrong.
constexpr const char* scheduling_group_refused =
    "pod is in a scheduling group (spec.schedulingGroup), whose tentative placements an extender is not told: use a "
    "pod group by label (scheduling.x-k8s.io/pod-group) instead";

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
    log_ =
        std::make_unique<EventLogWriter>(options_.log_sink, [this](PodId pod) { return pod_of_id_[pod.value]->uid; });
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
    may_have_made_room();
  } else if (!(engine_->state().node(known.id).spec == spec)) {
    const std::size_t gpus_before = engine_->state().node(known.id).spec.gpus.size();
    may_have_made_room();
    if (const Status changed = observe(now, NodeChanged{known.id, spec}); !changed) {
      inventory.problems.push_back({.kind = "refused", .message = changed.error().to_string(), .remedy = {}});
    } else if (spec.gpus.size() > gpus_before) {
      restore_records(known.id, now);
    }
  }
  const NodeHealth health = health_of(update);
  if (engine_->state().node(known.id).health != health) {
    (void)observe(now, HealthChanged{known.id, health});
    may_have_made_room();
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
  timed_.insert(pod.uid);
  GpuRequest request;
  if (const Result<PodRequest> read = read_pod_request(object.spec)) {
    pod.resource = read.value().resource;
    pod.states_intent_only = read.value().dialect != RequestDialect::none && pod.resource.empty();
    request = live_request(read.value());
    pod.intent = admitted_intent(object.spec, read.value(), pod.note);
  } else {
    pod.problem = read.error().message;
  }
  if (object.has_scheduling_group) {
    pod.problem = scheduling_group_refused;  // what it asks for is counted all the same
  } else if (!object.pod_group.empty()) {
    pod.gang = object.ns + "/" + object.pod_group;
    pod.gang_size = object.gang_size;
    gangs_[pod.gang].insert(pod.uid);
  }
  if (free_ids_.empty()) {
    pod.id = PodId{static_cast<std::uint32_t>(pod_of_id_.size())};
    pod_of_id_.push_back(&pod);
  } else {
    pod.id = free_ids_.back();
    free_ids_.pop_back();
    pod_of_id_[pod.id.value] = &pod;
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
  if (has_ended(object)) {
    forget(object.uid, now);
    return;
  }
  const bool matters = !object.node_name.empty() || object.names_gpu;
  if (!matters) {
    return;
  }
  news_in_list_ += listing_pods_ && tells_news(object) ? 1 : 0;
  LivePod& pod = submit(object, now);
  pod.is_gated = object.has_scheduling_gates;
  pod.from_watch = true;
  pod.is_listed = true;
  if (!object.node_name.empty()) {
    if (pod.stage != PodStage::bound) {
      read_record(object, pod);
    }
    bind_reported(pod, object.node_name, now);
  }
}

bool ClusterView::tells_news(const PodObject& object) const {
  const auto found = pods_.find(object.uid);
  if (found == pods_.end()) {
    return true;
  }
  const NodeId node = find_node(object.node_name);
  return node.valid() && (found->second.stage != PodStage::bound || found->second.node != node);
}

void ClusterView::read_record(const PodObject& object, LivePod& pod) {
  if (!pod.node.valid() || pod.node != find_node(object.node_name)) {
    pod.recorded_gpus.clear();  // of a promise that was not kept
  }
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

Candidate ClusterView::recorded_place(const LivePod& pod, NodeId node) const {
  Candidate place{.node = node, .gpus = {}};
  for (const std::uint16_t gpu : pod.recorded_gpus) {
    if (gpu >= engine_->state().node(node).spec.gpus.size()) {
      return {.node = node, .gpus = {}};  // the node shows fewer GPUs than it had
    }
    place.gpus.push_back(
        {.gpu = gpu, .share_milli = static_cast<std::uint16_t>(milli_per_unit), .range = {}, .profile = {}});
  }
  return place;
}

void ClusterView::restore_records(NodeId node, TimeNs now) {
  const ClusterState& state = engine_->state();
  std::vector<const LivePod*> pods;
  for (const PodId id : state.node(node).pods) {
    const LivePod* pod = pod_of_id_[id.value];
    if (state.pod(id)->placement.gpus.empty() && !pod->recorded_gpus.empty()) {
      pods.push_back(pod);
    }
  }
  for (const LivePod* pod : pods) {
    (void)observe(now, PodEvicted{pod->id, 0});
  }
  // Reserved ones too: what was promised stays counted even where the node now offers less.
  for (const LivePod* pod : pods) {
    (void)observe(now, PodBound{pod->id, recorded_place(*pod, node), 0});
  }
}

void ClusterView::park(const LivePod& pod, const std::string& node) {
  std::vector<std::string>& waiting = parked_[node];
  if (std::find(waiting.begin(), waiting.end(), pod.uid) == waiting.end()) {
    waiting.push_back(pod.uid);
  }
}

void ClusterView::bind_reported(LivePod& pod, const std::string& node_name, TimeNs now) {
  const NodeId node = find_node(node_name);
  if (!node.valid()) {
    release(pod, now);
    park(pod, node_name);
    return;
  }
  if (pod.stage == PodStage::bound && pod.node == node) {
    return;
  }
  const NodeId held_at = pod.node;
  if (held_at.valid() && held_at != node) {
    give_back(pod, now);
  }
  if (const Status bound = observe(now, PodBound{pod.id, recorded_place(pod, node), 0}); !bound) {
    pod.problem = bound.error().message;
    return;
  }
  pod.stage = PodStage::bound;
  pod.node = node;
  if (held_at.valid() && held_at != node) {
    remove_if_empty(engine_->state().node(held_at).spec.name, now);
  }
}

void ClusterView::remove_pod(std::string_view uid, TimeNs now) { forget(std::string(uid), now); }

void ClusterView::forget(const std::string& uid, TimeNs now) {
  const auto found = pods_.find(uid);
  if (found == pods_.end()) {
    return;
  }
  const auto forgotten = pods_.extract(found);
  const LivePod& pod = forgotten.mapped();
  if (const auto gang = gangs_.find(pod.gang); gang != gangs_.end()) {
    gang->second.erase(uid);
    if (gang->second.empty()) {
      gangs_.erase(gang);
    }
  }
  (void)observe(now, PodFinished{pod.id, 0});
  (void)observe(now, PodForgotten{pod.id});
  pod_of_id_[pod.id.value] = nullptr;
  free_ids_.push_back(pod.id);
  timed_.erase(uid);
  if (pod.stage == PodStage::pending) {
    for (auto entry = parked_.begin(); entry != parked_.end();) {
      std::erase(entry->second, uid);
      entry = entry->second.empty() ? parked_.erase(entry) : std::next(entry);
    }
  }
  if (pod.node.valid()) {
    remove_if_empty(engine_->state().node(pod.node).spec.name, now);
    may_have_made_room();
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
  news_in_list_ = 0;
  for (auto& [uid, pod] : pods_) {
    pod.is_listed = false;
  }
}

void ClusterView::abandon_pod_list() { listing_pods_ = false; }

void ClusterView::end_pod_list(TimeNs now) {
  std::vector<std::string> vanished;
  for (auto& [uid, pod] : pods_) {
    if (pod.is_listed) {
      continue;
    }
    if (pod.from_watch) {
      vanished.push_back(uid);
    } else if (pod.stage == PodStage::bound && pod.missed_ns < 0) {
      // The list may be older than our binding. If not, no watch will ever name the pod.
      pod.missed_ns = now;
      timed_.insert(uid);
    }
  }
  std::sort(vanished.begin(), vanished.end());
  for (const std::string& uid : vanished) {
    forget(uid, now);
  }
  drift_ = had_pod_list_ ? news_in_list_ + static_cast<std::int64_t>(vanished.size()) : 0;
  had_pod_list_ = true;
  listing_pods_ = false;
}

LivePod* ClusterView::find_pod(std::string_view uid) {
  const auto found = pods_.find(std::string(uid));
  return found == pods_.end() ? nullptr : &found->second;
}

std::vector<LivePod*> ClusterView::gang_of(const LivePod& pod) {
  std::vector<LivePod*> members;
  for (const std::string& uid : gangs_.at(pod.gang)) {
    members.push_back(find_pod(uid));
  }
  return members;
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
  if (stage == PodStage::held && pod.holds_end_ns < 0) {
    pod.holds_end_ns = now + options_.hold_ns;
  }
  pod.deadline_ns = stage == PodStage::held ? pod.holds_end_ns : now + options_.binding_ns;
  pod.recorded_gpus.clear();
  for (const GpuAssignment& part : place->gpus) {
    pod.recorded_gpus.push_back(part.gpu);
  }
  timed_.insert(pod.uid);
}

void ClusterView::start_binding(LivePod& pod, TimeNs now) {
  pod.stage = PodStage::binding;
  pod.deadline_ns = now + options_.binding_ns;
  pod.holds_end_ns = -1;
}

void ClusterView::confirm(LivePod& pod, NodeId node, TimeNs now) {
  bind_reported(pod, engine_->state().node(node).spec.name, now);
}

void ClusterView::give_back(const LivePod& pod, TimeNs now) {
  if (engine_->state().pod(pod.id)->phase == PodPhase::reserved) {
    (void)observe(now, ReservationReleased{pod.id});
  } else {
    (void)observe(now, PodEvicted{pod.id, 0});
  }
}

void ClusterView::release(LivePod& pod, TimeNs now) {
  if (pod.stage == PodStage::held || pod.stage == PodStage::binding) {
    const NodeId node = std::exchange(pod.node, {});
    pod.stage = PodStage::pending;
    give_back(pod, now);
    remove_if_empty(engine_->state().node(node).spec.name, now);
  }
}

void ClusterView::may_have_made_room() {
  late_room_ = late_room_ || std::exchange(refused_, false);
  ++rooms_made_;
  room_made_.notify_all();
}

bool ClusterView::wait_for_room(std::unique_lock<std::mutex>& guard, std::chrono::steady_clock::time_point until) {
  const std::uint64_t before = rooms_made_;
  return room_made_.wait_until(guard, until, [&] { return rooms_made_ != before; });
}

int ClusterView::expire(TimeNs now) {
  std::vector<std::string> overdue;
  std::vector<std::string> unseen;
  for (auto entry = timed_.begin(); entry != timed_.end();) {
    const LivePod& pod = pods_.at(*entry);
    const bool is_reserved = pod.stage == PodStage::held || pod.stage == PodStage::binding;
    const bool is_lost = pod.stage == PodStage::bound && pod.missed_ns >= 0;
    if (is_reserved && pod.deadline_ns <= now) {
      overdue.push_back(pod.uid);
    } else if (!pod.from_watch && !is_reserved && (is_lost || pod.stage == PodStage::pending) &&
               (is_lost ? pod.missed_ns : pod.last_seen_ns) + options_.unseen_pod_ns <= now) {
      unseen.push_back(pod.uid);
    }
    const bool is_timed = is_reserved || (!pod.from_watch && (is_lost || pod.stage == PodStage::pending));
    entry = is_timed ? std::next(entry) : timed_.erase(entry);
  }
  std::sort(overdue.begin(), overdue.end());
  std::sort(unseen.begin(), unseen.end());
  for (const std::string& uid : overdue) {
    release(pods_.at(uid), now);
  }
  for (const std::string& uid : unseen) {
    forget(uid, now);
  }
  return static_cast<int>(overdue.size());
}

ViewCounts ClusterView::counts() const {
  ViewCounts counts;
  counts.nodes = static_cast<std::int64_t>(nodes_.size());
  for (const auto& [name, node] : nodes_) {
    counts.gpu_nodes += engine_->state().node(node.id).spec.gpus.empty() ? 0 : 1;
  }
  counts.pods = static_cast<std::int64_t>(pods_.size());
  counts.drift = drift_;
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
