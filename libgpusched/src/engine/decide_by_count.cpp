// Decisions where Kubernetes counts: the node is ours to choose, the device is the kubelet's.
#include <algorithm>
#include <map>
#include <tuple>

#include "engine/caches.hpp"

namespace gpusched {

namespace {

struct Ranked {
  NodeVerdict verdict;
  bool is_counted = false;  // replicas and instances; whole devices come first
  std::int64_t tie = 0;
  std::uint32_t order = 0;
  std::uint32_t slot = 0;
  std::uint16_t gpu = 0;

  auto key() const { return std::tuple(is_counted, verdict.cost, tie, order); }
};

/// Replicas and instances of a node are alike: the node with the fewest left takes the request, so that others stay
/// empty enough to be given another shape.
NodeVerdict judge_count(const ClusterState& state, const GpuRequest& request, NodeId id, std::size_t resource) {
  const NodeState& node = state.node(id).state;
  const std::int64_t free = state.resource_free(id, resource);
  NodeVerdict verdict{.node = id, .reason = RejectReason::none, .cost = free - request.num_gpu};
  if (!node.schedulable) {
    verdict.reason = RejectReason::node_unavailable;
  } else if (state.node(id).spec.resources[resource].allocatable < request.num_gpu) {
    verdict.reason = RejectReason::too_large;
  } else if (node.cpu_free_milli < request.cpu_milli) {
    verdict.reason = RejectReason::insufficient_cpu;
  } else if (free < request.num_gpu) {
    verdict.reason = RejectReason::insufficient_resource;
  } else if (node.memory_free_mib < request.memory_mib) {
    verdict.reason = RejectReason::insufficient_memory;
  }
  return verdict;
}

}  // namespace

struct Engine::CountedJudge {
  /// Judges the nodes one by one; the ranked ones are not sorted yet.
  CountedJudge(Engine& engine, RequestClassId request, std::span<const NodeId> scope)
      : engine_(engine), request_(request) {
    NodeIndex& index = engine.caches_->node_index;
    index.sync(engine.state_);
    for (const NodeId id : scope) {
      if (!engine.state_.node(id).removed) {
        judge(id, index);
      }
    }
  }

  std::vector<Ranked> ranked;
  std::vector<NodeVerdict> refused;

 private:
  void judge(NodeId id, const NodeIndex& index) {
    const ClusterState& state = engine_.state_;
    const GpuRequest& wanted = state.request(request_);
    const Node& node = state.node(id);
    const auto resource = find_resource(node.spec.resources, wanted);
    if (wanted.num_gpu > 0 && !resource) {
      refused.push_back({.node = id, .reason = RejectReason::resource_not_offered});
      return;
    }
    Ranked entry{.verdict = {.node = id}, .order = node.order};
    // Devices of an unknown model are counted too: nothing else is known of them.
    const bool chooses_device = resource && node.spec.resources[*resource].whole_devices && !node.spec.gpus.empty();
    if (wanted.num_gpu > 0 && !chooses_device) {
      entry.is_counted = true;
      entry.verdict = judge_count(state, wanted, id, *resource);
    } else {
      entry.slot = index.slot_of_order(node.order);
      const NodeRanking::Verdict& verdict = verdict_of(entry.slot, index);
      entry.verdict.reason = verdict.reason;
      entry.verdict.cost = verdict.cost;
      entry.tie = verdict.tie;
      entry.gpu = verdict.gpu;
    }
    if (entry.verdict.reason == RejectReason::none) {
      ranked.push_back(entry);
    } else {
      refused.push_back(entry.verdict);
    }
  }

  const NodeRanking::Verdict& verdict_of(std::uint32_t slot, const NodeIndex& index) {
    const auto [known, is_new] = verdicts_.try_emplace(slot);
    if (is_new) {
      Caches& caches = *engine_.caches_;
      const ScoringContext context{engine_.state_, engine_.options_.target, index};
      const RequestClassId key = caches.ranking_key(engine_.state_, request_, ranking_key);
      NodeRanking& ranking = caches.node_ranking(key);
      if (verdicts_.size() == 1) {
        ranking.update(*engine_.policy_, context, caches.filter, key, caches.ranking_scratch);
      }
      known->second =
          ranking.verdict(*engine_.policy_, context, key, index, engine_.state_.request(request_).memory_mib, slot);
    }
    return known->second;
  }

  Engine& engine_;
  RequestClassId request_;
  std::map<std::uint32_t, NodeRanking::Verdict> verdicts_;  // by slot: equal nodes are judged once
};

Evaluation Engine::evaluate(RequestClassId request, std::span<const NodeId> scope) {
  CountedJudge judge(*this, request, scope);
  std::sort(judge.ranked.begin(), judge.ranked.end(),
            [](const Ranked& a, const Ranked& b) { return a.key() < b.key(); });
  Evaluation evaluation{.ranked = {}, .refused = std::move(judge.refused)};
  evaluation.ranked.reserve(judge.ranked.size());
  for (const Ranked& entry : judge.ranked) {
    evaluation.ranked.push_back(entry.verdict);
  }
  return evaluation;
}

Decision Engine::decide_by_count(RequestClassId request, std::optional<std::span<const NodeId>> scope) {
  CountedJudge judge(*this, request, scope ? *scope : state_.node_order());
  if (judge.ranked.empty()) {
    RejectCounts reasons{};
    bool may_come = false;
    for (const NodeVerdict& verdict : judge.refused) {
      ++reasons[static_cast<std::size_t>(verdict.reason)];
      may_come = may_come || !is_final(verdict.reason);
    }
    return may_come ? Decision(Wait{reasons}) : Decision(Infeasible{reasons});
  }
  const Ranked* best = nullptr;
  const Ranked* second = nullptr;
  for (const Ranked& entry : judge.ranked) {
    if (best == nullptr || entry.key() < best->key()) {
      second = best;
      best = &entry;
    } else if (second == nullptr || entry.key() < second->key()) {
      second = &entry;
    }
  }
  Bind bind;
  bind.cost = best->verdict.cost;
  bind.candidate.node = best->verdict.node;
  const GpuRequest& wanted = state_.request(request);
  if (!best->is_counted && wanted.num_gpu > 0) {
    bind.candidate = assign_gpus(wanted, best->verdict.node, state_.node(best->verdict.node),
                                 caches_->node_index.state_of_slot(best->slot), best->gpu);
  }
  if (second != nullptr) {
    bind.runner_up = {.node = second->verdict.node, .cost = second->verdict.cost};
  }
  return bind;
}

}  // namespace gpusched
