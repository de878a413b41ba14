#include <array>
#include <cmath>
#include <optional>

#include "gpusched/base/intern_table.hpp"
#include "gpusched/cluster/node_class_memo.hpp"
#include "gpusched/filter/request_filter.hpp"
#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/policy/mig_loss.hpp"
#include "gpusched/policy/policies.hpp"
#include "gpusched/score/fragmentation.hpp"
#include "gpusched/score/free_shares.hpp"
#include "gpusched/score/mig_scores.hpp"

namespace gpusched {

namespace {

constexpr std::array<PolicyParameter, 4> parameters = {{
    {.name = "target",
     .default_value = "100",
     .values = "PERCENT",
     .description = "the most frequent request classes that make up this much of the demand; the paper takes 95"},
    {.name = "resolution",
     .default_value = "exact",
     .values = "exact|100",
     .description = "100 squashes the change of fragmentation to integers 0..100 as the paper's plugin does"},
    {.name = "tie",
     .default_value = "best_fit",
     .values = "best_fit|rank|random",
     .description = "who wins among equal scores; the paper's simulator takes the smallest node rank"},
    {.name = "weight",
     .default_value = "slice",
     .values = "slice|count",
     .description = "MIG: weigh profiles by demanded slices or by number of requests"},
}};

constexpr std::uint32_t most_fragments = 1'000'000;  // beyond, the memo starts anew; about 100 MB

struct Options {
  int target_percent = 100;
  bool truncated = false;
  bool best_fit_ties = true;
  TieOrder tie_order = TieOrder::node_order;
  bool slice_weights = true;
};

/// Least growth of the expected free units that the demanded profiles cannot use.
MigPreference least_mig_fragmentation(const ScoringContext& context, GpuModelId model, bool slice_weights) {
  const MigLattice& lattice = MigLattice::of(model);
  std::vector<std::int64_t> weights(lattice.shapes().size(), 0);
  for (const DemandClass& entry : context.target.classes) {
    const Result<MigProfileId> profile = find_mig_profile(model, entry.request.mig_profile);
    if (!entry.request.mig_profile.empty() && profile.ok()) {
      const auto shape = static_cast<std::size_t>(lattice.shape_of(profile.value()));
      weights[shape] += entry.count * (slice_weights ? lattice.shapes()[shape].memory_units : 1);
    }
  }
  return least_loss(lattice, [&](const MigLattice& l, std::uint16_t occupancy) {
    return -fgd_mig_fragmentation(l, weights, occupancy);
  });
}

/// Fragmentation Gradient Descent: least growth of the fragmentation against the target mix. docs/policies/fgd.md
class Fgd final : public PlacementPolicy {
 public:
  explicit Fgd(const Options& options)
      : PlacementPolicy({.view = {.gpu_identity = options.tie_order == TieOrder::node_order && !options.best_fit_ties
                                                      ? GpuIdentity::positional
                                                      : GpuIdentity::interchangeable},
                         .tie_order = options.tie_order,
                         .mig_rule =
                             [slice_weights = options.slice_weights](const ScoringContext& context, GpuModelId model) {
                               return least_mig_fragmentation(context, model, slice_weights);
                             }}),
        options_(options) {}

  void score_nodes(const ScoringContext& context, RequestClassId id, const NodeBatch& nodes,
                   std::span<NodeScore> scores) override {
    if (!model_) {
      model_.emplace(typical_classes(context.target, options_.target_percent));
    }
    const GpuRequest& request = context.state.request(id);
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const Fragment& before =
          known_.of_slot(context.index, nodes.slot(i), [&](const NodeState& node) { return fragment(node); });
      scores[i] = score(request, nodes[i], before);
      scores[i].tie = options_.best_fit_ties ? best_fit_tie(request, nodes[i]) : 0;
    }
  }

 private:
  /// Fragmentation in the unit that the resolution asks for.
  struct Fragment {
    std::int64_t weighted = 0;
    double published_milli = 0;
  };

