#include <algorithm>
#include <limits>

#include "gpusched/base/intern_table.hpp"
#include "gpusched/filter/request_filter.hpp"
#include "gpusched/policy/mig_loss.hpp"
#include "gpusched/policy/policies.hpp"
#include "gpusched/score/mig_scores.hpp"
#include "gpusched/score/placeable_value.hpp"

namespace gpusched {

namespace {

constexpr std::int64_t refresh_every = 25;        // arrivals between two price refreshes
constexpr std::int64_t refresh_every_early = 10;  // while little has been seen
constexpr std::int64_t early_arrivals = 1000;
constexpr std::int64_t first_deal_at = 20;  // arrivals before the first learned forecast
constexpr std::uint64_t deal_seed = 7;
constexpr std::size_t most_memo_bytes = std::size_t{256} << 20;  // beyond, the memos start anew

/// Takes what costs the least placeable value: fill forecast plus scarcity prices. docs/policies/placeable.md
class Placeable final : public PlacementPolicy {
 public:
  explicit Placeable(bool learns)
      : PlacementPolicy(
            {.tie_order = TieOrder::state_order,
             .refines = true,
             .follows_arrivals = true,
             .mig_rule = [](const ScoringContext&,
                            GpuModelId model) { return least_loss(MigLattice::of(model), buddy_potential); }}),
        learns_(learns) {}

  void on_arrival(const ScoringContext& context, RequestClassId id) override {
    if (context.state.topology_version() != topology_version_) {
      start_over(context);
    } else if (value_.memo_bytes() + transitions_.size() * bytes_per_transition > most_memo_bytes) {
      value_.forget_states();
      drop_scores();
    }
    const GpuRequest& request = context.state.request(id);
    if (learns_from(context) && request.mig_profile.empty()) {
      value_.count(class_of(context, id), 1);
    }
    ++arrivals_;
    if (learns_from(context) && arrivals_ >= next_deal_at_) {
      next_deal_at_ = next_deal_at_ < early_arrivals ? next_deal_at_ * 5 / 2 : next_deal_at_ * 2;
      deal();
    }
    const bool early = learns_from(context) && arrivals_ <= early_arrivals;
    if (++since_refresh_ >= (early ? refresh_every_early : refresh_every)) {
      since_refresh_ = 0;
      value_.refresh_prices(context.index);
    }
  }

  /// Bounds: the loss of the fill forecast alone.
  void score_nodes(const ScoringContext& context, RequestClassId id, const NodeBatch& nodes,
                   std::span<NodeScore> scores) override {
    if (context.state.topology_version() != topology_version_) {
      start_over(context);
    }
    const PlaceableValue::ClassId request_class = class_of(context, id);
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const Ways& ways = ways_for(value_.state_of(context.index, nodes.slot(i)), request_class);
      scores[i].cost = ways.least_fill_loss * PlaceableValue::units_per_filled_milli;
      scores[i].memo = ways.first;
    }
  }

  void refine(const ScoringContext& context, RequestClassId id, const NodeState& node, NodeScore& score) override {
    score.cost = std::numeric_limits<std::int64_t>::max();
    const GpuRequest& request = context.state.request(id);
    const PlaceableValue::ClassId request_class = class_of(context, id);
    for (std::uint32_t at = score.memo;; ++at) {
      PlaceableValue::Transition& way = transitions_[at];
      const std::int64_t loss = value_.loss(way, request_class);
      if (loss < score.cost && gpu_with_share(request, node, way.share, score.gpu)) {
        score.cost = loss;
      }
      if (way.last) {
        break;
      }
    }
    score.tie = best_fit_tie(request, node);
  }

 private:
  /// Requests of one shape on nodes in one state.
  struct Key {
    PlaceableValue::StateId state = 0;
    std::uint32_t shape = 0;

    friend bool operator==(const Key&, const Key&) = default;
    friend std::uint64_t hash_value(const Key& key) { return mix_bits(std::uint64_t{key.state} << 32 | key.shape); }
  };
  /// How they can be served.
  struct Ways {
    std::uint32_t first = 0;  // into transitions_
    std::int32_t least_fill_loss = std::numeric_limits<std::int32_t>::max();
  };

