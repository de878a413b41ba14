#include "gpusched/policy/policies.hpp"

#include "policy/score_resolution.hpp"

namespace gpusched {

namespace {

/// The node with the least CPU and GPU left over; a share goes to the tightest GPU. docs/policies/best_fit.md
class BestFit final : public PlacementPolicy {
 public:
  explicit BestFit(bool truncated) : PlacementPolicy(resolution_traits(truncated)), truncated_(truncated) {}

  void score_nodes(const ScoringContext& context, RequestClassId id, const NodeBatch& nodes,
                   std::span<NodeScore> scores) override {
    const GpuRequest& request = context.state.request(id);
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const std::int64_t cpu_left = nodes[i].cpu_free_milli - request.cpu_milli;
      const std::int64_t gpu_left = nodes[i].free_gpu_milli() - requested_gpu_milli(request);
      if (truncated_) {
        const double left = 0.5 * (static_cast<double>(cpu_left) / norm_cpu_milli) +
                            0.5 * (static_cast<double>(gpu_left) / norm_gpu_milli);
        scores[i].cost = -static_cast<std::int64_t>(100.0 * (1.0 - left));
      } else {
        scores[i].cost = cpu_left + 16 * gpu_left;  // the same weights in integers
      }
      scores[i].tie = 0;
      scores[i].gpu = tightest_gpu(request, nodes[i]);
    }
  }

 private:
  bool truncated_;
};

}  // namespace

const PolicyInfo best_fit_policy = {
    .name = "best_fit",
    .description = "least CPU and GPU left on the node; tightest GPU; for MIG the fullest GPU, then the best start",
    .parameters = resolution_parameters,
    .make = make_with_resolution<BestFit>};

}  // namespace gpusched
