#include "engine/node_ranking.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <functional>
#include <tuple>

#include "gpusched/base/philox.hpp"

namespace gpusched {

void NodeRanking::collect_stale(const NodeIndex& index, bool all, Scratch& scratch) {
  scratch.stale.clear();
  const std::uint32_t slots = index.slot_count();
  reason_.resize(slots, RejectReason::none);
  feasible_.resize(all ? 0 : feasible_.size());  // there may be fewer slots than before
  feasible_.resize(slots / 64 + 1, 0);
  cost_.resize(slots, infeasible);
  rest_.resize(slots);
  const auto log = index.change_log();
  if (all || log.size() - log_position_ > slots) {
    for (std::uint32_t slot = 0; slot < slots; ++slot) {
      scratch.stale.push_back(slot);
    }
  } else {
    scratch.stamp.resize(std::max<std::size_t>(scratch.stamp.size(), slots), scratch.now);
    ++scratch.now;
    for (const std::uint32_t slot : log.subspan(log_position_)) {
      if (scratch.stamp[slot] != scratch.now) {
        scratch.stamp[slot] = scratch.now;
        scratch.stale.push_back(slot);
      }
    }
  }
  log_position_ = log.size();
}

void NodeRanking::update(PlacementPolicy& policy, const ScoringContext& context, RequestFilter& filter,
                         RequestClassId request, Scratch& scratch) {
  const NodeIndex& index = context.index;
  const bool all = generation_ != index.generation() || epoch_ != policy.epoch();
  generation_ = index.generation();
  epoch_ = policy.epoch();
  collect_stale(index, all, scratch);
  scratch.feasible.clear();
  const GpuRequest& wanted = context.state.request(request);
  for (const std::uint32_t slot : scratch.stale) {
    RejectReason reason = RejectReason::none;
    if (index.is_live(slot)) {
      const NodeState& node = index.state_of_slot(slot);
      reason = filter.static_reason(context.state, request, node.shape);
      if (reason == RejectReason::none) {
        reason = RequestFilter::capacity_reason(wanted, node);
      }
      if (reason == RejectReason::none) {
        scratch.feasible.push_back(slot);
      }
    }
    refuse(slot, reason);
  }
  scratch.scores.assign(scratch.feasible.size(), {});
  if (!scratch.feasible.empty()) {
    policy.score_nodes(context, request, {index, scratch.feasible}, scratch.scores);
  }
  for (std::size_t i = 0; i < scratch.feasible.size(); ++i) {
    accept(scratch.feasible[i], scratch.scores[i]);
  }
}

void NodeRanking::refuse(std::uint32_t slot, RejectReason reason) {
  reason_[slot] = reason;
  feasible_[slot / 64] &= ~(std::uint64_t{1} << (slot % 64));
  cost_[slot] = infeasible;
}

void NodeRanking::accept(std::uint32_t slot, const NodeScore& score) {
  feasible_[slot / 64] |= std::uint64_t{1} << (slot % 64);
  cost_[slot] = score.cost;
  rest_[slot] = {.tie = score.tie, .memo = score.memo, .gpu = score.gpu};
}

template <typename Visit>
void NodeRanking::for_each_feasible(Visit visit) const {
  for (std::size_t word = 0; word < feasible_.size(); ++word) {
    for (std::uint64_t bits = feasible_[word]; bits != 0; bits &= bits - 1) {
      visit(static_cast<std::uint32_t>(word * 64) + static_cast<std::uint32_t>(std::countr_zero(bits)));
    }
  }
}

NodeScore NodeRanking::score_of(std::uint32_t slot) const {
  const Rest& rest = rest_[slot];
  return {.cost = cost_[slot], .tie = rest.tie, .gpu = rest.gpu, .memo = rest.memo};
}

/// Keeps the best slot met so far and the best other one, by (cost, tie, tie order).
class NodeRanking::Contest {
 public:
  Contest(TieOrder tie_order, const NodeIndex& index) : tie_order_(tie_order), index_(index) {
    choice_.cost = choice_.runner_up_cost = infeasible;
  }

  std::int64_t best_cost() const { return choice_.cost; }
  std::int64_t runner_up_cost() const { return choice_.runner_up_cost; }

