#include <algorithm>

#include "engine/caches.hpp"

namespace gpusched {

bool Engine::chooses_mode(RequestClassId request) const {
  return caches_->modes && states_intent(state_.request(request));
}

Decision Engine::decide_mode(RequestClassId request, std::optional<std::span<const NodeId>> scope) {
  ModeChoice& modes = *caches_->modes;
  modes.search.sync(state_);
  std::vector<char> in_scope;
  if (scope) {
    in_scope.assign(state_.nodes().size(), 0);
    for (const NodeId id : *scope) {
      in_scope[id.value] = 1;
    }
  }
  ModeSearch& search = modes.search;
  if (is_over_share(request)) {
    RejectCounts reasons{};
    reasons[static_cast<std::size_t>(RejectReason::class_over_share)] = search.index().gpu_count();
    return refuse_mode(request, reasons);
  }
  search.start(state_, request, scope ? &in_scope : nullptr);
  const ModeCandidate* best = nullptr;
  const ModeCandidate* second = nullptr;
  for (const ModeCandidate& candidate : search.best_by_mode()) {
    if (!candidate.found()) {
      continue;
    }
    if (best == nullptr || candidate.cost < best->cost) {
      second = best;
      best = &candidate;
    } else if (second == nullptr || candidate.cost < second->cost) {
      second = &candidate;
    }
  }
  if (best == nullptr) {
    if (!scope) {
      if (request.value >= modes.refusals.size()) {
        modes.refusals.resize(request.value + std::size_t{1});
      }
      modes.refusals[request.value] = {.generation = search.index().generation(),
                                       .log_position = search.index().change_log().size(),
                                       .lacked_host = search.lacked_host()};
    }
    return refuse_mode(request, search.reasons());
  }
  Bind bind;
  bind.candidate = search.placement(*best);
  bind.cost = best->cost;
  bind.mode = verdict(*best);
  if (second != nullptr) {
    bind.runner_up = {.node = state_.gpu_at(second->ordinal).first, .cost = second->cost};
    bind.mode->runner_up = second->mode;
  }
  return bind;
}

bool Engine::is_over_share(RequestClassId request) const {
  const double lead = policy_->traits().modes->class_lead;
  // What is kept free for the others never exceeds a sixteenth of the cluster: they may want what cannot be had.
  if (lead >= 1 || 16 * caches_->modes->search.index().idle_count() > caches_->modes->search.index().gpu_count()) {
    return false;
  }
  const ClassDemand& demand = state_.class_demand();
  const JobClass own = state_.request(request).job_class;
  for (std::size_t i = 0; i < job_class_count; ++i) {
    const auto other = static_cast<JobClass>(i);
    if (other != own && demand.waiting(other) > 0 && demand.served(other) < demand.served(own) - lead) {
      return true;
    }
  }
  return false;
}

Decision Engine::refuse_mode(RequestClassId request, const RejectCounts& reasons) const {
  for (const Node& node : state_.nodes()) {
    const RejectReason fixed = caches_->filter.static_reason(state_, request, node.state.shape);
    if (!node.removed && (fixed == RejectReason::none || fixed == RejectReason::sharing_mismatch)) {
      return Wait{reasons};
    }
  }
  return Infeasible{reasons};
}

bool Engine::may_evict_on(NodeId node, RequestClassId request) const {
  const std::int32_t priority = state_.request(request).priority;
  const auto held = state_.held_by_priority();
  if (!options_.preemption || held.empty() || held.front().first >= priority) {
    return false;
  }
  const auto& pods = state_.node(node).pods;
  return std::any_of(pods.begin(), pods.end(), [&](PodId pod) {
    const GpuRequest& holder = state_.request(state_.pod(pod)->request);
    return holder.priority < priority && holder.preemptible;
  });
}

void Engine::forget_refusal(RequestClassId request) {
  if (caches_->modes && request.value < caches_->modes->refusals.size()) {
    caches_->modes->refusals[request.value] = {};
  }
}

bool Engine::still_refused(RequestClassId request) {
  if (!chooses_mode(request) || request.value >= caches_->modes->refusals.size()) {
    return false;
  }
  ModeSearch& search = caches_->modes->search;
  search.sync(state_);
  ModeChoice::Refusal& refusal = caches_->modes->refusals[request.value];
  if (refusal.generation != search.index().generation()) {
    return false;
  }
  search.start(state_, request, nullptr);
  const std::vector<std::uint32_t>& log = search.index().change_log();
  for (; refusal.log_position < log.size(); ++refusal.log_position) {
    const std::uint32_t changed = log[refusal.log_position];
    const NodeId node = state_.gpu_at(changed).first;
    if (may_evict_on(node, request)) {
      return false;
    }
    const std::uint32_t first = refusal.lacked_host ? state_.first_gpu(node) : changed;
    const std::size_t gpus = refusal.lacked_host ? state_.node(node).state.gpus.size() : 1;
    for (std::uint32_t ordinal = first; ordinal < first + gpus; ++ordinal) {
      if (search.admits(ordinal)) {
        return false;
      }
    }
  }
  return true;
}

}  // namespace gpusched
