#include "gpusched/reshape/gpu_choice.hpp"

#include <map>
#include <tuple>
#include <vector>

#include "gpusched/score/mig_scores.hpp"

namespace gpusched {

namespace {

/// What tells two GPUs of a model apart here: not their names, nor which pod is where.
std::vector<std::uint32_t> class_of(const GpuLayout& gpu) {
  std::vector<std::uint32_t> key;
  for (const PlacedPartition& part : gpu.partitions) {
    key.push_back(part.profile.value << 16U | static_cast<std::uint32_t>(part.range.start) << 2U |
                  static_cast<std::uint32_t>(part.use));
  }
  return key;
}

/// Buddy potential that the plan takes from the GPU.
std::int64_t potential_loss(const ReshapePlan& plan) {
  const GpuLayout& before = plan.from.gpus.front();
  const GpuLayout after = state_after(plan, plan.steps.size()).value().gpus.front();
  const MigLattice& lattice = MigLattice::of(before.model);
  const auto potential = [&](const GpuLayout& gpu) {
    return buddy_potential(lattice, lattice.occupancy(lattice_state(gpu).value()));
  };
  return potential(before) - potential(after);
}

}  // namespace

Result<std::optional<GpuChoice>> choose_gpu(std::span<const GpuLayout> gpus, GpuModelId model, MigProfileId need,
                                            const ReshapePlanOptions& options) {
  struct Cost {
    bool possible = false;
    TimeNs lost_ns = 0;
    std::int64_t loss = 0;
  };
  std::map<std::vector<std::uint32_t>, Cost> costs;
  std::optional<std::size_t> best;
  Cost best_cost;
  for (std::size_t i = 0; i < gpus.size(); ++i) {
    if (gpus[i].model != model || gpus[i].drained || !gpus[i].mig_enabled) {
      continue;
    }
    const auto [entry, is_new] = costs.try_emplace(class_of(gpus[i]));
    if (is_new) {
      const Result<ReshapeAnswer> answer = plan_room({&gpus[i], 1}, 0, need, options);
      if (!answer) {
        return answer.error();
      }
      if (const std::optional<ReshapePlan>& plan = answer.value().plan) {
        entry->second = {.possible = true, .lost_ns = plan->cost.lost_gpu.total_ns(), .loss = potential_loss(*plan)};
      }
    }
    const Cost& cost = entry->second;
    if (cost.possible && (!best || std::tie(cost.lost_ns, cost.loss) < std::tie(best_cost.lost_ns, best_cost.loss))) {
      best = i;
      best_cost = cost;
    }
  }
  if (!best) {
    return std::optional<GpuChoice>();
  }
  const Result<ReshapeAnswer> answer = plan_room({&gpus[*best], 1}, 0, need, options);
  return std::optional<GpuChoice>({.gpu = *best, .plan = *answer.value().plan});
}

}  // namespace gpusched
