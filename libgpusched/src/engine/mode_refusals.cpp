// What an explanation asks of a search: why a mode has no place, and what the places it has cost. Looks at all GPUs,
// which a decision never does.
#include <algorithm>
#include <bit>
#include <cmath>

#include "gpusched/model/gpu_catalog.hpp"

#include "engine/mode_search.hpp"

namespace gpusched {

ModeBar ModeSearch::bar(ModeKind mode) const {
  const GpuRequest& wanted = state_->request(request_);
  const bool shared = mode != ModeKind::whole && mode != ModeKind::mig;
  const bool can_be_named = mode != ModeKind::time_sliced_mig;
  const auto asked_for = can_be_named ? static_cast<SharingMode>(static_cast<int>(mode) + 1) : SharingMode::unstated;
  if (wanted.mode != SharingMode::unstated && wanted.mode != asked_for) {
    return ModeBar::other_mode_named;
  }
  if (shared && wanted.isolation != Isolation::none) {
    return ModeBar::isolation;
  }
  if (mode != ModeKind::whole && demand_->memory_mib == 0) {
    return ModeBar::memory_unknown;
  }
  if (mode == ModeKind::mps && rules_.respects_trust && demand_->trust_domain == 0) {
    return ModeBar::trust_domain_none;
  }
  const bool in_some_pool = std::any_of(rules_.pools.begin(), rules_.pools.end(),
                                        [&](const ModePool& pool) { return (pool.modes & mode_bit(mode)) != 0; });
  return (demand_->modes & mode_bit(mode)) != 0 && in_some_pool ? ModeBar::none : ModeBar::policy;
}

CostTerms ModeSearch::terms(const ModeCandidate& candidate) const {
  const auto millionths = [](double gpus) { return static_cast<std::int64_t>(std::llround(gpus * 1e6)); };
  const bool held_longer = rules_.guard == ModeGuard::slowdown && demand_->loses_value_while_slow;
  CostTerms terms;
  terms.setup = millionths(rules_.weights.delay * candidate.setup_s / demand_->expected_s);
  terms.mps_bonus = candidate.mode == ModeKind::mps ? -millionths(rules_.weights.mps_bonus) : 0;
  terms.slowdown = held_longer ? millionths(candidate.value_lost * (candidate.slowdown - 1)) : 0;
  terms.value_lost = candidate.cost - terms.sum();  // takes what rounding leaves
  return terms;
}

RejectCounts ModeSearch::refusals(ModeKind mode) {
  RejectCounts counts{};
  std::uint32_t begin = 0;
  for (const ModePool& pool : rules_.pools) {
    const std::uint32_t end = end_of_pool(pool, begin);
    const bool serves = (pool.modes & mode_bit(mode)) != 0;
    for (; begin < end; ++begin) {
      const RejectReason reason = serves ? gpu_reason(begin, mode) : RejectReason::sharing_mismatch;
      ++counts[static_cast<std::size_t>(reason)];
    }
  }
  return counts;
}

RejectReason ModeSearch::gpu_reason(std::uint32_t ordinal, ModeKind mode) {
  const auto [id, device] = state_->gpu_at(ordinal);
  const Node& node = state_->node(id);
  const GpuState& gpu = node.state.gpus[device];
  if (!node.state.schedulable || gpu.held) {
    return RejectReason::node_unavailable;
  }
  if (const RejectReason reason = node_reason(ordinal, mode); reason != RejectReason::none) {
    return reason;
  }
  switch (mode) {
    case ModeKind::whole:
      return gpu.idle() ? RejectReason::none : RejectReason::insufficient_gpus;
    case ModeKind::mig:
      return instance_reason(node, gpu);
    case ModeKind::time_slice:
    case ModeKind::mps:
      return share_reason(ordinal, node, gpu, mode);
    case ModeKind::time_sliced_mig:
      return index_.open_instances().contains(ordinal) && join_instance(ordinal).found() ? RejectReason::none
                                                                                         : instance_reason(node, gpu);
  }
  return RejectReason::none;
}

RejectReason ModeSearch::instance_reason(const Node& node, const GpuState& gpu) const {
  const GpuModel& model = gpu_model(GpuModelId{gpu.model});
  if (!node.takes_mig) {
    return RejectReason::mig_unsupported;
  }
  const std::vector<ModeInstance>& instances = demand_->instances[gpu.model];
  if (instances.empty()) {
    const bool fits = std::any_of(model.profiles.begin(), model.profiles.end(), [&](const MigProfile& row) {
      return !row.is_label() && row.memory_mib.value_or(0) >= demand_->memory_mib;
    });
    return fits ? RejectReason::slowdown_exceeded : RejectReason::insufficient_gpu_memory;
  }
  if (!gpu.takes_instances()) {
    return RejectReason::insufficient_gpus;
  }
  // Smallest first. Where a place is free and no candidate was found, the layout has no such instance.
  const MigShape& smallest =
      MigLattice::of(GpuModelId{gpu.model}).shapes()[static_cast<std::size_t>(instances[0].shape)];
  const int free = model.placement_units - std::popcount(gpu.mig_occupancy);
  return free >= smallest.memory_units ? RejectReason::mig_fragmented : RejectReason::insufficient_mig_slices;
}

RejectReason ModeSearch::share_reason(std::uint32_t ordinal, const Node& node, const GpuState& gpu, ModeKind mode) {
  if (gpu.idle()) {
    const std::int64_t memory_mib = node.spec.gpus[0].memory_mib;
    double slowdown = 1;
    return rules_.guard != ModeGuard::none && memory_mib < demand_->memory_mib ? RejectReason::insufficient_gpu_memory
           : !opens_alone(mode, slowdown)                                      ? RejectReason::slowdown_exceeded
                                                                               : RejectReason::none;
  }
  const auto sharing = mode == ModeKind::mps ? PartitionSharing::mps : PartitionSharing::time_slice;
  if (gpu.sharing != sharing) {
    return RejectReason::insufficient_gpus;
  }
  if (!index_.open(mode).contains(ordinal)) {
    return RejectReason::insufficient_gpu_share;
  }
  const RejectReason reason = join_reason(index_.shared(ordinal), mode);
  return reason != RejectReason::none          ? reason
         : slowdown_beside(ordinal, mode) == 0 ? RejectReason::slowdown_exceeded
                                               : RejectReason::none;
}

}  // namespace gpusched
