#include "gpusched/policy/policies.hpp"

namespace gpusched {

namespace {

constexpr int cpu_only_kind = 7;

/// Keeps requests of one kind (shares, 1, 2, 4, 8 GPUs) together, then fills the fuller node.
/// Score of 0..100: 75 for a node that hosts only this kind, 50 for this among others, 25 for an empty one, plus up to
/// 25 for the GPU in use. docs/policies/gpu_clustering.md
class GpuClustering final : public PlacementPolicy {
 public:
  GpuClustering()
      : PlacementPolicy({.view = {.gpu_identity = GpuIdentity::positional, .reads_hosted_kinds = true},
                         .tie_order = TieOrder::node_order}) {}

  void score_nodes(const ScoringContext& context, RequestClassId id, const NodeBatch& nodes,
                   std::span<NodeScore> scores) override {
    const GpuRequest& request = context.state.request(id);
    const int kind = request_kind(request);
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      scores[i] = {.cost = 0, .tie = 0, .gpu = tightest_gpu(request, nodes[i])};
      if (kind == cpu_only_kind) {
        continue;
      }
      const int hosted = nodes[i].hosted_kinds & ~(1 << cpu_only_kind);
      const int mine = 1 << kind;
      const std::int64_t affinity = hosted == mine ? 75 : (hosted & mine) != 0 ? 50 : hosted == 0 ? 25 : 0;
      const std::int64_t in_use = 25 * (8000 - nodes[i].free_gpu_milli()) / 8000;
      scores[i].cost = -(affinity + in_use);
    }
  }
};

}  // namespace

const PolicyInfo gpu_clustering_policy = {
    .name = "gpu_clustering",
    .description = "requests of one kind (shares, 1, 2, 4, 8 GPUs) together",
    .parameters = {},
    .make = [](const PolicyParameters&, std::uint64_t) -> Result<std::unique_ptr<PlacementPolicy>> {
      return std::unique_ptr<PlacementPolicy>(std::make_unique<GpuClustering>());
    }};

}  // namespace gpusched
