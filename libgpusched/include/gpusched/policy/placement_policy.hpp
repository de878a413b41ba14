#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <vector>

#include "gpusched/base/ids.hpp"
#include "gpusched/cluster/cluster_state.hpp"
#include "gpusched/cluster/node_index.hpp"
#include "gpusched/model/mig_lattice.hpp"
#include "gpusched/score/demand_mix.hpp"

namespace gpusched {

/// Who wins between nodes (or GPUs) of equal cost and tie value.
enum class TieOrder : std::uint8_t {
  node_order,  ///< the first in node order: given ranks, else names
  after_last,  ///< the first in node order behind the last placement, cyclically
  random,      ///< uniform over the nodes, drawn from (seed, decision number)
};

/// What a policy reads, fixed for its life: the engine builds its indexes and caches by it.
struct PolicyTraits {
  NodeView view;
  TieOrder tie_order = TieOrder::node_order;
  bool mig_depends_on_epoch = false;  ///< mig_preference() changes with epoch()
};

/// The best way to put one request on one node, as a policy sees it. Smaller is better.
struct NodeScore {
  std::int64_t cost = 0;
  std::int64_t tie = 0;      ///< compared where costs are equal
  std::uint16_t gpu = 0;     ///< for a share of one GPU: index into the state's GPUs; otherwise unused
};

/// What a policy may know besides the nodes in front of it.
struct ScoringContext {
  const ClusterState& state;
  const DemandMix& target;  ///< what the user says will arrive; empty when nothing is known
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
  std::size_t occupancies() const { return occupancies_; }
  /// For rules that do not prefer fuller GPUs: equal costs go straight to the tie order.
  void ignore_free_units();

 private:
  std::size_t occupancies_ = 0;
  std::vector<Option> options_;
};

/// How to choose. Stateless: answers depend on the arguments only (memos of pure functions apart).
class PlacementPolicy {
 public:
  explicit PlacementPolicy(PolicyTraits traits) : traits_(traits) {}
  virtual ~PlacementPolicy() = default;
  PlacementPolicy(const PlacementPolicy&) = delete;
  PlacementPolicy& operator=(const PlacementPolicy&) = delete;

  const PolicyTraits& traits() const { return traits_; }

  /// A number that changes when costs given before are void: prices move, a forecast is made anew.
  virtual std::uint64_t epoch(const ScoringContext& context);

  /// Scores whole GPUs, shares and CPU-only requests on a batch of node states, all feasible.
  /// Shape: scores.size() == nodes.size().
  virtual void score_nodes(const ScoringContext& context, RequestClassId request,
                           std::span<const NodeState* const> nodes, std::span<NodeScore> scores) = 0;

  /// Preference among MIG placements on one model; asked once, or once per epoch where the traits say so.
  virtual MigPreference mig_preference(const ScoringContext& context, GpuModelId model);

 private:
  PolicyTraits traits_;
};

/// The tightest GPU that takes the share, lowest index among equals. Contract: one does.
std::uint16_t tightest_gpu(const GpuRequest& request, const NodeState& node);

/// Milli-GPU that a request takes.
inline std::int64_t requested_gpu_milli(const GpuRequest& request) {
  return std::int64_t{request.num_gpu} * request.gpu_milli;
}

/// Ties go to the node with the least GPU left over, then the least CPU.
std::int64_t best_fit_tie(const GpuRequest& request, const NodeState& node);

/// MIG rule of the policies that have none of their own: the fewest free units, then the start that leaves the most
/// creatable placements (BF-BI).
MigPreference best_fit_mig(const MigLattice& lattice);

}  // namespace gpusched