  const Ways& ways_for(PlaceableValue::StateId state, PlaceableValue::ClassId request_class) {
    const std::uint32_t id = keys_.intern({.state = state, .shape = value_.shape_of(request_class)});
    if (id == ways_.size()) {
      Ways ways;
      ways.first = static_cast<std::uint32_t>(transitions_.size());
      value_.add_transitions(state, request_class, transitions_);
      for (const PlaceableValue::Transition& way : std::span(transitions_).subspan(ways.first)) {
        ways.least_fill_loss = std::min(ways.least_fill_loss, way.fill_loss);
      }
      ways_.push_back(ways);
    }
    return ways_[id];
  }

  /// With no list of classes given there is nothing to know: the policy learns then.
  bool learns_from(const ScoringContext& context) const { return learns_ || context.target.classes.empty(); }

  /// Finds a device in that state of sharing that takes the request; share 0 stands for whole and CPU-only requests.
  static bool gpu_with_share(const GpuRequest& request, const NodeState& node, std::uint16_t share,
                             std::uint16_t& gpu) {
    for (std::size_t i = 0; share > 0 && i < node.gpus.size(); ++i) {
      if (node.gpus[i].shareable_milli() == share && share_fits(request, node, node.gpus[i])) {
        gpu = static_cast<std::uint16_t>(i);
        return true;
      }
    }
    return share == 0;
  }

  PlaceableValue::ClassId class_of(const ScoringContext& context, RequestClassId id) {
    if (id.value >= classes_.size()) {
      classes_.resize(id.value + std::size_t{1}, unknown_class);
    }
    if (classes_[id.value] == unknown_class) {
      classes_[id.value] = value_.class_of(context.state.request(id));
    }
    return classes_[id.value];
  }

  void deal() {
    value_.deal(deal_seed, ++deals_);
    drop_scores();
  }

  void drop_scores() {
    keys_.clear();
    ways_.clear();
    transitions_.clear();
    start_new_epoch();
  }

  /// The cluster changed: everything that follows from the counts is computed anew.
  void start_over(const ScoringContext& context) {
    topology_version_ = context.state.topology_version();
    value_.reset(context.index, context.state);
    classes_.clear();
    if (learns_from(context)) {
      value_.count_whole_nodes();
      const auto arrivals = context.state.arrivals();
      for (std::uint32_t i = 0; i < arrivals.size(); ++i) {
        if (arrivals[i] > 0 && context.state.request(RequestClassId{i}).mig_profile.empty()) {
          value_.count(class_of(context, RequestClassId{i}), static_cast<double>(arrivals[i]));
        }
      }
    } else {
      for (const DemandClass& entry : context.target.classes) {
        if (entry.request.mig_profile.empty()) {
          value_.count(value_.class_of(entry.request), static_cast<double>(entry.count));
        }
      }
    }
    deal();
    value_.refresh_prices(context.index);
  }

  static constexpr std::size_t bytes_per_transition =
      sizeof(PlaceableValue::Transition) + sizeof(Ways) + 3 * sizeof(Key);
  static constexpr std::uint32_t unknown_class = 0xffffffffU;

  bool learns_;
  PlaceableValue value_;
  std::uint64_t topology_version_ = ~std::uint64_t{0};
  std::vector<PlaceableValue::ClassId> classes_;  // by RequestClassId
  InternTable<Key> keys_;
  std::vector<Ways> ways_;  // by key
  std::vector<PlaceableValue::Transition> transitions_;
  std::int64_t arrivals_ = 0;
  std::int64_t since_refresh_ = 0;
  std::int64_t next_deal_at_ = first_deal_at;
  std::uint64_t deals_ = 0;
};

template <bool learns>
Result<std::unique_ptr<PlacementPolicy>> make(const PolicyParameters&, std::uint64_t) {
  return std::unique_ptr<PlacementPolicy>(std::make_unique<Placeable>(learns));
}

}  // namespace

const PolicyInfo placeable_policy = {
    .name = "placeable",
    .description = "least loss of placeable value against the given mix: fill forecast and scarcity; MIG: buddy",
    .parameters = {},
    .make = make<false>};

const PolicyInfo placeable_online_policy = {
    .name = "placeable_online",
    .description = "placeable with the mix learned from the arrivals; needs no list of classes",
    .parameters = {},
    .make = make<true>};

}  // namespace gpusched
