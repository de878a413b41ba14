#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <tuple>
#include <vector>

#include "gpusched/base/intern_table.hpp"
#include "gpusched/cluster/node_class_memo.hpp"
#include "gpusched/cluster/node_index.hpp"
#include "gpusched/score/demand_shape.hpp"
#include "gpusched/score/fill_forecast.hpp"

namespace gpusched {

/// V of the placeable policies: what a node is still worth to the demand that is expected,
///   V(s) = F(s) + c * sum over classes m of p_m b_m r_m n_m(s) / x_m^2
/// with F the fill forecast, n_m(s) the requests of m alone that fit on s, r_m their GPUs, p_m their frequency, x_m the
/// share of the cluster that m alone could still use, b_m a weight. A slot of a class gets dearer with the square of
/// its scarcity. Values are integers: prices are rounded once per refresh. Formula, constants, sources:
/// docs/policies/placeable.md.
class PlaceableValue {
 public:
  using StateId = std::uint32_t;
  using ClassId = std::uint32_t;
  static constexpr std::int64_t units_per_filled_milli = 256;  ///< of V, per milli-GPU and sequence

  /// Starts anew for the cluster in the index; classes are forgotten.
  void reset(const NodeIndex& index, const ClusterState& state);

  /// The class of a request; one more of it counts `count` in forecast and prices.
  ClassId class_of(const GpuRequest& request);
  void count(ClassId id, double count) { classes_[id].count += count; }
  /// One pseudo request that takes all GPUs and nearly all CPU per kind of the largest nodes: what keeps whole nodes
  /// valued before the first large job has been seen.
  void count_whole_nodes();

  /// Deals the forecast anew from the counts. All transitions are void then.
  void deal(std::uint64_t seed, std::uint64_t epoch);
  /// Computes prices from the counts and the places that are left.
  void refresh_prices(const NodeIndex& index);

  /// The state of the nodes in a slot of the index.
  StateId state_of(const NodeIndex& index, std::uint32_t slot);
  /// One way to serve a request on a node. Half a line of memory: a decision looks at dozens.
  struct alignas(32) Transition {
    StateId before = 0;
    std::int32_t fill_loss = 0;     ///< F before less F after, in milli-GPU summed over sequences
    std::uint16_t share : 15 = 0;   ///< free share of the GPU taken; 0 for whole and CPU-only requests
    std::uint16_t last : 1 = 0;     ///< of the ways to serve one request on one state
    std::uint16_t model = 0;        ///< dense number
    std::uint32_t price_epoch = 0;  ///< of price_loss
    std::int64_t price_loss = 0;    ///< the scarcity term before less after
    std::uint32_t counts_at = 0;    ///< into lost_counts_
    std::uint32_t counts_size = 0;
  };
  /// Appends the ways to serve one request of the class, one per distinct GPU share it could take. Contract: it fits.
  void add_transitions(StateId state, ClassId id, std::vector<Transition>& transitions);
  /// V before less V after the request of this class.
  std::int64_t loss(Transition& transition, ClassId id);

  /// Classes of equal shape have the same transitions.
  std::uint32_t shape_of(ClassId id) const { return classes_[id].shape; }
  /// Memory held for states and transitions, about.
  std::size_t memo_bytes() const;
  /// Forgets states and transitions, which are void then; their values do not change.
  void forget_states();

 private:
  static constexpr StateId no_state = 0xffffffffU;

  struct Fill {
    std::uint32_t epoch = 0, deep_epoch = 0;
    std::int32_t plain = 0, deep = 0;
  };
  /// n_m of a state, in counts_.
  struct Counts {
    std::uint32_t at = 0;
    std::uint32_t size = 0;
  };
  /// What the nodes of a slot add to places_.
  struct Counted {
    StateId state = no_state;
    std::uint32_t members = 0;
  };
  struct Class {
    std::uint32_t shape = 0;
    std::uint64_t models = 0;
    double count = 0;
  };

  /// F. A deep look is for states with all GPUs idle and what they turn into: every unbroken node shares these few
  /// states, so the noise of a plain look would bias the whole run.
  std::int32_t fill(const FreeShares& node, bool deep);
  const std::uint8_t* counts(StateId state);
  void find_lost_counts(Transition& transition, ClassId id);
  void count_places(const NodeIndex& index);
  std::vector<ForecastClass> forecast_classes() const;
  double scarcity_weight(const Class& entry, const std::array<double, FreeShares::max_gpus + 1>& share_by_gpus) const;

  InternTable<FreeShares> states_;  // of nodes
  NodeClassMemo<StateId> state_of_class_;
  InternTable<FreeShares> coarse_states_;  // with their CPU rounded down: what F is computed for
  std::vector<Fill> fills_;                // by coarse state
  std::vector<Counts> state_counts_;       // by state
  std::vector<std::uint8_t> counts_;
  std::vector<std::uint8_t> lost_counts_;  // n_m before less n_m after, by transition
  std::vector<std::uint8_t> counts_after_;

  std::vector<std::uint16_t> dense_model_;  // by GpuModelId
  std::vector<std::uint32_t> models_;       // dense -> GpuModelId
  std::int64_t cluster_gpus_ = 0, cluster_cpu_milli_ = 0;
  std::int32_t largest_cpu_milli_ = 1, cpu_grid_milli_ = 1;
  std::vector<FreeShares> largest_nodes_;  // one per CPU size of the nodes with the most GPUs

  std::vector<Class> classes_;
  std::map<std::tuple<std::int32_t, std::int32_t, std::int32_t, std::uint64_t>, ClassId> class_index_;
  DemandShapes shapes_;
  std::vector<std::vector<std::uint32_t>> prices_;  // [dense model][shape], padded
  std::vector<std::vector<std::int64_t>> places_;   // [dense model][shape]: sum of n_m over the nodes
  std::vector<Counted> counted_;                    // by slot: what is in places_
  std::uint64_t counted_generation_ = 0;            // of the index; 0 = nothing counted
  FillForecast forecast_;
  std::uint32_t deal_epoch_ = 1, price_epoch_ = 1;
};

}  // namespace gpusched
