#include <algorithm>
#include <vector>

#include "gpusched/policy/policies.hpp"

namespace gpusched {

namespace {

/// GPUs in use before idle GPUs, idle GPUs of nodes in use before idle nodes. docs/policies/gpu_packing.md
class GpuPacking final : public PlacementPolicy {
 public:
  GpuPacking()
      : PlacementPolicy({.view = {.gpu_identity = GpuIdentity::positional}, .tie_order = TieOrder::node_order}) {}

  void score_nodes(const ScoringContext& context, RequestClassId id, const NodeBatch& nodes,
                   std::span<NodeScore> scores) override {
    const GpuRequest& request = context.state.request(id);
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      scores[i] = {.cost = request.num_gpu == 0 ? 0 : -packing_score(request, nodes[i]),
                   .tie = 0,
                   .gpu = tightest_gpu(request, nodes[i])};
    }
  }

 private:
  static std::int64_t packing_score(const GpuRequest& request, const NodeState& node) {
    const auto gpu_count = static_cast<std::int64_t>(node.gpus.size());
    if (node.free_gpu_milli() == gpu_count * milli_per_unit) {
      return std::max<std::int64_t>(33 - gpu_count, gpu_count);
    }
    std::vector<std::int32_t> free;
    for (const GpuState& gpu : node.gpus) {
      if (gpu.shareable_milli() >= request.gpu_milli) {
        free.push_back(gpu.shareable_milli());
      }
    }
    std::sort(free.begin(), free.end());
    std::int64_t idle_used = 0;
    std::int64_t tenths = 0;
    for (std::size_t i = 0; i < static_cast<std::size_t>(request.num_gpu); ++i) {
      idle_used += free[i] == milli_per_unit ? 1 : 0;
      tenths += free[i] * 100 / 1000;
    }
    return idle_used > 0 ? std::max<std::int64_t>(50 - idle_used, 33) : std::max<std::int64_t>(100 - tenths / 10, 50);
  }
};

}  // namespace

const PolicyInfo gpu_packing_policy = {
    .name = "gpu_packing",
    .description = "GPUs in use first, then idle GPUs of nodes in use, then idle nodes",
    .parameters = {},
    .make = [](const PolicyParameters&, std::uint64_t) -> Result<std::unique_ptr<PlacementPolicy>> {
      return std::unique_ptr<PlacementPolicy>(std::make_unique<GpuPacking>());
    }};

}  // namespace gpusched