  NodeScore score(const GpuRequest& request, const NodeState& before, const Fragment& fragment_before) {
    NodeState after = before;
    after.cpu_free_milli -= request.cpu_milli;
    NodeScore best;
    if (request.num_gpu == 1 && request.gpu_milli < milli_per_unit) {
      bool found = false;
      for (std::size_t i = 0; i < before.gpus.size(); ++i) {
        // Equal neighbours give equal answers; the lowest index wins.
        if (!share_fits(request, before, before.gpus[i]) || (i > 0 && before.gpus[i] == before.gpus[i - 1])) {
          continue;
        }
        after.gpus[i].free_milli = static_cast<std::uint16_t>(before.gpus[i].free_milli - request.gpu_milli);
        const std::int64_t cost = growth_cost(fragment_before, fragment(after));
        after.gpus[i].free_milli = before.gpus[i].free_milli;
        if (!found || cost < best.cost) {
          best = {.cost = cost, .tie = 0, .gpu = static_cast<std::uint16_t>(i)};
          found = true;
        }
      }
      return best;
    }
    std::int32_t missing = request.num_gpu;
    for (GpuState& gpu : after.gpus) {
      if (missing > 0 && gpu.shareable_milli() >= request.gpu_milli) {
        gpu.free_milli = static_cast<std::uint16_t>(gpu.free_milli - request.gpu_milli);
        --missing;
      }
    }
    best.cost = growth_cost(fragment_before, fragment(after));
    return best;
  }

  Fragment fragment(const NodeState& node) {
    if (node.gpus.size() > FreeShares::max_gpus) {
      return measure(node);
    }
    FreeShares seen = FreeShares::of(node);
    seen.cpu_milli = model_->cpu_step(node.cpu_free_milli);
    if (seen_.size() > most_fragments) {
      seen_.clear();
      fragments_.clear();
    }
    const std::uint32_t id = seen_.intern(seen);
    if (id == fragments_.size()) {
      fragments_.push_back(measure(node));
    }
    return fragments_[id];
  }
  Fragment measure(const NodeState& node) const {
    return options_.truncated ? Fragment{.weighted = 0, .published_milli = model_->fragment_as_published(node)}
                              : Fragment{.weighted = model_->weighted_fragment(node), .published_milli = 0};
  }

  /// Growth of fragmentation as a cost: exact (weighted milli-GPU), or the paper's 100 x sigmoid cut to an integer.
  std::int64_t growth_cost(const Fragment& before, const Fragment& after) const {
    if (!options_.truncated) {
      return after.weighted - before.weighted;
    }
    const double gain_gpus = (before.published_milli - after.published_milli) / 1000.0;
    return -static_cast<std::int64_t>(100.0 * (1.0 / (1.0 + std::exp(-gain_gpus))));
  }

  Options options_;
  std::optional<FragmentationModel> model_;
  NodeClassMemo<Fragment> known_;
  // The same few states are met again and again, before one request and after another: each is measured once.
  InternTable<FreeShares> seen_;  // its CPU is a step
  std::vector<Fragment> fragments_;
};

Result<std::unique_ptr<PlacementPolicy>> make(const PolicyParameters& p, std::uint64_t) {
  Options options;
  const std::string& target = p.find("target")->second;
  options.target_percent = 0;
  for (const char c : target) {
    options.target_percent =
        c >= '0' && c <= '9' && options.target_percent <= 100 ? options.target_percent * 10 + (c - '0') : 1000;
  }
  if (options.target_percent < 1 || options.target_percent > 100) {
    return Error{.code = ErrorCode::invalid_argument,
                 .message = "policy 'fgd': target='" + target + "' is not a percentage from 1 to 100",
                 .file = {},
                 .line = 0,
                 .remedy = {}};
  }
  options.truncated = p.find("resolution")->second == "100";
  const std::string& tie = p.find("tie")->second;
  options.best_fit_ties = tie == "best_fit";
  options.tie_order = tie == "random" ? TieOrder::random : TieOrder::node_order;
  options.slice_weights = p.find("weight")->second == "slice";
  return std::unique_ptr<PlacementPolicy>(std::make_unique<Fgd>(options));
}

}  // namespace

const PolicyInfo fgd_policy = {.name = "fgd",
                               .description = "least growth of fragmentation against the expected mix (ATC'23)",
                               .parameters = parameters,
                               .make = make};

}  // namespace gpusched
