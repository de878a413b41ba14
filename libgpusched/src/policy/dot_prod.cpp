#include "gpusched/policy/policies.hpp"

#include "policy/score_resolution.hpp"

namespace gpusched {

namespace {

/// The smallest dot product of the free and the requested (CPU, GPU) vector, Tetris-like. docs/policies/dot_prod.md
class DotProd final : public PlacementPolicy {
 public:
  explicit DotProd(bool truncated) : PlacementPolicy(resolution_traits(truncated)), truncated_(truncated) {}

  void score_nodes(const ScoringContext& context, RequestClassId id, const NodeBatch& nodes,
                   std::span<NodeScore> scores) override {
    const GpuRequest& request = context.state.request(id);
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const std::int64_t cpu = nodes[i].cpu_free_milli;
      const std::int64_t gpu = nodes[i].free_gpu_milli();
      if (truncated_) {
        const double product =
            static_cast<double>(cpu) / norm_cpu_milli * (static_cast<double>(request.cpu_milli) / norm_cpu_milli) +
            static_cast<double>(gpu) / norm_gpu_milli *
                (static_cast<double>(requested_gpu_milli(request)) / norm_gpu_milli);
        scores[i].cost = -static_cast<std::int64_t>(100.0 * (1.0 - 0.5 * product));
      } else {
        scores[i].cost = cpu * request.cpu_milli + 256 * gpu * requested_gpu_milli(request);  // 256 = 16 x 16
      }
      scores[i].tie = 0;
      scores[i].gpu = tightest_gpu(request, nodes[i]);
    }
  }

 private:
  bool truncated_;
};

}  // namespace

const PolicyInfo dot_prod_policy = {.name = "dot_prod",
                                    .description = "smallest dot product of free and requested CPU and GPU",
                                    .parameters = resolution_parameters,
                                    .make = make_with_resolution<DotProd>};

}  // namespace gpusched
