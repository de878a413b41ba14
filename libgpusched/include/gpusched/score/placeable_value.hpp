#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "gpusched/base/intern_table.hpp"
#include "gpusched/cluster/node_class_memo.hpp"
#include "gpusched/cluster/node_index.hpp"
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

  /// Deals the forecast anew from the counts. All fills are void then.
  void deal(std::uint64_t seed, std::uint64_t epoch);
  /// Computes prices from the counts and the places that are left.
  void refresh_prices(const NodeIndex& index);

  /// The state of the nodes in a slot of the index.
  StateId state_of(const NodeIndex& index, std::uint32_t slot);
  /// One way to serve a request: from one state to another.
  struct alignas(32) Transition {
    StateId before = 0, after = 0;
    std::int32_t fill_loss = 0;  ///< F before less F after, in milli-GPU summed over sequences
    std::uint16_t share = 0;     ///< free share of the GPU taken; 0 for whole and CPU-only requests
    bool last = false;           ///< of the ways for one request on one state
    std::uint32_t price_epoch = 0;
    std::int64_t price_loss = 0;  ///< of that epoch
  };
  /// Appends the ways to serve one request of the class, one per distinct GPU share it could take. Contract: it fits.
  void add_transitions(StateId state, ClassId id, std::vector<Transition>& transitions);
  /// V before less V after.
  std::int64_t loss(Transition& transition);

  /// Classes of equal shape have the same transitions.
  std::uint32_t shape_of(ClassId id) const { return classes_[id].shape; }
  /// States held, each about 300 bytes.
  std::uint32_t state_count() const { return table_.size(); }
  /// Forgets all states, whose numbers are void then; their values do not change.
  void forget_states();

 private:
  static constexpr StateId no_state = 0xffffffffU;

  struct alignas(64) State {    // one line of memory
    StateId coarse = no_state;  // the same with its CPU rounded down: what F is computed for
    std::uint32_t fill_epoch = 0, deep_epoch = 0;
    std::int32_t fill = 0, deep_fill = 0;
    std::uint32_t counts_at = 0;  // into counts_
    std::uint32_t counts_size = 0;
    std::uint32_t price_epoch = 0;
    std::int64_t price = 0;
    std::uint16_t model = 0;
    bool is_idle = false;
  };
  /// What the nodes of a slot add to places_.
  struct Counted {
    StateId state = no_state;
    std::uint32_t members = 0;
  };
  struct Shape {
    DemandShape demand;
    std::uint32_t cpu_kind = 0;  // into cpu_kinds_
    std::uint32_t gpu_kind = 0;  // into gpu_kinds_
  };
  struct Class {
    std::uint32_t shape = 0;
    std::uint64_t models = 0;
    double count = 0;
  };

  StateId intern(const FreeShares& node);
  std::uint32_t shape_index(const DemandShape& shape);
  /// F. A deep look is for states with all GPUs idle and their successors: every unbroken node shares these few states,
  /// so the noise of a plain look would bias the whole run.
  std::int32_t fill(StateId state, bool deep);
  /// The scarcity term of V.
  std::int64_t price(StateId state);
  const std::uint8_t* counts(StateId state);
  void count_places(const NodeIndex& index);
  std::vector<ForecastClass> forecast_classes() const;
  double scarcity_weight(const Class& entry, const std::array<double, FreeShares::max_gpus + 1>& share_by_gpus) const;

  InternTable<FreeShares> table_;
  std::vector<State> states_;
  NodeClassMemo<StateId> state_of_class_;
  std::vector<std::uint16_t> dense_model_;  // by GpuModelId
  std::vector<std::uint32_t> models_;       // dense -> GpuModelId
  std::int64_t cluster_gpus_ = 0, cluster_cpu_milli_ = 0;
  std::int32_t largest_cpu_milli_ = 1, cpu_grid_milli_ = 1;
  std::vector<FreeShares> largest_nodes_;  // one per CPU size of the nodes with the most GPUs

  std::vector<Class> classes_;
  std::map<std::tuple<std::int32_t, std::int32_t, std::int32_t, std::uint64_t>, ClassId> class_index_;
  std::vector<Shape> shapes_;
  std::vector<std::int32_t> cpu_kinds_;                           // CPU of the shapes
  std::vector<std::pair<std::int32_t, std::int32_t>> gpu_kinds_;  // number and milli-GPU of the shapes
  std::vector<std::uint8_t> cpu_kind_fits_, gpu_kind_fits_;       // working space of counts()
  std::vector<std::vector<std::uint32_t>> prices_;                // [dense model][shape]
  std::vector<std::vector<std::int64_t>> places_;                 // [dense model][shape]: sum of n_m over the nodes
  std::vector<Counted> counted_;                                  // by slot
  std::uint64_t counted_generation_ = 0;                          // of the index; 0 = nothing counted
  std::vector<std::uint8_t> counts_;
  FillForecast forecast_;
  std::uint32_t deal_epoch_ = 1, price_epoch_ = 1;
};

}  // namespace gpusched
