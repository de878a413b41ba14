#include "gpusched/policy/mig_loss.hpp"

#include <utility>

namespace gpusched {

namespace {

class MigLoss final : public PlacementPolicy {
 public:
  MigLoss(MigValue value, std::shared_ptr<const ModeRules> modes)
      : PlacementPolicy({.mig_rule = [value = std::move(value)](
                                         const ScoringContext&,
                                         GpuModelId model) { return least_loss(MigLattice::of(model), value); },
                         .modes = std::move(modes)}) {}

  void score_nodes(const ScoringContext& context, RequestClassId id, const NodeBatch& nodes,
                   std::span<NodeScore> scores) override {
    const GpuRequest& request = context.state.request(id);
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      scores[i] = {.cost = best_fit_tie(request, nodes[i]), .tie = 0, .gpu = tightest_gpu(request, nodes[i])};
    }
  }
};

}  // namespace

MigPreference least_loss(const MigLattice& lattice, const MigValue& value) {
  std::vector<std::int64_t> values;
  for (std::size_t mask = 0; mask < std::size_t{1} << lattice.units(); ++mask) {
    values.push_back(value(lattice, static_cast<std::uint16_t>(mask)));
  }
  return {lattice, [&](int, std::uint16_t before, std::uint16_t after) { return values[before] - values[after]; }};
}

Result<std::unique_ptr<PlacementPolicy>> make_mig_loss_policy(MigValue value, std::shared_ptr<const ModeRules> modes) {
  return std::unique_ptr<PlacementPolicy>(std::make_unique<MigLoss>(std::move(value), std::move(modes)));
}

}  // namespace gpusched
