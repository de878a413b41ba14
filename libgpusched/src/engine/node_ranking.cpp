#include "engine/node_ranking.hpp"

#include <tuple>

#include "gpusched/base/philox.hpp"

namespace gpusched {

void NodeRanking::collect_stale(const NodeIndex& index, bool all) {
  stale_.clear();
  const std::uint32_t slots = index.slot_count();
  cost_.resize(slots, infeasible);
  tie_.resize(slots, 0);
  gpu_.resize(slots, 0);
  stamp_.resize(slots, 0);
  ++stamp_now_;
  const auto log = index.change_log();
  if (all || log.size() - log_position_ > slots) {
    for (std::uint32_t slot = 0; slot < slots; ++slot) {
      stale_.push_back(slot);
    }
  } else {
    for (const std::uint32_t slot : log.subspan(log_position_)) {
      if (stamp_[slot] != stamp_now_) {
        stamp_[slot] = stamp_now_;
        stale_.push_back(slot);
      }
    }
  }
  log_position_ = log.size();
}

void NodeRanking::update(PlacementPolicy& policy, const ScoringContext& context, RequestFilter& filter,
                         RequestClassId request, const NodeIndex& index) {
  const std::uint64_t epoch = policy.epoch(context);
  const bool all = generation_ != index.generation() || epoch_ != epoch;
  generation_ = index.generation();
  epoch_ = epoch;
  collect_stale(index, all);
  batch_.clear();
  batch_slots_.clear();
  const GpuRequest& wanted = context.state.request(request);
  for (const std::uint32_t slot : stale_) {
    cost_[slot] = infeasible;
    tie_[slot] = 0;
    if (!index.is_live(slot)) {
      continue;
    }
    const NodeState& node = index.state_of_slot(slot);
    RejectReason reason = filter.static_reason(context.state, request, node.shape);
    if (reason == RejectReason::none) {
      reason = RequestFilter::capacity_reason(wanted, node, context.state.shapes()[node.shape].replicas);
    }
    if (reason == RejectReason::none) {
      batch_.push_back(&node);
      batch_slots_.push_back(slot);
    } else {
      tie_[slot] = static_cast<std::int64_t>(reason);
    }
  }
  scores_.resize(batch_.size());
  if (!batch_.empty()) {
    policy.score_nodes(context, request, batch_, scores_);
  }
  for (std::size_t i = 0; i < batch_.size(); ++i) {
    cost_[batch_slots_[i]] = scores_[i].cost;
    tie_[batch_slots_[i]] = scores_[i].tie;
    gpu_[batch_slots_[i]] = scores_[i].gpu;
  }
}

NodeRanking::Choice NodeRanking::best(NodeIndex& index, std::int64_t memory_mib, TieOrder order,
                                      const ClusterState& state, std::uint64_t seed) const {
  if (order == TieOrder::random) {
    return draw_among_best(index, memory_mib, state, seed);
  }
  const std::int64_t after = order == TieOrder::after_last ? state.last_placed_node_order() : -1;
  const auto node_count = static_cast<std::int64_t>(index.order_count());
  // Place of a slot's best member in the tie order; behind the cursor counts from it, cyclically.
  const auto place = [&](std::uint32_t slot) {
    if (after < 0) {
      return std::int64_t{index.first_member(slot)};
    }
    const std::uint32_t next = index.first_member_after(slot, after);
    return next != none ? std::int64_t{next} : std::int64_t{index.first_member(slot)} + node_count;
  };
  const auto memory_free = index.memory_free_of_slot();
  Choice best;
  best.cost = infeasible;
  best.runner_up_cost = infeasible;
  std::int64_t best_tie = 0;
  std::int64_t best_place = 0;
  for (std::uint32_t slot = 0; slot < cost_.size(); ++slot) {
    const std::int64_t cost = cost_[slot];
    if ((cost > best.cost && cost >= best.runner_up_cost) || cost == infeasible || memory_free[slot] < memory_mib) {
      continue;
    }
    bool wins = cost < best.cost;
    std::int64_t slot_place = -1;
    if (cost == best.cost) {
      wins = tie_[slot] < best_tie;
      if (tie_[slot] == best_tie) {
        slot_place = place(slot);
        wins = slot_place < best_place;
      }
    }
    if (wins) {
      best.runner_up_slot = best.slot;
      best.runner_up_cost = best.cost;
      best.slot = slot;
      best.cost = cost;
      best_tie = tie_[slot];
      best_place = slot_place >= 0 ? slot_place : place(slot);
    } else if (cost < best.runner_up_cost) {
      best.runner_up_slot = slot;
      best.runner_up_cost = cost;
    }
  }
  if (best.slot != none) {
    best.order = static_cast<std::uint32_t>(best_place % node_count);
    best.gpu = gpu_[best.slot];
  }
  return best;
}

NodeRanking::Choice NodeRanking::draw_among_best(NodeIndex& index, std::int64_t memory_mib, const ClusterState& state,
                                                 std::uint64_t seed) const {
  const auto memory_free = index.memory_free_of_slot();
  Choice best;
  best.cost = infeasible;
  best.runner_up_cost = infeasible;
  std::int64_t best_tie = 0;
  std::uint32_t members = 0;
  const auto is_better = [&](std::uint32_t slot) {
    return cost_[slot] < best.cost || (cost_[slot] == best.cost && tie_[slot] < best_tie);
  };
  for (std::uint32_t slot = 0; slot < cost_.size(); ++slot) {
    if (cost_[slot] == infeasible || memory_free[slot] < memory_mib) {
      continue;
    }
    if (is_better(slot)) {
      best.cost = cost_[slot];
      best_tie = tie_[slot];
      members = 0;
    }
    members += cost_[slot] == best.cost && tie_[slot] == best_tie ? index.member_count(slot) : 0;
  }
  if (members == 0) {
    return best;
  }
  Philox draws(seed, StreamPurpose::tie_break, static_cast<std::uint64_t>(state.arrival_count()));
  std::uint32_t left = draws.next_below(members);
  for (std::uint32_t order = 0; order < index.order_count(); ++order) {
    const std::uint32_t slot = index.slot_of_order(order);
    if (cost_[slot] == best.cost && tie_[slot] == best_tie && memory_free[slot] >= memory_mib && left-- == 0) {
      best.slot = slot;
      best.order = order;
      best.gpu = gpu_[slot];
      break;
    }
  }
  return best;
}

RejectReason NodeRanking::reason_of(std::uint32_t slot, const NodeIndex& index, std::int64_t memory_mib) const {
  if (cost_[slot] == infeasible) {
    return static_cast<RejectReason>(tie_[slot]);
  }
  return index.memory_free_of_slot()[slot] < memory_mib ? RejectReason::insufficient_memory : RejectReason::none;
}

RejectCounts NodeRanking::reasons(const NodeIndex& index, std::int64_t memory_mib) const {
  RejectCounts counts{};
  for (std::uint32_t slot = 0; slot < cost_.size(); ++slot) {
    if (index.is_live(slot)) {
      counts[static_cast<std::size_t>(reason_of(slot, index, memory_mib))] += index.member_count(slot);
    }
  }
  return counts;
}

NodeRanking::Choice NodeRanking::best_in_scope(const NodeIndex& index, std::int64_t memory_mib,
                                               const ClusterState& state, std::span<const NodeId> scope) const {
  Choice best;
  best.cost = infeasible;
  best.runner_up_cost = infeasible;
  for (const NodeId id : scope) {
    if (state.node(id).removed) {
      continue;
    }
    const std::uint32_t order = state.node(id).order;
    const std::uint32_t slot = index.slot_of_order(order);
    if (reason_of(slot, index, memory_mib) != RejectReason::none) {
      continue;
    }
    const auto key = [&](std::uint32_t s, std::uint32_t o) { return std::tuple(cost_[s], tie_[s], o); };
    if (best.slot == none || key(slot, order) < key(best.slot, best.order)) {
      if (best.slot != slot) {
        best.runner_up_slot = best.slot;
        best.runner_up_cost = best.cost;
      }
      best.slot = slot;
      best.order = order;
      best.cost = cost_[slot];
      best.gpu = gpu_[slot];
    } else if (slot != best.slot && cost_[slot] < best.runner_up_cost) {
      best.runner_up_slot = slot;
      best.runner_up_cost = cost_[slot];
    }
  }
  return best;
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
