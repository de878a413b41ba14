#include "gpusched/filter/request_filter.hpp"
#include "gpusched/policy/policies.hpp"
#include "gpusched/score/mig_scores.hpp"

namespace gpusched {

namespace {

MigPreference emptiest_gpu(const ScoringContext&, GpuModelId model) {
  const MigLattice& lattice = MigLattice::of(model);
  return {lattice, [&](int, std::uint16_t before, std::uint16_t after) {
            return -std::int64_t{free_units(lattice, before)} * 1000 - creatable_count(lattice, after);
          }};
}

/// The node with the most GPU, then CPU, left over; a share goes to the emptiest GPU. docs/policies/worst_fit.md
class WorstFit final : public PlacementPolicy {
 public:
  WorstFit() : PlacementPolicy({.mig_rule = emptiest_gpu}) {}

  void score_nodes(const ScoringContext& context, RequestClassId id, const NodeBatch& nodes,
                   std::span<NodeScore> scores) override {
    const GpuRequest& request = context.state.request(id);
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const NodeState& node = nodes[i];
      scores[i] = {.cost = -node.free_gpu_milli(), .tie = -node.cpu_free_milli, .gpu = 0};
      std::int32_t widest = -1;
      for (std::size_t gpu = 0; gpu < node.gpus.size(); ++gpu) {
        if (node.gpus[gpu].shareable_milli() > widest && share_fits(request, node, node.gpus[gpu])) {
          widest = node.gpus[gpu].shareable_milli();
          scores[i].gpu = static_cast<std::uint16_t>(gpu);
        }
      }
    }
  }
};

}  // namespace

const PolicyInfo worst_fit_policy = {
    .name = "worst_fit",
    .description = "most GPU left on the node, emptiest GPU: spreads load",
    .parameters = {},
    .make = [](const PolicyParameters&, std::uint64_t) -> Result<std::unique_ptr<PlacementPolicy>> {
      return std::unique_ptr<PlacementPolicy>(std::make_unique<WorstFit>());
    }};

}  // namespace gpusched
