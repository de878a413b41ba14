// Places on a GPU that somebody is about to leave: what moving one pod away would make room for.
#include <algorithm>

#include "engine/mode_search.hpp"

namespace gpusched {

ModeCandidate ModeSearch::best_without(std::uint32_t ordinal, const GpuAssignment& part, RequestClassId leaving) {
  const auto [node, device] = state_->gpu_at(ordinal);
  const GpuState& gpu = state_->node(node).state.gpus[device];
  best_ = {};
  double regained = 0;  // by the GPU, when the pod leaves
  if (part.range.size > 0) {
    const ModeValue& value = index_.value(gpu.model);
    const auto after = static_cast<std::uint16_t>(gpu.mig_occupancy & ~part.range.mask());
    regained = value.of_cut(after) - value.of_cut(gpu.mig_occupancy);
    if (after == 0) {
      offer_on_empty(ordinal);
    } else {
      offer_on_cut(ordinal, after);
    }
  } else if (part.sharing == PartitionSharing::exclusive || gpu.tenants == 1) {
    const double headroom = part.sharing == PartitionSharing::exclusive ? 0.0 : index_.shared(ordinal).headroom;
    regained = 1.0 - ModeValue::of_shared(headroom, rules_.weights.wholeness);
    offer_on_empty(ordinal);
  } else {
    const std::span<const RequestClassId> tenants = state_->tenants(node, device);
    InlineVector<RequestClassId, 8> others;
    const auto left = std::find(tenants.begin(), tenants.end(), leaving);
    for (auto tenant = tenants.begin(); tenant != tenants.end(); ++tenant) {
      if (tenant != left) {
        others.push_back(*tenant);
      }
    }
    const ModeKind mode = gpu.sharing == PartitionSharing::mps ? ModeKind::mps : ModeKind::time_slice;
    const ModeIndex::Shared& now = index_.shared(ordinal);
    const std::span<const RequestClassId> staying(others.begin(), others.end());
    const ModeIndex::Shared after =
        index_.shared_by(*state_, demands_, staying, mode, now.memory_mib, now.free_memory_mib + part.memory_mib);
    regained = ModeValue::of_shared(after.headroom, rules_.weights.wholeness) -
               ModeValue::of_shared(now.headroom, rules_.weights.wholeness);
    offer_beside(ordinal, after, staying, mode);
  }
  ModeCandidate cheapest;
  for (ModeCandidate& candidate : best_) {
    const RejectReason reason =
        candidate.found() ? node_reason(ordinal, candidate.mode) : RejectReason::insufficient_gpus;
    if (reason != RejectReason::none && reason != RejectReason::insufficient_cpu &&
        reason != RejectReason::insufficient_memory) {
      continue;
    }
    candidate.value_lost -= regained;
    candidate.cost = cost_of(candidate.mode, candidate.value_lost, candidate.slowdown, candidate.setup_s);
    if (!cheapest.found() || candidate.cost < cheapest.cost) {
      cheapest = candidate;
    }
  }
  return cheapest;
}

void ModeSearch::offer_on_empty(std::uint32_t ordinal) {
  if ((demand_->modes & mode_bit(ModeKind::whole)) != 0) {
    offer(whole_on(ordinal));
  }
  for (const ModeKind mode : {ModeKind::time_slice, ModeKind::mps}) {
    const ModeCandidate opened = (demand_->modes & mode_bit(mode)) != 0 ? opened_on(ordinal, mode) : ModeCandidate{};
    if (opened.found()) {
      offer(opened);
    }
  }
  offer_on_cut(ordinal, 0);
}

void ModeSearch::offer_on_cut(std::uint32_t ordinal, std::uint16_t occupancy) {
  const auto [id, device] = state_->gpu_at(ordinal);
  const Node& node = state_->node(id);
  const std::uint16_t model = node.state.gpus[device].model;
  if ((demand_->modes & mode_bit(ModeKind::mig)) == 0 || !node.takes_mig) {
    return;
  }
  for (const ModeInstance& instance : demand_->instances[model]) {
    const ModeIndex::InstanceOption place = index_.best_place(model, instance.shape, occupancy);
    if (place.start >= 0) {
      offer(instance_on(ordinal, model, instance, place));
    }
  }
}

void ModeSearch::offer_beside(std::uint32_t ordinal, const ModeIndex::Shared& gpu,
                              std::span<const RequestClassId> tenants, ModeKind mode) {
  if ((demand_->modes & mode_bit(mode)) == 0 || join_reason(gpu, mode) != RejectReason::none) {
    return;
  }
  const bool foresees = rules_.guard == ModeGuard::slowdown;
  const double slowdown = !foresees ? 1.0 : is_surely_too_slow(gpu, mode) ? 0.0 : slowdown_beside(gpu, tenants, mode);
  if (slowdown == 0) {
    return;
  }
  const double lost = shared_value_lost(gpu, mode, false);
  offer({.cost = cost_of(mode, lost, slowdown, 0.0),
         .mode = mode,
         .ordinal = ordinal,
         .slowdown = slowdown,
         .value_lost = lost});
}

}  // namespace gpusched
