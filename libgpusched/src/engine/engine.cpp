#include "gpusched/engine/engine.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "engine/caches.hpp"

namespace gpusched {

GpuRequest ranking_key(const GpuRequest& request) {
  GpuRequest key;
  key.cpu_milli = request.cpu_milli;
  key.num_gpu = request.num_gpu;
  key.gpu_milli = request.gpu_milli;
  key.gpu_memory_mib = request.gpu_memory_mib;
  key.mig_profile = request.mig_profile;
  key.mode = request.mode;
  key.gpu_models = request.gpu_models;
  key.node_labels = request.node_labels;
  return key;
}

Result<Engine> Engine::create(EngineOptions options) {
  auto policy = make_policy(options.policy, options.seed);
  if (!policy) {
    return policy.error();
  }
  return Engine(std::move(options), std::move(policy).value());
}

Engine::Engine(EngineOptions options, std::unique_ptr<PlacementPolicy> policy)
    : options_(std::move(options)), policy_(std::move(policy)), caches_(std::make_unique<Caches>(policy_->traits())) {}

Engine::Engine(Engine&&) noexcept = default;
Engine& Engine::operator=(Engine&&) noexcept = default;
Engine::~Engine() = default;

Status Engine::observe(const Event& event) {
  const std::int64_t arrivals_before = state_.arrival_count();
  Status applied = state_.apply(event);
  if (state_.arrival_count() != arrivals_before && policy_->traits().follows_arrivals) {
    caches_->node_index.sync(state_);
    policy_->on_arrival({state_, options_.target, caches_->node_index}, std::get<PodSubmitted>(event.what).request);
  }
  return applied;
}

Decision Engine::decide(RequestClassId request, TimeNs now, std::optional<std::span<const NodeId>> scope) {
  Decision decision = decide_without_eviction(request, scope);
  const GpuRequest& wanted = state_.request(request);  // deciding may number a request, which moves them all
  const auto* const wait = std::get_if<Wait>(&decision);
  const bool has_its_share =
      wait != nullptr && wait->reasons[static_cast<std::size_t>(RejectReason::class_over_share)] > 0;
  const bool one_part = (!wanted.mig_profile.empty() && wanted.num_gpu == 1) || chooses_mode(request);
  if (wait != nullptr && !has_its_share && options_.reshape.one_move_on_block && one_part) {
    if (auto move = find_move(request, now, scope)) {  // before preemption: nobody loses work
      return *std::move(move);
    }
  }
  const auto held = state_.held_by_priority();
  if (wait != nullptr && !has_its_share && options_.preemption && !held.empty() &&
      held.front().first < wanted.priority) {
    if (auto preemption = find_preemption(request, scope)) {
      forget_refusal(request);
      return *std::move(preemption);
    }
  }
  return decision;
}

Decision Engine::decide_without_eviction(RequestClassId request, std::optional<std::span<const NodeId>> scope) {
  if (state_.counts_resources() && state_.request(request).num_gpu > 0) {
    return decide_by_count(request, scope);
  }
  if (chooses_mode(request)) {
    return decide_mode(request, scope);
  }
  return state_.request(request).mig_profile.empty() ? decide_on_nodes(request, scope) : decide_mig(request, scope);
}

Decision Engine::decide_on_nodes(RequestClassId request, std::optional<std::span<const NodeId>> scope) {
  NodeIndex& index = caches_->node_index;
  index.sync(state_);
  const RequestClassId key = caches_->ranking_key(state_, request, ranking_key);
  const GpuRequest& wanted = state_.request(request);
  NodeRanking& ranking = caches_->node_ranking(key);
  const ScoringContext context{state_, options_.target, index};
  ranking.update(*policy_, context, caches_->filter, key, caches_->ranking_scratch);
  const NodeRanking::Choice choice =
      scope ? ranking.best_in_scope(*policy_, context, key, index, wanted.memory_mib, *scope)
            : ranking.best(*policy_, context, key, index, wanted.memory_mib, options_.seed);
  if (choice.slot == NodeRanking::none) {
    RejectCounts reasons = ranking.reasons(index, wanted.memory_mib);
    if (scope) {
      reasons = ranking.reasons_in_scope(index, wanted.memory_mib, state_, *scope);
    }
    return refuse(request, reasons);
  }
  Bind bind;
  bind.cost = choice.cost;
  const NodeId node = state_.node_order()[choice.order];
  bind.candidate = assign_gpus(wanted, node, state_.node(node), index.state_of_slot(choice.slot), choice.gpu);
  if (choice.runner_up_slot != NodeRanking::none) {
    bind.runner_up = {.node = state_.node_order()[index.first_member(choice.runner_up_slot)],
                      .cost = choice.runner_up_cost};
  }
  return bind;
}

Decision Engine::refuse(RequestClassId request, const RejectCounts& reasons) const {
  // Infeasible only when no node of the cluster could ever take it; a node that is down may come back.
  const GpuRequest& wanted = state_.request(request);
  for (const Node& node : state_.nodes()) {
    if (!node.removed && node.spec.memory_mib >= wanted.memory_mib &&
        caches_->filter.static_reason(state_, request, node.state.shape) == RejectReason::none) {
      return Wait{reasons};
    }
  }
  return Infeasible{reasons};
}

std::vector<Decision> Engine::decide_gang(std::span<const PodId> pods, TimeNs now) {
  std::vector<Decision> decisions;
  std::size_t reserved = 0;
  for (const PodId pod : pods) {
    const PodRecord* record = state_.pod(pod);
    GPUSCHED_CHECK(record != nullptr && record->phase == PodPhase::pending, "a gang's pods are submitted and pending");
    // Evicting for one member before the rest is known to fit could be for nothing: a gang waits instead.
    Decision decision = decide_without_eviction(record->request, std::nullopt);
    if (!std::holds_alternative<Bind>(decision)) {
      decisions.assign(1, std::move(decision));
      break;
    }
    const Status held = state_.apply({now, Reserved{pod, std::get<Bind>(decision).candidate}});
    GPUSCHED_CHECK(held.ok(), "a place just decided is free");
    ++reserved;
    decisions.push_back(std::move(decision));
  }
  for (std::size_t i = reserved; i > 0; --i) {
    const Status released = state_.apply({now, ReservationReleased{pods[i - 1]}});
    GPUSCHED_CHECK(released.ok(), "a reservation just made can be released");
  }
  return decisions;
}

Status Engine::commit(PodId pod, const Decision& decision, TimeNs now, std::vector<Action>& actions) {
  const Candidate* candidate = candidate_of(decision);
  if (candidate == nullptr) {
    return Error{.code = ErrorCode::invalid_argument,
                 .message = std::string("a decision '") + outcome_name(decision) + "' gives no place to commit",
                 .file = {},
                 .line = 0,
                 .remedy = {}};
  }
  if (const auto* preempt = std::get_if<PreemptThenBind>(&decision)) {
    const auto still_there = [&](PodId victim) {
      const PodRecord* record = state_.pod(victim);
      return record != nullptr && record->holds_resources() && record->placement.node == candidate->node;
    };
    if (!std::all_of(preempt->victims.begin(), preempt->victims.end(), still_there)) {
      return Error{.code = ErrorCode::invalid_argument,
                   .message = "a pod to be evicted has left already",
                   .file = {},
                   .line = 0,
                   .remedy = "Decide anew"};
    }
    const PodRecord* record = state_.pod(pod);
    if (record == nullptr || record->phase != PodPhase::pending) {
      return Error{
          .code = ErrorCode::invalid_argument, .message = "the pod does not wait", .file = {}, .line = 0, .remedy = {}};
    }
    if (Status free = state_.check_placement(state_.request(record->request), *candidate, preempt->victims); !free) {
      return free;
    }
    for (const PodId victim : preempt->victims) {
      const Status evicted = state_.apply({now, PodEvicted{victim}});
      GPUSCHED_CHECK(evicted.ok(), evicted.error().to_string());
      actions.push_back(Evict{victim});
    }
  }
  if (const auto* reshape = std::get_if<ReshapeThenBind>(&decision)) {
    if (Status moved = apply_move(pod, *reshape, now); !moved) {
      return moved;
    }
    actions.push_back(MovePod{reshape->move});
  }
  if (Status reserved = state_.apply({now, Reserved{pod, *candidate}}); !reserved) {
    return reserved;
  }
  actions.push_back(BindPod{pod, *candidate});
  return {};
}

const Candidate* candidate_of(const Decision& decision) {
  if (const auto* bind = std::get_if<Bind>(&decision)) {
    return &bind->candidate;
  }
  if (const auto* reshape = std::get_if<ReshapeThenBind>(&decision)) {
    return &reshape->candidate;
  }
  const auto* preempt = std::get_if<PreemptThenBind>(&decision);
  return preempt != nullptr ? &preempt->candidate : nullptr;
}

const ModeVerdict* mode_of(const Decision& decision) {
  const auto* bind = std::get_if<Bind>(&decision);
  const auto* reshape = std::get_if<ReshapeThenBind>(&decision);
  const std::optional<ModeVerdict>* mode = bind != nullptr      ? &bind->mode
                                           : reshape != nullptr ? &reshape->mode
                                                                : nullptr;
  return mode != nullptr && mode->has_value() ? &**mode : nullptr;
}

const char* outcome_name(const Decision& decision) {
  constexpr std::array<const char*, 5> names = {"bind", "preempt", "wait", "infeasible", "reshape"};
  return names[decision.index()];
}

}  // namespace gpusched
