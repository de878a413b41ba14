#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "gpusched/cluster/node_index.hpp"
#include "gpusched/filter/request_filter.hpp"
#include "gpusched/policy/placement_policy.hpp"

namespace gpusched {

/// The costs of one kind of request on every live class of nodes, kept current by replaying the index's change log:
/// a decision scores only the classes that changed since this kind of request was last asked for.
class NodeRanking {
 public:
  /// The best slot, and the cost of the best other one that was looked at.
  struct Choice {
    std::uint32_t slot = none;
    std::uint32_t order = 0;  ///< of the chosen node
    std::int64_t cost = 0;
    std::uint16_t gpu = 0;
    std::uint32_t runner_up_slot = none;
    std::int64_t runner_up_cost = 0;
  };
  /// Working space of update(): of no meaning between calls, so that all rankings share one that stays in the cache.
  struct Scratch {
    std::vector<std::uint32_t> stamp;  // by slot: when it was last found stale
    std::uint32_t now = 0;
    std::vector<std::uint32_t> stale;
    std::vector<std::uint32_t> feasible;
    std::vector<NodeScore> scores;
  };
  static constexpr std::uint32_t none = 0xffffffffU;

  void update(PlacementPolicy& policy, const ScoringContext& context, RequestFilter& filter, RequestClassId request,
              Scratch& scratch);
  /// `memory_mib` is checked here, so that requests that differ in memory only share one ranking.
  Choice best(PlacementPolicy& policy, const ScoringContext& context, RequestClassId request, NodeIndex& index,
              std::int64_t memory_mib, std::uint64_t seed);
  /// The same among the nodes offered.
  Choice best_in_scope(PlacementPolicy& policy, const ScoringContext& context, RequestClassId request,
                       const NodeIndex& index, std::int64_t memory_mib, std::span<const NodeId> scope);
  /// How the policy judges the nodes of one slot, refined.
  struct Verdict {
    RejectReason reason = RejectReason::none;
    std::int64_t cost = 0;
    std::int64_t tie = 0;
    std::uint16_t gpu = 0;
  };
  Verdict verdict(PlacementPolicy& policy, const ScoringContext& context, RequestClassId request,
                  const NodeIndex& index, std::int64_t memory_mib, std::uint32_t slot) const;
  RejectCounts reasons(const NodeIndex& index, std::int64_t memory_mib) const;
  RejectCounts reasons_in_scope(const NodeIndex& index, std::int64_t memory_mib, const ClusterState& state,
                                std::span<const NodeId> scope) const;

 private:
  static constexpr std::int64_t infeasible = std::numeric_limits<std::int64_t>::max();

  class Contest;

  RejectReason reason_of(std::uint32_t slot, const NodeIndex& index, std::int64_t memory_mib) const;
  NodeScore score_of(std::uint32_t slot) const;
  void refuse(std::uint32_t slot, RejectReason reason);
  void accept(std::uint32_t slot, const NodeScore& score);
  /// Visits the slots that can take the request, memory aside, in ascending order.
  template <typename Visit>
  void for_each_feasible(Visit visit) const;
  void collect_stale(const NodeIndex& index, bool all, Scratch& scratch);
  Choice draw_among_best(const NodeIndex& index, std::int64_t memory_mib, const ClusterState& state,
                         std::uint64_t seed) const;

  std::uint64_t generation_ = ~std::uint64_t{0};
  std::uint64_t epoch_ = 0;
  std::size_t log_position_ = 0;
  // By slot: why not, or `none` and the score. Most slots of a full cluster are infeasible: sets of 64 skip them.
  std::vector<RejectReason> reason_;
  std::vector<std::uint64_t> feasible_;
  std::vector<std::int64_t> cost_;
  struct Rest {
    std::int64_t tie = 0;
    std::uint32_t memo = 0;
    std::uint16_t gpu = 0;
  };
  std::vector<Rest> rest_;
};

}  // namespace gpusched
