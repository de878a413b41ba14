#include <algorithm>
#include <tuple>

#include "gpusched/model/mig_lattice.hpp"

#include "engine/caches.hpp"

namespace gpusched {

namespace {

/// What evicting from one node would take, smaller is better: the kube-scheduler's order of criteria.
struct Price {
  std::int32_t highest_priority = 0;
  std::int64_t sum_of_priorities = 0;
  std::size_t victims = 0;

  friend auto operator<=>(const Price&, const Price&) = default;
};

/// Gives or takes the resources of a pod on a copy of its node.
void shift_copy(NodeState& node, const GpuRequest& request, const Candidate& placement, int direction) {
  node.cpu_free_milli -= direction * request.cpu_milli;
  node.memory_free_mib -= direction * request.memory_mib;
  for (const GpuAssignment& part : placement.gpus) {
    GpuState& gpu = node.gpus[part.gpu];
    if (direction > 0) {
      add_part(gpu, part, node.replicas > 0);
    } else {
      remove_part(gpu, part, node.replicas > 0);
    }
  }
}

std::optional<Candidate> place_instances_plainly(const ClusterState& state, RequestClassId id, NodeId node_id,
                                                 const NodeState& node, RequestFilter& filter) {
  const GpuRequest& request = state.request(id);
  if (node.cpu_free_milli < request.cpu_milli || node.memory_free_mib < request.memory_mib) {
    return std::nullopt;
  }
  const ResolvedProfile& profile = filter.resolve(state, id, node.gpus[0].model);
  const MigLattice& lattice = MigLattice::of(GpuModelId{node.gpus[0].model});
  Candidate candidate;
  candidate.node = node_id;
  for (std::size_t i = 0; i < node.gpus.size(); ++i) {
    GpuState gpu = node.gpus[i];
    for (const MigPlacement& placement : lattice.placements_of(profile.shape)) {
      if (candidate.gpus.size() < static_cast<std::size_t>(request.num_gpu) && gpu.takes_instances() &&
          (gpu.mig_occupancy & placement.range.mask()) == 0 && (gpu.mig_labels & profile.conflicts) == 0 &&
          (!profile.needs_empty_gpu || gpu.mig_occupancy == 0)) {
        candidate.gpus.push_back({.gpu = static_cast<std::uint16_t>(i),
                                  .share_milli = 0,
                                  .range = placement.range,
                                  .profile = profile.profile,
                                  .mig_labels = profile.mig_labels,
                                  .memory_mib = 0});
        gpu.mig_occupancy |= placement.range.mask();
        gpu.mig_labels |= profile.mig_labels;
      }
    }
  }
  if (candidate.gpus.size() < static_cast<std::size_t>(request.num_gpu)) {
    return std::nullopt;
  }
  return candidate;
}

/// Places the request on a node state without a policy: the fullest devices that fit, lowest starts.
std::optional<Candidate> place_plainly(const ClusterState& state, RequestClassId id, NodeId node_id,
                                       const NodeState& node, RequestFilter& filter) {
  const GpuRequest& request = state.request(id);
  Node copy;
  copy.spec = state.node(node_id).spec;
  copy.state = node;
  if (request.mig_profile.empty()) {
    if (RequestFilter::capacity_reason(request, node) != RejectReason::none) {
      return std::nullopt;
    }
    return assign_gpus(request, node_id, copy, node, tightest_gpu(request, node));
  }
  return place_instances_plainly(state, id, node_id, node, filter);
}

}  // namespace

std::optional<PreemptThenBind> Engine::find_preemption(RequestClassId id,
                                                       std::optional<std::span<const NodeId>> scope) {
  const GpuRequest& request = state_.request(id);
  const auto nodes = scope ? *scope : state_.node_order();
  std::optional<PreemptThenBind> best;
  Price best_price;
  for (const NodeId node_id : nodes) {
    const Node& node = state_.node(node_id);
    if (!node.state.schedulable || node.removed ||
        caches_->filter.static_reason(state_, id, node.state.shape) != RejectReason::none) {
      continue;
    }
    std::vector<PodId> lower;
    for (const PodId pod : node.pods) {
      const GpuRequest& held = state_.request(state_.pod(pod)->request);
      if (held.priority < request.priority && held.preemptible) {
        lower.push_back(pod);
      }
    }
    std::sort(lower.begin(), lower.end(), [&](PodId a, PodId b) {
      const auto key = [&](PodId pod) { return std::tuple(-state_.request(state_.pod(pod)->request).priority, pod); };
      return key(a) < key(b);
    });
    const auto request_of = [&](PodId pod) -> const GpuRequest& { return state_.request(state_.pod(pod)->request); };
    NodeState copy = node.state;
    for (const PodId pod : lower) {
      shift_copy(copy, request_of(pod), state_.pod(pod)->placement, -1);
    }
    auto place = place_plainly(state_, id, node_id, copy, caches_->filter);
    if (lower.empty() || !place) {
      continue;
    }
    // Reprieve as many as possible, the highest priority first.
    PreemptThenBind plan;
    Price price{.highest_priority = 0, .sum_of_priorities = 0, .victims = 0};
    for (const PodId pod : lower) {
      shift_copy(copy, request_of(pod), state_.pod(pod)->placement, 1);
      if (auto still = place_plainly(state_, id, node_id, copy, caches_->filter)) {
        place = std::move(still);
        continue;
      }
      shift_copy(copy, request_of(pod), state_.pod(pod)->placement, -1);
      const std::int32_t priority = request_of(pod).priority;
      price.highest_priority = plan.victims.empty() ? priority : std::max(price.highest_priority, priority);
      price.sum_of_priorities += priority;
      plan.victims.push_back(pod);
    }
    price.victims = plan.victims.size();
    if (!best || price < best_price) {
      std::reverse(plan.victims.begin(), plan.victims.end());
      plan.candidate = *place;
      best = std::move(plan);
      best_price = price;
    }
  }
  return best;
}

}  // namespace gpusched