  /// `place` gives the slot's place in the tie order (smaller wins); it is asked for only where it decides.
  template <typename Place>
  void enter(std::uint32_t slot, const NodeScore& score, Place place) {
    bool wins = score.cost < choice_.cost;
    std::int64_t slot_place = -1;
    if (score.cost == choice_.cost) {
      wins = score.tie < tie_;
      if (score.tie == tie_) {
        const int by_state = tie_order_ == TieOrder::state_order ? compare_states(slot) : 0;
        if (by_state == 0) {
          slot_place = place(slot);
        }
        wins = by_state != 0 ? by_state < 0 : slot_place < place_;
      }
    }
    if (wins) {
      choice_.runner_up_slot = choice_.slot;
      choice_.runner_up_cost = choice_.cost;
      choice_.slot = slot;
      choice_.cost = score.cost;
      choice_.gpu = score.gpu;
      tie_ = score.tie;
      place_ = slot_place >= 0 ? slot_place : place(slot);
    } else if (score.cost < choice_.runner_up_cost) {
      choice_.runner_up_slot = slot;
      choice_.runner_up_cost = score.cost;
    }
  }

  Choice result(std::int64_t node_count) {
    if (choice_.slot != none) {
      choice_.order = static_cast<std::uint32_t>(place_ % node_count);
    }
    return choice_;
  }

 private:
  /// Least free memory first, then any fixed order of contents; names play no part.
  int compare_states(std::uint32_t slot) const {
    const NodeState& a = index_.state_of_slot(slot);
    const NodeState& b = index_.state_of_slot(choice_.slot);
    const auto key = [](const NodeState& s) { return std::tuple(s.memory_free_mib, s.cpu_free_milli, s.shape); };
    if (key(a) != key(b)) {
      return key(a) < key(b) ? -1 : 1;
    }
    for (std::size_t i = 0; i < std::min(a.gpus.size(), b.gpus.size()); ++i) {
      const auto gpu_key = [](const GpuState& g) {
        return std::tuple(g.free_milli, g.mig_occupancy, g.mig_labels, g.tenants, g.free_memory_mib, g.sliced_starts);
      };
      if (gpu_key(a.gpus[i]) != gpu_key(b.gpus[i])) {
        return gpu_key(a.gpus[i]) < gpu_key(b.gpus[i]) ? -1 : 1;
      }
    }
    return 0;
  }

