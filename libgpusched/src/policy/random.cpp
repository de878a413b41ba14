#include "gpusched/base/philox.hpp"
#include "gpusched/filter/request_filter.hpp"
#include "gpusched/policy/policies.hpp"

namespace gpusched {

namespace {

/// Uniform over the feasible nodes, uniform over the GPUs that fit. docs/policies/random.md
class Random final : public PlacementPolicy {
 public:
  explicit Random(std::uint64_t seed)
      : PlacementPolicy({.tie_order = TieOrder::random,
                         .follows_arrivals = true,
                         .mig_rule = [](const ScoringContext&, GpuModelId model) { return any_mig(model); }}),
        seed_(seed) {}

  /// Every arrival draws its GPU anew.
  void on_arrival(const ScoringContext&, RequestClassId) override { start_new_epoch(); }

  void score_nodes(const ScoringContext& context, RequestClassId id, const NodeBatch& nodes,
                   std::span<NodeScore> scores) override {
    const GpuRequest& request = context.state.request(id);
    Philox draws(seed_, StreamPurpose::policy, static_cast<std::uint64_t>(context.state.arrival_count()));
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      scores[i] = {};
      if (request.num_gpu == 1 && request.gpu_milli < milli_per_unit) {
        scores[i].gpu = draw_gpu(request, nodes[i], draws);
      }
    }
  }

 private:
  static std::uint16_t draw_gpu(const GpuRequest& request, const NodeState& node, Philox& draws) {
    std::vector<std::uint16_t> fitting;
    for (std::size_t i = 0; i < node.gpus.size(); ++i) {
      if (share_fits(request, node, node.gpus[i])) {
        fitting.push_back(static_cast<std::uint16_t>(i));
      }
    }
    return fitting[draws.next_below(static_cast<std::uint32_t>(fitting.size()))];
  }

  std::uint64_t seed_;
};

}  // namespace

const PolicyInfo random_policy = {
    .name = "random",
    .description = "uniform over the nodes that fit, then over the GPUs that fit",
    .parameters = {},
    .make = [](const PolicyParameters&, std::uint64_t seed) -> Result<std::unique_ptr<PlacementPolicy>> {
      return std::unique_ptr<PlacementPolicy>(std::make_unique<Random>(seed));
    }};

}  // namespace gpusched
