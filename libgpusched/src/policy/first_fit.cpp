#include "gpusched/filter/request_filter.hpp"
#include "gpusched/policy/policies.hpp"

namespace gpusched {

namespace {

/// The first node in order that fits, lowest GPU, lowest start. With `after_last` the order starts behind the last
/// placement: round robin. docs/policies/first_fit.md, docs/policies/round_robin.md
class InOrder final : public PlacementPolicy {
 public:
  explicit InOrder(TieOrder order)
      : PlacementPolicy({.view = {.gpu_identity = GpuIdentity::positional},
                         .tie_order = order,
                         .mig_rule = [](const ScoringContext&, GpuModelId model) { return any_mig(model); }}) {}

  void score_nodes(const ScoringContext& context, RequestClassId id, const NodeBatch& nodes,
                   std::span<NodeScore> scores) override {
    const GpuRequest& request = context.state.request(id);
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      scores[i] = {};
      while (request.num_gpu == 1 && !share_fits(request, nodes[i], nodes[i].gpus[scores[i].gpu])) {
        ++scores[i].gpu;
      }
    }
  }
};

template <TieOrder order>
Result<std::unique_ptr<PlacementPolicy>> make(const PolicyParameters&, std::uint64_t) {
  return std::unique_ptr<PlacementPolicy>(std::make_unique<InOrder>(order));
}

}  // namespace

const PolicyInfo first_fit_policy = {.name = "first_fit",
                                     .description = "the first node, GPU and start that fit",
                                     .parameters = {},
                                     .make = make<TieOrder::node_order>};

const PolicyInfo round_robin_policy = {.name = "round_robin",
                                       .description = "first fit, scanning from behind the last placement",
                                       .parameters = {},
                                       .make = make<TieOrder::after_last>};

}  // namespace gpusched
