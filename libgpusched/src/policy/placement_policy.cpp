#include "gpusched/policy/placement_policy.hpp"

#include "gpusched/filter/request_filter.hpp"
#include "gpusched/score/mig_scores.hpp"

namespace gpusched {

MigPreference::MigPreference(const MigLattice& lattice, const Cost& cost)
    : occupancies_(std::size_t{1} << lattice.units()),
      options_(lattice.shapes().size() * occupancies_),
      placing_costs_(lattice.placements().size() * occupancies_) {
  for (std::size_t shape = 0; shape < lattice.shapes().size(); ++shape) {
    for (std::size_t mask = 0; mask < occupancies_; ++mask) {
      const auto before = static_cast<std::uint16_t>(mask);
      Option& best = options_[shape * occupancies_ + mask];
      for (const MigPlacement& placement : lattice.placements_of(static_cast<int>(shape))) {
        if ((placement.range.mask() & before) != 0) {
          continue;
        }
        const auto after = static_cast<std::uint16_t>(before | placement.range.mask());
        const std::int64_t value = cost(static_cast<int>(shape), before, after);
        const auto index = static_cast<std::size_t>(&placement - lattice.placements().data());
        placing_costs_[index * occupancies_ + mask] = value;
        if (best.start < 0 || value < best.cost) {
          best = {.cost = value, .tie = free_units(lattice, before), .start = placement.range.start};
        }
      }
    }
  }
}

void MigPreference::ignore_free_units() {
  for (Option& option : options_) {
    option.tie = 0;
  }
}

void PlacementPolicy::refine(const ScoringContext&, RequestClassId, const NodeState&, NodeScore&) {}

void PlacementPolicy::on_arrival(const ScoringContext&, RequestClassId) {}

MigPreference any_mig(GpuModelId model) {
  MigPreference preference(MigLattice::of(model), [](int, std::uint16_t, std::uint16_t) { return 0; });
  preference.ignore_free_units();
  return preference;
}

MigPreference best_fit_mig(const MigLattice& lattice) {
  return {lattice, [&](int, std::uint16_t before, std::uint16_t after) {
            return std::int64_t{free_units(lattice, before)} * 1000 - creatable_count(lattice, after);
          }};
}

std::uint16_t tightest_gpu(const GpuRequest& request, const NodeState& node) {
  std::uint16_t best = 0;
  std::int32_t best_share = std::numeric_limits<std::int32_t>::max();
  for (std::size_t i = 0; i < node.gpus.size(); ++i) {
    const GpuState& gpu = node.gpus[i];
    const std::int32_t share = gpu.shareable_milli();
    if (share < best_share && share_fits(request, node, gpu)) {
      best = static_cast<std::uint16_t>(i);
      best_share = share;
    }
  }
  return best;
}

std::int64_t best_fit_tie(const GpuRequest& request, const NodeState& node) {
  const std::int64_t gpu_left = node.free_gpu_milli() - requested_gpu_milli(request);
  return (gpu_left << 32) + (node.cpu_free_milli - request.cpu_milli);
}

}  // namespace gpusched
