#include "engine/mode_move.hpp"

#include <algorithm>
#include <array>

#include "engine/move_rules.hpp"

namespace gpusched {

namespace {

/// The cheapest of all modes; not found where there is none.
ModeCandidate cheapest(const std::array<ModeCandidate, mode_kind_count>& by_mode) {
  ModeCandidate best;
  for (const ModeCandidate& candidate : by_mode) {
    if (candidate.found() && (!best.found() || candidate.cost < best.cost)) {
      best = candidate;
    }
  }
  return best;
}

}  // namespace

std::optional<ReshapeThenBind> ModeMove::find() {
  search_.start(state_, request_, in_scope_);
  std::uint32_t gpus = 0;
  for (const NodeId id : state_.node_order()) {
    const Node& node = state_.node(id);
    if (gpus >= most_gpus) {
      break;
    }
    gpus += static_cast<std::uint32_t>(node.state.gpus.size());
    if (node.state.schedulable && (in_scope_ == nullptr || (*in_scope_)[id.value] != 0)) {
      list_ways(id);
    }
  }
  std::sort(ways_.begin(), ways_.end(), [](const Way& a, const Way& b) { return a.key() < b.key(); });
  std::optional<ReshapeThenBind> best;
  for (std::size_t i = 0; i < std::min(ways_.size(), most_searches); ++i) {
    auto decision = with_place_elsewhere(ways_[i]);
    if (decision && (!best || decision->cost < best->cost)) {
      best = std::move(decision);
    }
  }
  return best;
}

void ModeMove::list_ways(NodeId id) {
  const Node& node = state_.node(id);
  for (const PodId pod : node.pods) {
    const PodRecord& record = *state_.pod(pod);
    const bool chosen = states_intent(state_.request(record.request)) && record.placement.gpus.size() == 1;
    if (!chosen || node.state.gpus[record.placement.gpus[0].gpu].held ||
        !pod_may_move(state_, options_, Movable::any_part, pod, now_)) {
      continue;
    }
    const GpuAssignment& part = record.placement.gpus[0];
    const ModeCandidate place = search_.best_without(state_.first_gpu(id) + part.gpu, part, record.request);
    if (place.found()) {
      ways_.push_back({.pod = pod, .place = place});
    }
  }
}

std::optional<ReshapeThenBind> ModeMove::with_place_elsewhere(const Way& way) {
  const PodRecord& record = *state_.pod(way.pod);
  search_.start(state_, record.request, in_scope_, way.place.ordinal);
  const ModeCandidate elsewhere = cheapest(search_.best_by_mode());
  if (!elsewhere.found()) {
    return std::nullopt;
  }
  ReshapeThenBind decision{.move = {.pod = way.pod, .from = record.placement, .to = search_.placement(elsewhere)},
                           .candidate = {},
                           .cost = way.place.cost + elsewhere.cost,
                           .mode = verdict(way.place)};
  search_.start(state_, request_, in_scope_);
  decision.candidate = search_.placement(way.place);
  if (!state_.check_placement(state_.request(record.request), decision.move.to, {}) ||
      !state_.check_placement(state_.request(request_), decision.candidate, {}, &decision.move)) {
    return std::nullopt;
  }
  return decision;
}

}  // namespace gpusched