  TieOrder tie_order_;
  const NodeIndex& index_;
  Choice choice_;
  std::int64_t tie_ = 0;
  std::int64_t place_ = 0;
};

NodeRanking::Choice NodeRanking::best(PlacementPolicy& policy, const ScoringContext& context, RequestClassId request,
                                      NodeIndex& index, std::int64_t memory_mib, std::uint64_t seed) {
  const TieOrder order = policy.traits().tie_order;
  if (order == TieOrder::random) {
    return draw_among_best(index, memory_mib, context.state, seed);
  }
  const std::int64_t after = order == TieOrder::after_last ? context.state.last_placed_node_order() : -1;
  const auto node_count = static_cast<std::int64_t>(index.order_count());
  // Place of a slot's best member in the node order; behind the cursor counts from it, cyclically.
  const auto place = [&](std::uint32_t slot) {
    if (after < 0) {
      return std::int64_t{index.first_member(slot)};
    }
    const std::uint32_t next = index.first_member_after(slot, after);
    return next != none ? std::int64_t{next} : std::int64_t{index.first_member(slot)} + node_count;
  };
  const auto memory_free = index.memory_free_of_slot();
  Contest contest(order, index);
  if (policy.traits().refines) {
    // The smallest bound first: its cost rules out most of the others unseen.
    std::uint32_t first = none;
    for_each_feasible([&](std::uint32_t slot) {
      if ((first == none || cost_[slot] < cost_[first]) && memory_free[slot] >= memory_mib) {
        first = slot;
      }
    });
    const auto refine_and_enter = [&](std::uint32_t slot) {
      NodeScore score = score_of(slot);
      policy.refine(context, request, index.state_of_slot(slot), score);
      contest.enter(slot, score, place);
    };
    if (first != none) {
      refine_and_enter(first);
    }
    for_each_feasible([&](std::uint32_t slot) {
      if (cost_[slot] <= contest.best_cost() && slot != first && memory_free[slot] >= memory_mib) {
        refine_and_enter(slot);
      }
    });
    return contest.result(node_count);
  }
  for_each_feasible([&](std::uint32_t slot) {
    const std::int64_t cost = cost_[slot];
    if ((cost <= contest.best_cost() || cost < contest.runner_up_cost()) && memory_free[slot] >= memory_mib) {
      contest.enter(slot, score_of(slot), place);
    }
  });
  return contest.result(node_count);
}

NodeRanking::Choice NodeRanking::best_in_scope(PlacementPolicy& policy, const ScoringContext& context,
                                               RequestClassId request, const NodeIndex& index, std::int64_t memory_mib,
                                               std::span<const NodeId> scope) {
  // The first offered node of every slot stands for it.
  const auto node_count = static_cast<std::int64_t>(index.order_count());
  std::vector<std::int64_t> first_offered(cost_.size(), node_count);
  for (const NodeId id : scope) {
    const Node& node = context.state.node(id);
    if (!node.removed) {
      std::int64_t& first = first_offered[index.slot_of_order(node.order)];
      first = std::min(first, std::int64_t{node.order});
    }
  }
  Contest contest(policy.traits().tie_order, index);
  for (std::uint32_t slot = 0; slot < cost_.size(); ++slot) {
    if (first_offered[slot] < node_count && reason_of(slot, index, memory_mib) == RejectReason::none) {
      NodeScore score = score_of(slot);
      if (policy.traits().refines) {
        policy.refine(context, request, index.state_of_slot(slot), score);
      }
      contest.enter(slot, score, [&](std::uint32_t s) { return first_offered[s]; });
    }
  }
  return contest.result(node_count);
}

NodeRanking::Choice NodeRanking::draw_among_best(const NodeIndex& index, std::int64_t memory_mib,
                                                 const ClusterState& state, std::uint64_t seed) const {
  const auto memory_free = index.memory_free_of_slot();
  Choice best;
  best.cost = infeasible;
  best.runner_up_cost = infeasible;
  std::int64_t best_tie = 0;
  std::uint32_t members = 0;
  const auto is_better = [&](std::uint32_t slot) {
    return cost_[slot] < best.cost || (cost_[slot] == best.cost && rest_[slot].tie < best_tie);
  };
  for_each_feasible([&](std::uint32_t slot) {
    if (memory_free[slot] < memory_mib) {
      return;
    }
    if (is_better(slot)) {
      best.cost = cost_[slot];
      best_tie = rest_[slot].tie;
      members = 0;
    }
    members += cost_[slot] == best.cost && rest_[slot].tie == best_tie ? index.member_count(slot) : 0;
  });
  if (members == 0) {
    return best;
  }
  Philox draws(seed, StreamPurpose::tie_break, static_cast<std::uint64_t>(state.arrival_count()));
  std::uint32_t left = draws.next_below(members);
  for (std::uint32_t order = 0; order < index.order_count(); ++order) {
    const std::uint32_t slot = index.slot_of_order(order);
    if (cost_[slot] == best.cost && rest_[slot].tie == best_tie && memory_free[slot] >= memory_mib && left-- == 0) {
      best.slot = slot;
      best.order = order;
      best.gpu = rest_[slot].gpu;
      break;
    }
  }
  return best;
}

RejectReason NodeRanking::reason_of(std::uint32_t slot, const NodeIndex& index, std::int64_t memory_mib) const {
  return reason_[slot] == RejectReason::none && index.memory_free_of_slot()[slot] < memory_mib
             ? RejectReason::insufficient_memory
             : reason_[slot];
}

RejectCounts NodeRanking::reasons(const NodeIndex& index, std::int64_t memory_mib) const {
  const auto members = index.member_count_of_slot();
  // Neighbours often share a reason: tables in turn, so that one sum need not wait for another.
  std::array<RejectCounts, 4> in_turn{};
  for (std::size_t slot = 0; slot < reason_.size(); ++slot) {
    in_turn[slot % in_turn.size()][static_cast<std::size_t>(reason_[slot])] += members[slot];
  }
  RejectCounts counts{};
  for (const RejectCounts& part : in_turn) {
    std::transform(part.begin(), part.end(), counts.begin(), counts.begin(), std::plus<>());
  }
  std::uint32_t short_of_memory = 0;
  for_each_feasible([&](std::uint32_t slot) {
    short_of_memory += index.memory_free_of_slot()[slot] < memory_mib ? members[slot] : 0;
  });
  counts[static_cast<std::size_t>(RejectReason::none)] -= short_of_memory;
  counts[static_cast<std::size_t>(RejectReason::insufficient_memory)] += short_of_memory;
  return counts;
}

NodeRanking::Verdict NodeRanking::verdict(PlacementPolicy& policy, const ScoringContext& context,
                                          RequestClassId request, const NodeIndex& index, std::int64_t memory_mib,
                                          std::uint32_t slot) const {
  const RejectReason reason = reason_of(slot, index, memory_mib);
  if (reason != RejectReason::none) {
    return {.reason = reason};
  }
  NodeScore score = score_of(slot);
  if (policy.traits().refines) {
    policy.refine(context, request, index.state_of_slot(slot), score);
  }
  return {.reason = reason, .cost = score.cost, .tie = score.tie, .gpu = score.gpu};
}

RejectCounts NodeRanking::reasons_in_scope(const NodeIndex& index, std::int64_t memory_mib, const ClusterState& state,
                                           std::span<const NodeId> scope) const {
  RejectCounts counts{};
  for (const NodeId id : scope) {
    if (!state.node(id).removed) {
      ++counts[static_cast<std::size_t>(reason_of(index.slot_of_order(state.node(id).order), index, memory_mib))];
    }
  }
  return counts;
}

}  // namespace gpusched
