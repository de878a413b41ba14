#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "gpusched/base/ids.hpp"
#include "gpusched/cluster/cluster_state.hpp"
#include "gpusched/cluster/node_index.hpp"
#include "gpusched/model/mig_lattice.hpp"
#include "gpusched/policy/mode_rules.hpp"
#include "gpusched/score/demand_mix.hpp"

namespace gpusched {

/// Who wins between nodes (or GPUs) of equal cost and tie value.
enum class TieOrder : std::uint8_t {
  node_order,   ///< the first in node order: given ranks, else names
  after_last,   ///< the first in node order behind the last placement, cyclically
  state_order,  ///< by the state of the node (least free memory first), node order only between equal states
  random,       ///< uniform over the nodes, drawn from (seed, arrivals so far)
};

/// The best way to put one request on one node, as a policy sees it. Smaller is better.
struct NodeScore {
  std::int64_t cost = 0;
  std::int64_t tie = 0;    ///< compared where costs are equal
  std::uint16_t gpu = 0;   ///< for a share of one GPU: index into the state's GPUs; otherwise unused
  std::uint32_t memo = 0;  ///< the policy's own; handed back to refine()
};

/// States of nodes to score, one per class; the states live in the index.
class NodeBatch {
 public:
  NodeBatch(const NodeIndex& index, std::span<const std::uint32_t> slots) : index_(index), slots_(slots) {}

  std::size_t size() const { return slots_.size(); }
  const NodeState& operator[](std::size_t i) const { return index_.state_of_slot(slots_[i]); }
  std::uint32_t slot(std::size_t i) const { return slots_[i]; }

 private:
  const NodeIndex& index_;
  std::span<const std::uint32_t> slots_;
};

/// What a policy may know besides the nodes in front of it.
struct ScoringContext {
  const ClusterState& state;
  const DemandMix& target;  ///< what the user says will arrive; empty when nothing is known
  const NodeIndex& index;   ///< the nodes by class, up to date
};

/// For every occupancy of one lattice and every shape: where an instance would go, and what it costs.
class MigPreference {
 public:
  struct Option {
    std::int64_t cost = 0;
    std::int32_t tie = 0;
    std::int16_t start = -1;  ///< -1: no legal place
  };
  using Cost = std::function<std::int64_t(int shape, std::uint16_t before, std::uint16_t after)>;

  /// Takes the cheapest start for each (shape, occupancy); equal costs go to the lowest start.
  /// Ties between GPUs go to the fewest free units.
  MigPreference(const MigLattice& lattice, const Cost& cost);

  const Option& at(int shape, std::uint16_t occupancy) const {
    return options_[static_cast<std::size_t>(shape) * occupancies_ + occupancy];
  }
  /// What the policy makes of one place, best or not: `placement` indexes MigLattice::placements(), its units are free.
  std::int64_t placing_cost(int placement, std::uint16_t before) const {
    return placing_costs_[static_cast<std::size_t>(placement) * occupancies_ + before];
  }
  std::size_t occupancies() const { return occupancies_; }
  /// For rules that do not prefer fuller GPUs: equal costs go straight to the tie order.
  void ignore_free_units();

 private:
  std::size_t occupancies_ = 0;
  std::vector<Option> options_;
  std::vector<std::int64_t> placing_costs_;
};

/// How a policy ranks MIG placements on one model.
using MigRule = std::function<MigPreference(const ScoringContext&, GpuModelId)>;

/// What a policy reads, fixed for its life: the engine builds its indexes and caches by it.
struct PolicyTraits {
  NodeView view{};
  TieOrder tie_order = TieOrder::node_order;
  bool refines = false;                      ///< score_nodes() gives lower bounds, refine() the costs
  bool follows_arrivals = false;             ///< wants on_arrival()
  MigRule mig_rule{};                        ///< empty: best_fit_mig
  std::shared_ptr<const ModeRules> modes{};  ///< how jobs that state intent are served; empty: a whole GPU each
};

/// How to choose. What it answers depends on its parameters, the arguments and the arrivals it was told of: memos of
/// pure functions apart it holds no state that events do not give it.
class PlacementPolicy {
 public:
  explicit PlacementPolicy(PolicyTraits traits) : traits_(std::move(traits)) {}
  virtual ~PlacementPolicy() = default;
  PlacementPolicy(const PlacementPolicy&) = delete;
  PlacementPolicy& operator=(const PlacementPolicy&) = delete;

  const PolicyTraits& traits() const { return traits_; }
  /// Changes when scores given before are void: a forecast is made anew.
  std::uint64_t epoch() const { return epoch_; }

  /// Scores whole GPUs, shares and CPU-only requests on a batch of node states, all feasible. Scores hold until the
  /// node's class or the epoch changes. Shape: scores.size() == nodes.size().
  virtual void score_nodes(const ScoringContext& context, RequestClassId request, const NodeBatch& nodes,
                           std::span<NodeScore> scores) = 0;

  /// For policies that refine: the cost now, no smaller than the bound in `score`, which it replaces.
  virtual void refine(const ScoringContext& context, RequestClassId request, const NodeState& node, NodeScore& score);

  /// For policies that follow arrivals: a pod was submitted, and the state knows it already.
  virtual void on_arrival(const ScoringContext& context, RequestClassId request);

 protected:
  void start_new_epoch() { ++epoch_; }

 private:
  PolicyTraits traits_;
  std::uint64_t epoch_ = 0;
};

/// The tightest GPU that takes the share, lowest index among equals. Contract: one does.
std::uint16_t tightest_gpu(const GpuRequest& request, const NodeState& node);

/// Milli-GPU that a request takes.
inline std::int64_t requested_gpu_milli(const GpuRequest& request) {
  return std::int64_t{request.num_gpu} * request.gpu_milli;
}

/// Ties go to the node with the least GPU left over, then the least CPU.
std::int64_t best_fit_tie(const GpuRequest& request, const NodeState& node);

/// MIG rule without a preference among GPUs: the tie order decides, instances go to the lowest start.
MigPreference any_mig(GpuModelId model);

/// MIG rule of the policies that have none of their own: the fewest free units, then the start that leaves the most
/// creatable placements (BF-BI).
MigPreference best_fit_mig(const MigLattice& lattice);

}  // namespace gpusched
