#include <array>

#include "gpusched/policy/policies.hpp"
#include "gpusched/score/mig_scores.hpp"

namespace gpusched {

namespace {

constexpr std::array<PolicyParameter, 1> parameters = {{
    {.name = "resolution",
     .default_value = "exact",
     .values = "exact|100",
     .description = "100 cuts scores to integers 0..100 as kube-scheduler plugins do"},
}};

// Fixed normalisers of the published simulator: 128 vCPU and 8 GPUs count the same.
constexpr double norm_cpu_milli = 128000.0;
constexpr double norm_gpu_milli = 8000.0;

/// The node with the least CPU and GPU left over; a share goes to the tightest GPU. docs/policies/best_fit.md
class BestFit final : public PlacementPolicy {
 public:
  explicit BestFit(bool truncated)
      : PlacementPolicy({.view = {.gpu_identity = truncated ? GpuIdentity::positional : GpuIdentity::interchangeable},
                         .tie_order = TieOrder::node_order}),
        truncated_(truncated) {}

  void score_nodes(const ScoringContext& context, RequestClassId id, std::span<const NodeState* const> nodes,
                   std::span<NodeScore> scores) override {
    const GpuRequest& request = context.state.request(id);
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const std::int64_t cpu_left = nodes[i]->cpu_free_milli - request.cpu_milli;
      const std::int64_t gpu_left = nodes[i]->free_gpu_milli() - requested_gpu_milli(request);
      if (truncated_) {
        const double left = 0.5 * (static_cast<double>(cpu_left) / norm_cpu_milli) +
                            0.5 * (static_cast<double>(gpu_left) / norm_gpu_milli);
        scores[i].cost = -static_cast<std::int64_t>(100.0 * (1.0 - left));
      } else {
        scores[i].cost = cpu_left + 16 * gpu_left;  // the same weights in integers
      }
      scores[i].tie = 0;
      scores[i].gpu = tightest_gpu(request, *nodes[i]);
    }
  }

 private:
  bool truncated_;
};

}  // namespace

const PolicyInfo best_fit_policy = {
    .name = "best_fit",
    .description = "least CPU and GPU left on the node; tightest GPU; for MIG the fullest GPU, then the best start",
    .parameters = parameters,
    .make = [](const PolicyParameters& p, std::uint64_t) -> Result<std::unique_ptr<PlacementPolicy>> {
      return std::unique_ptr<PlacementPolicy>(std::make_unique<BestFit>(p.find("resolution")->second == "100"));
    }};

}  // namespace gpusched
