#include "gpusched/cluster/cluster_state.hpp"

#include <algorithm>
#include <utility>

#include "gpusched/cluster/request_check.hpp"
#include "gpusched/model/gpu_catalog.hpp"

#include "cluster/instance_turns.hpp"
#include "cluster/state_errors.hpp"

namespace gpusched {

namespace {

/// Whether one more part fits on a device.
bool part_fits(const Node& node, const GpuState& gpu, const GpuAssignment& part) {
  if (part.range.size > 0) {
    const int units = gpu_model(GpuModelId{gpu.model}).placement_units;
    return node.takes_mig && part.range.start >= 0 && part.range.start + part.range.size <= units &&
           gpu.takes_instances() && (gpu.mig_occupancy & part.range.mask()) == 0 &&
           (gpu.mig_labels & part.mig_labels) == 0 && part.sharing != PartitionSharing::mps &&
           (!part.takes_turns() || instance_holds(gpu, part, 0));
  }
  const bool has_memory = part.memory_mib == 0 || gpu.free_memory_mib >= part.memory_mib;
  if (part.sharing != PartitionSharing::exclusive) {
    return (gpu.idle() || gpu.sharing == part.sharing) && !gpu.held && part.share_milli > 0 &&
           gpu.free_milli >= part.share_milli && has_memory;
  }
  const bool has_seat =
      node.state.replicas == 0 || part.share_milli == milli_per_unit || gpu.tenants < node.state.replicas;
  return part.share_milli > 0 && gpu.shareable_milli() >= part.share_milli && has_seat && has_memory;
}

/// Takes what the pod leaves off the device state and puts on what it brings.
void move_part(GpuState& gpu, const GpuRef& device, const PodMove& move, bool limits_tenants) {
  for (const GpuAssignment& part : move.from.gpus) {
    if (move.from.node == device.node && part.gpu == device.gpu) {
      remove_part(gpu, part, limits_tenants);
    }
  }
  for (const GpuAssignment& part : move.to.gpus) {
    if (move.to.node == device.node && part.gpu == device.gpu) {
      add_part(gpu, part, limits_tenants);
    }
  }
}

bool is_late(const PodRecord& record, std::uint64_t version) { return version != 0 && version <= record.version; }

}  // namespace

Status ClusterState::apply(const Event& event) {
  return std::visit([&](const auto& what) { return on(event.time_ns, what); }, event.what);
}

RequestClassId ClusterState::intern(const GpuRequest& request) {
  const RequestClassId id{requests_.intern(request)};
  arrivals_.resize(requests_.size(), 0);
  return id;
}

NodeId ClusterState::find_node(std::string_view name) const {
  const auto found = node_by_name_.find(std::string(name));
  return found == node_by_name_.end() ? NodeId{} : NodeId{found->second};
}

Status ClusterState::on(TimeNs now, const PodSubmitted& event) {
  if (event.request.value >= requests_.size()) {
    return unknown("request class #" + std::to_string(event.request.value) + " is not known");
  }
  if (arrivals_[event.request.value] == 0) {  // the first of its class
    if (Status sensible = check_gpu_request(requests_[event.request.value]); !sensible) {
      return sensible;
    }
  }
  if (event.pod.value >= pods_.size()) {
    pods_.resize(event.pod.value + std::size_t{1});
  }
  PodRecord& record = pods_[event.pod.value];
  if (record.phase != PodPhase::absent || is_late(record, event.version)) {
    return {};
  }
  record.request = event.request;
  record.phase = PodPhase::pending;
  record.version = event.version;
  ++arrivals_[event.request.value];
  ++arrival_count_;
  count_demand(now, event.request, &ClassDemand::arrive);
  return {};
}

PodRecord* ClusterState::known_pod(PodId id) {
  return id.value < pods_.size() && pods_[id.value].phase != PodPhase::absent ? &pods_[id.value] : nullptr;
}

Status ClusterState::on(TimeNs now, const Reserved& event) {
  PodRecord* record = known_pod(event.pod);
  if (record == nullptr) {
    return unknown(pod_text(event.pod) + " is not known");
  }
  if (record->holds_resources()) {
    return record->placement == event.placement ? Status{} : conflict(pod_text(event.pod) + " holds another place");
  }
  if (Status fits = check_placement(requests_[record->request.value], event.placement, {}); !fits) {
    return fits;
  }
  take(event.pod, event.placement);
  record->phase = PodPhase::reserved;
  count_demand(now, record->request, &ClassDemand::start);
  return {};
}

Status ClusterState::on(TimeNs now, const ReservationReleased& event) {
  PodRecord* record = known_pod(event.pod);
  if (record != nullptr && record->phase == PodPhase::reserved) {
    give_back(event.pod);
    record->phase = PodPhase::pending;
    count_demand(now, record->request, &ClassDemand::undo_start);
  }
  return {};
}

Status ClusterState::on(TimeNs now, const PodBound& event) {
  PodRecord* record = known_pod(event.pod);
  if (record == nullptr) {
    return unknown(pod_text(event.pod) + " is not known");
  }
  if (is_late(*record, event.version) || record->phase > PodPhase::reserved) {
    return {};
  }
  const bool held = record->holds_resources();
  const bool known_node = event.placement.node.value < nodes_.size() && !nodes_[event.placement.node.value].removed;
  Candidate placement = event.placement;
  if (counts_resources_ && known_node && !nodes_[placement.node.value].spec.resources.empty()) {
    Candidate before;
    if (held) {
      before = record->placement;
      give_back(event.pod);
    } else {
      count_demand(now, record->request, &ClassDemand::start);
    }
    placement = adopted_place(event.placement, before);
    take(event.pod, placement);
  } else if (!held || !(record->placement == event.placement)) {
    // The node decided otherwise than we reserved: its word counts, if it can be true once the pod has left.
    const bool same_node = held && record->placement.node == event.placement.node;
    const std::span<const PodId> leaving(&event.pod, same_node ? 1 : 0);
    if (Status fits = check_placement(requests_[record->request.value], event.placement, leaving); !fits) {
      return fits;
    }
    if (held) {
      give_back(event.pod);
    } else {
      count_demand(now, record->request, &ClassDemand::start);
    }
    take(event.pod, event.placement);
  }
  record->phase = PodPhase::bound;
  last_node_ = placement.node;
  if (!placement.gpus.empty()) {
    last_gpu_node_ = placement.node;
    last_device_ = placement.gpus[0].gpu;
  }
  record->version = std::max(record->version, event.version);
  return {};
}

Status ClusterState::on(TimeNs, const PodStarted& event) {
  PodRecord* record = known_pod(event.pod);
  if (record == nullptr) {
    return unknown(pod_text(event.pod) + " is not known");
  }
  if (!is_late(*record, event.version) && record->holds_resources()) {
    record->phase = PodPhase::running;
    record->version = std::max(record->version, event.version);
  }
  return {};
}

Status ClusterState::on(TimeNs now, const PodFinished& event) {
  PodRecord* record = known_pod(event.pod);
  if (record == nullptr || is_late(*record, event.version)) {
    return {};
  }
  if (record->holds_resources()) {
    give_back(event.pod);
  } else {
    count_demand(now, record->request, &ClassDemand::leave);
  }
  record->phase = PodPhase::absent;
  record->version = std::max(record->version, event.version);
  return {};
}

Status ClusterState::on(TimeNs, const PodForgotten& event) {
  if (event.pod.value < pods_.size()) {
    if (pods_[event.pod.value].phase != PodPhase::absent) {
      return conflict(pod_text(event.pod) + " has not finished");
    }
    pods_[event.pod.value] = {};
  }
  return {};
}

Status ClusterState::on(TimeNs now, const PodEvicted& event) {
  PodRecord* record = known_pod(event.pod);
  if (record == nullptr || is_late(*record, event.version)) {
    return {};
  }
  if (record->holds_resources()) {
    give_back(event.pod);
    record->phase = PodPhase::pending;
    count_demand(now, record->request, &ClassDemand::arrive);
  }
  record->version = std::max(record->version, event.version);
  return {};
}

Status ClusterState::on(TimeNs, const ProfileLoaded& event) {
  if (Status good = check_job_profile(event.profile); !good) {
    return good;
  }
  profiles_.insert_or_assign(event.profile.name, event.profile);
  ++profiles_version_;
  return {};
}

Status ClusterState::on(TimeNs, const GpuHeld& event) { return hold(event.node, event.gpu, true); }

Status ClusterState::on(TimeNs, const GpuReleased& event) { return hold(event.node, event.gpu, false); }

Status ClusterState::on(TimeNs, const Tick&) { return {}; }

Status ClusterState::hold(NodeId id, std::uint16_t device, bool held) {
  if (id.value >= nodes_.size() || nodes_[id.value].removed || device >= nodes_[id.value].state.gpus.size()) {
    return unknown("node #" + std::to_string(id.value) + " with a GPU " + std::to_string(device) + " is not known");
  }
  Node& node = nodes_[id.value];
  GpuState& gpu = node.state.gpus[device];
  if (gpu.held == held) {
    return {};
  }
  const bool indexes = !order_stale_ && node.takes_mig && node.state.schedulable && gpu.free_milli == milli_per_unit;
  if (indexes && held) {
    gpu_index_.erase(first_gpu(id) + device);
  }
  gpu.held = held;
  if (indexes && !held) {
    gpu_index_.insert(gpu, first_gpu(id) + device);
  }
  if (follows_gpus_) {
    changed_gpus_.push_back({id, device});
  }
  mark_changed(id);
  return {};
}

const JobProfile* ClusterState::profile(std::string_view name) const {
  const auto found = profiles_.find(name);
  return found == profiles_.end() ? nullptr : &found->second;
}

std::span<const RequestClassId> ClusterState::tenants(NodeId id, std::uint16_t gpu) const {
  const std::size_t index = gpu_base_[id.value] + std::size_t{gpu};
  return index < tenants_.size() ? std::span(tenants_[index].data(), tenants_[index].size())
                                 : std::span<const RequestClassId>();
}

void ClusterState::take_changed_gpus(std::vector<GpuRef>& changed) {
  changed.clear();
  changed.swap(changed_gpus_);
}

void ClusterState::move_tenant(NodeId node, const GpuAssignment& part, RequestClassId request, int direction) {
  if (tenants_.size() < gpus_added_) {
    tenants_.resize(gpus_added_);
  }
  InlineVector<RequestClassId, 8>& list = tenants_[gpu_base_[node.value] + std::size_t{part.gpu}];
  if (direction > 0) {
    list.push_back(request);
    return;
  }
  list.swap_remove(static_cast<std::size_t>(std::find(list.begin(), list.end(), request) - list.begin()));
}

Status ClusterState::check_placement(const GpuRequest& request, const Candidate& placement,
                                     std::span<const PodId> leaving, const PodMove* moved) const {
  if (placement.node.value >= nodes_.size() || nodes_[placement.node.value].removed) {
    return unknown("node #" + std::to_string(placement.node.value) + " is not known");
  }
  const Node& node = nodes_[placement.node.value];
  const bool limits_tenants = node.state.replicas > 0;
  std::int64_t cpu_free_milli = node.state.cpu_free_milli;
  std::int64_t memory_free_mib = node.state.memory_free_mib;
  for (const PodId pod : leaving) {
    const GpuRequest& held = requests_[pods_[pod.value].request.value];
    cpu_free_milli += held.cpu_milli;
    memory_free_mib += held.memory_mib;
  }
  if (moved != nullptr) {
    const GpuRequest& held = requests_[pods_[moved->pod.value].request.value];
    const int gains = (moved->from.node == placement.node ? 1 : 0) - (moved->to.node == placement.node ? 1 : 0);
    cpu_free_milli += gains * held.cpu_milli;
    memory_free_mib += gains * held.memory_mib;
  }
  if (cpu_free_milli < request.cpu_milli || memory_free_mib < request.memory_mib) {
    return conflict("node '" + node.spec.name + "' has too little CPU or memory left");
  }
  if (counts_resources_ && !node.spec.resources.empty()) {
    if (Status counted = check_count(request, node, placement.node, leaving); !counted) {
      return counted;
    }
  }
  for (std::size_t i = 0; i < placement.gpus.size(); ++i) {
    const GpuAssignment& part = placement.gpus[i];
    if (part.gpu >= node.state.gpus.size()) {
      return unknown("node '" + node.spec.name + "' has no GPU " + std::to_string(part.gpu));
    }
    GpuState gpu = node.state.gpus[part.gpu];
    for (const PodId pod : leaving) {
      for (const GpuAssignment& given_up : pods_[pod.value].placement.gpus) {
        if (given_up.gpu == part.gpu) {
          remove_part(gpu, given_up, limits_tenants);
        }
      }
    }
    if (moved != nullptr) {
      move_part(gpu, {placement.node, part.gpu}, *moved, limits_tenants);
    }
    for (std::size_t before = 0; before < i; ++before) {
      if (placement.gpus[before].gpu == part.gpu) {  // two parts on one device: the second sees the first
        add_part(gpu, placement.gpus[before], limits_tenants);
      }
    }
    const bool joins =
        part.takes_turns() && part.range.start < time_sliced_starts && gpu.turn_takers(part.range.start) > 0;
    if (joins ? !joins_instance(placement, i, gpu, leaving, moved) : !part_fits(node, gpu, part)) {
      return conflict("GPU " + std::to_string(part.gpu) + " of node '" + node.spec.name +
                      "' has no room for the claim");
    }
  }
  return {};
}

void ClusterState::count_demand(TimeNs now, RequestClassId request, void (ClassDemand::*change)(JobClass)) {
  const GpuRequest& wanted = requests_[request.value];
  if (states_intent(wanted)) {
    class_demand_.advance(now);
    (class_demand_.*change)(wanted.job_class);
  }
}

void ClusterState::take(PodId pod, const Candidate& placement) {
  PodRecord& record = pods_[pod.value];
  shift(record.request, placement, 1);
  Node& node = nodes_[placement.node.value];
  record.placement = placement;
  node.pods.push_back(pod);
  count_priority(requests_[record.request.value].priority, 1);
  mark_changed(placement.node);
}

void ClusterState::give_back(PodId pod) {
  PodRecord& record = pods_[pod.value];
  if (!moving_to_.empty() && moving_to(pod) != nullptr) {
    release_target(pod);
  }
  if (!last_moved_ns_.empty()) {
    last_moved_ns_.erase(pod);
  }
  fetch(record.placement);
  shift(record.request, record.placement, -1);
  Node& node = nodes_[record.placement.node.value];
  // A node holds few pods: looking for this one costs less than the records of others, which would know their place.
  node.pods.swap_remove(
      static_cast<std::size_t>(std::find(node.pods.begin(), node.pods.end(), pod) - node.pods.begin()));
  count_priority(requests_[record.request.value].priority, -1);
  mark_changed(record.placement.node);
}

void ClusterState::fetch(const Candidate& placement) const {
#ifdef __GNUC__
  const Node& node = nodes_[placement.node.value];
  __builtin_prefetch(&node);
  for (const GpuAssignment& part : placement.gpus) {
    __builtin_prefetch(node.state.gpus.data() + part.gpu);
    const std::size_t index = gpu_base_[placement.node.value] + std::size_t{part.gpu};
    if (part.takes_turns()) {
      __builtin_prefetch(turn_takers_.data() + index);
    } else if (part.sharing != PartitionSharing::exclusive) {
      __builtin_prefetch(tenants_.data() + index);
    }
  }
  __builtin_prefetch(&node.pods);
  __builtin_prefetch(reinterpret_cast<const char*>(&node.pods) + 64);
#endif
}

std::int64_t ClusterState::last_placed_node_order() const {
  return last_node_.valid() && !nodes_[last_node_.value].removed ? std::int64_t{nodes_[last_node_.value].order} : -1;
}

std::int64_t ClusterState::last_placed_gpu() const {
  return last_gpu_node_.valid() && !nodes_[last_gpu_node_.value].removed
             ? std::int64_t{first_gpu(last_gpu_node_)} + last_device_
             : -1;
}

void ClusterState::shift(RequestClassId id, const Candidate& placement, int direction) {
  // The index first: the next decision reads it, and unlike the node it is in the cache.
  for (const GpuAssignment& part : placement.gpus) {
    if (!order_stale_ && part.range.size > 0 && moves_units(placement.node, part, direction)) {
      gpu_index_.flip_units(first_gpu(placement.node) + part.gpu, part.range.mask());
    }
  }
  const GpuRequest& request = requests_[id.value];
  Node& node = nodes_[placement.node.value];
  node.state.cpu_free_milli -= direction * request.cpu_milli;
  node.state.memory_free_mib -= direction * request.memory_mib;
  const auto kind = static_cast<std::size_t>(request_kind(request));
  node.hosted_count[kind] = static_cast<std::uint16_t>(node.hosted_count[kind] + direction);
  const int kind_bit = 1 << kind;
  node.state.hosted_kinds = static_cast<std::uint8_t>(
      node.hosted_count[kind] > 0 ? node.state.hosted_kinds | kind_bit : node.state.hosted_kinds & ~kind_bit);
  if (follows_gpus_ && placement.gpus.empty() && !node.state.gpus.empty()) {
    changed_gpus_.push_back({placement.node, 0});  // its host resources changed: one GPU stands for the node
  }
  if (counts_resources_) {
    if (const auto resource = find_resource(node.spec.resources, request)) {
      resource_used_[placement.node.value][*resource] += direction * std::int64_t{request.num_gpu};
    }
  }
  const bool limits_tenants = node.state.replicas > 0;
  for (const GpuAssignment& part : placement.gpus) {
    GpuState& gpu = node.state.gpus[part.gpu];
    active_gpus_ -= gpu.idle() ? 0 : 1;
    const std::int16_t units = moves_units(placement.node, part, direction) ? part.range.size : std::int16_t{0};
    const bool may_enter_or_leave =  // a share may leave nothing to cut, or all
        part.range.size == 0 && !order_stale_ && node.takes_mig && node.state.schedulable;
    if (may_enter_or_leave && gpu.takes_instances()) {
      gpu_index_.erase(first_gpu(placement.node) + part.gpu);
    }
    if (direction > 0) {
      if (counts_resources_) {
        gpu.held = false;  // it was held for the count alone: what is there is there
      }
      add_part(gpu, part, limits_tenants);
    } else {
      remove_part(gpu, part, limits_tenants);
    }
    used_mig_units_ += direction * units;
    used_gpu_milli_ += direction * part.share_milli;
    active_gpus_ += gpu.idle() ? 0 : 1;
    if (may_enter_or_leave && gpu.takes_instances()) {
      gpu_index_.insert(gpu, first_gpu(placement.node) + part.gpu);
    }
    if (part.takes_turns()) {
      move_turn_taker(placement.node, part, id, direction);
    } else if (part.sharing != PartitionSharing::exclusive && part.range.size == 0) {
      move_tenant(placement.node, part, id, direction);
    }
    if (follows_gpus_) {
      changed_gpus_.push_back({placement.node, part.gpu});
    }
  }
  for (std::size_t i = 0; counts_resources_ && i < node.spec.resources.size(); ++i) {
    hold_beyond_count(placement.node, i);
  }
}

void ClusterState::count_priority(std::int32_t priority, int direction) {
  const auto place = std::lower_bound(held_by_priority_.begin(), held_by_priority_.end(), priority,
                                      [](const auto& entry, std::int32_t value) { return entry.first < value; });
  if (place == held_by_priority_.end() || place->first != priority) {
    held_by_priority_.insert(place, {priority, direction});
  } else if ((place->second += direction) == 0) {
    held_by_priority_.erase(place);
  }
}

void ClusterState::mark_changed(NodeId id) {
  if (!nodes_[id.value].changed) {
    nodes_[id.value].changed = true;
    changed_.push_back(id);
  }
}

std::vector<NodeId> ClusterState::take_changed_nodes() {
  for (const NodeId id : changed_) {
    nodes_[id.value].changed = false;
  }
  return std::exchange(changed_, {});
}

}  // namespace gpusched
