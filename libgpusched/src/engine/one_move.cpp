#include "engine/one_move.hpp"

#include <algorithm>
#include <utility>

#include "engine/mig_member_check.hpp"
#include "engine/mode_move.hpp"
#include "engine/move_rules.hpp"

namespace gpusched {

namespace {

constexpr std::uint32_t none = GpuIndex::none;

}  // namespace

OneMove::OneMove(ClusterState& state, Engine::Caches& caches, const ReshapeOptions& options, RequestClassId request,
                 TimeNs now, const std::vector<char>* in_scope)
    : state_(state),
      caches_(caches),
      options_(options),
      request_(request),
      now_(now),
      in_scope_(in_scope),
      index_(state.gpu_index()) {}

std::optional<ReshapeThenBind> OneMove::find() {
  std::vector<std::vector<Receivers>> receivers(caches_.mig_preferences.size());
  for (std::size_t bucket = 0; bucket < index_.buckets().size(); ++bucket) {
    const std::uint16_t model = index_.buckets()[bucket].model;
    const ResolvedProfile& profile = caches_.filter.resolve(state_, request_, model);
    if (index_.buckets()[bucket].empty() || !profile.profile.valid()) {
      continue;
    }
    if (receivers[model].empty()) {
      receivers[model] = receivers_of(model);
    }
    list_options(bucket, receivers[model]);
  }
  // A heap, not a sort: the first few decide.
  const auto later = [](const Option& a, const Option& b) { return a.key() > b.key(); };
  std::make_heap(ways_.begin(), ways_.end(), later);
  while (!ways_.empty() && looks_left_ > 0) {
    const Option option = ways_.front();
    if (best_ && std::tuple(option.cost, option.units) > std::tuple(best_->decision.cost, best_->units)) {
      break;
    }
    std::pop_heap(ways_.begin(), ways_.end(), later);
    ways_.pop_back();
    verify(option);
  }
  return best_ ? std::optional(std::move(best_->decision)) : std::nullopt;
}

std::vector<OneMove::Receivers> OneMove::receivers_of(std::uint16_t model) const {
  const MigPreference& preference = *caches_.mig_preferences[model];
  std::vector<Receivers> receivers(MigLattice::of(GpuModelId{model}).shapes().size());
  for (std::size_t bucket = 0; bucket < index_.buckets().size(); ++bucket) {
    if (index_.buckets()[bucket].model != model || index_.buckets()[bucket].empty()) {
      continue;
    }
    for (std::size_t shape = 0; shape < receivers.size(); ++shape) {
      const auto& option = preference.at(static_cast<int>(shape), index_.buckets()[bucket].occupancy);
      if (option.start < 0) {
        continue;
      }
      Receivers& known = receivers[shape];
      const Receivers::One one{.cost = option.cost, .bucket = static_cast<std::int64_t>(bucket)};
      if (known.best.bucket < 0 || one.cost < known.best.cost) {
        known.second = std::exchange(known.best, one);
      } else if (known.second.bucket < 0 || one.cost < known.second.cost) {
        known.second = one;
      }
    }
  }
  return receivers;
}

void OneMove::list_options(std::size_t number, const std::vector<Receivers>& receivers) {
  const GpuIndex::Bucket& bucket = index_.buckets()[number];
  const MigLattice& lattice = MigLattice::of(GpuModelId{bucket.model});
  const MigPreference& preference = *caches_.mig_preferences[bucket.model];
  const ResolvedProfile& profile = caches_.filter.resolve(state_, request_, bucket.model);
  if (preference.at(profile.shape, bucket.occupancy).start >= 0) {
    return;  // there is a place: something else than the layout stands against it
  }
  for (int leaving = 0; leaving < static_cast<int>(lattice.placements().size()); ++leaving) {
    const MigPlacement& placement = lattice.placements()[static_cast<std::size_t>(leaving)];
    const std::uint16_t mask = placement.range.mask();
    const auto after = static_cast<std::uint16_t>(bucket.occupancy & ~mask);
    const MigPreference::Option& place = preference.at(profile.shape, after);
    if ((bucket.occupancy & mask) != mask || place.start < 0 || (profile.needs_empty_gpu && after != 0)) {
      continue;
    }
    list_options_inside(number, leaving, after);
    const Receivers& receiver = receivers[static_cast<std::size_t>(placement.shape)];
    const bool itself = receiver.best.bucket == static_cast<std::int64_t>(number) && bucket.count == 1;
    const Receivers::One& one = itself ? receiver.second : receiver.best;
    if (one.bucket >= 0) {
      ways_.push_back({.cost = place.cost - preference.placing_cost(leaving, after) + one.cost,
                       .units = placement.range.size,
                       .goes = true,
                       .leaving = static_cast<std::int16_t>(leaving),
                       .start = place.start,
                       .stays_at = -1,
                       .bucket = static_cast<std::uint32_t>(number)});
    }
  }
}

void OneMove::list_options_inside(std::size_t number, int leaving, std::uint16_t after) {
  const GpuIndex::Bucket& bucket = index_.buckets()[number];
  const MigLattice& lattice = MigLattice::of(GpuModelId{bucket.model});
  const MigPreference& preference = *caches_.mig_preferences[bucket.model];
  const ResolvedProfile& profile = caches_.filter.resolve(state_, request_, bucket.model);
  const MigPlacement& placement = lattice.placements()[static_cast<std::size_t>(leaving)];
  const auto windows = lattice.placements_of(profile.shape);
  for (const MigPlacement& window : windows) {
    if ((window.range.mask() & after) != 0) {
      continue;
    }
    const auto with_newcomer = static_cast<std::uint16_t>(after | window.range.mask());
    const MigPreference::Option& there = preference.at(placement.shape, with_newcomer);
    // An exchange creates the new instance beside the old one.
    const SliceRange range{there.start, placement.range.size};
    if (there.start < 0 || (range.mask() & bucket.occupancy) != 0) {
      continue;
    }
    const auto index = static_cast<int>(&window - lattice.placements().data());
    ways_.push_back(
        {.cost = preference.placing_cost(index, after) - preference.placing_cost(leaving, after) + there.cost,
         .units = placement.range.size,
         .goes = false,
         .leaving = static_cast<std::int16_t>(leaving),
         .start = window.range.start,
         .stays_at = there.start,
         .bucket = static_cast<std::uint32_t>(number)});
  }
}

void OneMove::verify(const Option& option) {
  const std::pair leaving(option.bucket, option.leaving);
  if (std::find(without_movable_.begin(), without_movable_.end(), leaving) != without_movable_.end()) {
    return;
  }
  bool movable = false;
  for (std::uint32_t i = index_.buckets()[option.bucket].first; i != none && looks_left_ > 0;
       i = index_.next_member(option.bucket, i + 1)) {
    --looks_left_;
    auto decision = on_gpu(option, i, movable);
    if (!decision) {
      continue;
    }
    const auto key = [](std::int64_t cost, std::int16_t units, std::uint32_t ordinal) {
      return std::tuple(cost, units, ordinal);
    };
    if (!best_ || key(decision->cost, option.units, i) < key(best_->decision.cost, best_->units, best_->ordinal)) {
      best_ = Found{.decision = *std::move(decision), .units = option.units, .ordinal = i};
    }
    return;  // the others of the bucket are its equals
  }
  if (!movable) {
    without_movable_.push_back(leaving);
  }
}

std::optional<ReshapeThenBind> OneMove::on_gpu(const Option& option, std::uint32_t ordinal, bool& movable) {
  const auto [node, device] = state_.gpu_at(ordinal);
  const GpuState& gpu = state_.node(node).state.gpus[device];
  if (in_scope_ != nullptr && (*in_scope_)[node.value] == 0) {
    return std::nullopt;
  }
  const MigLattice& lattice = MigLattice::of(GpuModelId{gpu.model});
  const MigPlacement& placement = lattice.placements()[static_cast<std::size_t>(option.leaving)];
  const PodId pod = movable_pod(node, device, placement);
  if (!pod.valid()) {
    return std::nullopt;
  }
  movable = true;
  const PodRecord& record = *state_.pod(pod);
  const GpuAssignment& held = record.placement.gpus[0];
  const ResolvedProfile& profile = caches_.filter.resolve(state_, request_, gpu.model);
  const int labels_left = gpu.mig_labels & ~held.mig_labels;
  if ((labels_left & profile.conflicts) != 0 ||
      caches_.filter.static_reason(state_, request_, state_.node(node).state.shape) != RejectReason::none ||
      (options_.actuation == Actuation::drain_gpu && !may_drain(node, device))) {
    return std::nullopt;
  }
  ReshapeThenBind decision{
      .move = {.pod = pod, .from = record.placement, .to = record.placement}, .candidate = {}, .cost = option.cost};
  decision.candidate.node = node;
  decision.candidate.gpus.push_back(instance_on(device, option.start, profile, lattice));
  if (option.goes) {
    auto elsewhere = place_elsewhere(pod, ordinal);
    if (!elsewhere) {
      return std::nullopt;
    }
    const MigPreference& preference = *caches_.mig_preferences[gpu.model];
    const auto after = static_cast<std::uint16_t>(gpu.mig_occupancy & ~held.range.mask());
    decision.move.to = elsewhere->first;
    decision.cost =
        preference.at(profile.shape, after).cost - preference.placing_cost(option.leaving, after) + elsewhere->second;
  } else {
    decision.move.to.gpus[0].range.start = option.stays_at;
    if (!state_.check_placement(state_.request(record.request), decision.move.to, {})) {
      return std::nullopt;
    }
  }
  if (!state_.check_placement(state_.request(request_), decision.candidate, {}, &decision.move)) {
    return std::nullopt;
  }
  return decision;
}

PodId OneMove::movable_pod(NodeId node, std::uint16_t device, const MigPlacement& placement) const {
  const MigLattice& lattice = MigLattice::of(GpuModelId{state_.node(node).state.gpus[device].model});
  for (const PodId pod : state_.node(node).pods) {
    const GpuAssignments& parts = state_.pod(pod)->placement.gpus;
    // Two shapes may occupy the same units, but may start elsewhere at different places.
    if (parts.size() == 1 && parts[0].gpu == device && parts[0].range == placement.range &&
        lattice.shape_of(parts[0].profile) == placement.shape) {
      return pod_may_move(state_, options_, Movable::asked_for_instances, pod, now_) ? pod : PodId{};
    }
  }
  return {};
}

bool OneMove::may_drain(NodeId node, std::uint16_t device) const {
  const auto& pods = state_.node(node).pods;
  return std::all_of(pods.begin(), pods.end(), [&](PodId pod) {
    const GpuAssignments& parts = state_.pod(pod)->placement.gpus;
    const bool here = std::any_of(parts.begin(), parts.end(), [&](const auto& part) { return part.gpu == device; });
    return !here || pod_may_move(state_, options_, Movable::asked_for_instances, pod, now_);
  });
}

std::optional<std::pair<Candidate, std::int64_t>> OneMove::place_elsewhere(PodId pod, std::uint32_t but) {
  const PodRecord& record = *state_.pod(pod);
  const GpuRequest& request = state_.request(record.request);
  const auto [from_node, from_device] = state_.gpu_at(but);
  const std::uint16_t model = state_.node(from_node).state.gpus[from_device].model;
  MigRanking& ranking = caches_.mig_ranking(record.request);
  ranking.update(state_, index_, caches_.filter, record.request, caches_.mig_preferences);
  const MigMemberCheck check(state_, request, record.request, caches_.filter, ranking, in_scope_);
  for (const MigRanking::Entry& entry : ranking.entries()) {
    const auto bucket = static_cast<std::size_t>(entry.bucket);
    if (index_.buckets()[bucket].model != model) {
      continue;  // on another model it would run at another speed
    }
    for (std::uint32_t i = first_fitting(index_, bucket, 0, check); i != none;
         i = first_fitting(index_, bucket, i + 1, check)) {
      const auto [node, device] = state_.gpu_at(i);
      if (i == but || (options_.actuation == Actuation::drain_gpu && !may_drain(node, device))) {
        continue;
      }
      Candidate place{.node = node, .gpus = {}};
      place.gpus.push_back(instance_on(device, entry.start, caches_.filter.resolve(state_, record.request, model),
                                       MigLattice::of(GpuModelId{model})));
      return std::pair(place, entry.cost);
    }
  }
  return std::nullopt;
}

std::optional<ReshapeThenBind> Engine::find_move(RequestClassId request, TimeNs now,
                                                 std::optional<std::span<const NodeId>> scope) {
  const ReshapeOptions& options = options_.reshape;
  if (options.most_moves_in_flight > 0 && state_.moves_in_flight() >= options.most_moves_in_flight) {
    return std::nullopt;
  }
  std::vector<char> in_scope;
  if (scope) {
    in_scope.assign(state_.nodes().size(), 0);
    for (const NodeId id : *scope) {
      in_scope[id.value] = 1;
    }
  }
  if (chooses_mode(request)) {
    // mig-parted changes a GPU only when it is empty: nobody else's mode is worth that.
    const bool possible = options.actuation == Actuation::per_instance && caches_->instances_lie_anywhere;
    return possible
               ? ModeMove(state_, caches_->modes->search, options, request, now, scope ? &in_scope : nullptr).find()
               : std::nullopt;
  }
  return OneMove(state_, *caches_, options, request, now, scope ? &in_scope : nullptr).find();
}

Status Engine::apply_move(PodId pod, const ReshapeThenBind& decision, TimeNs now) {
  const auto stale = [](const char* message) {
    return Error{
        .code = ErrorCode::invalid_argument, .message = message, .file = {}, .line = 0, .remedy = "Decide anew"};
  };
  const PodRecord* record = state_.pod(pod);
  if (record == nullptr || record->phase != PodPhase::pending) {
    return stale("the pod does not wait");
  }
  const PodRecord* moved = state_.pod(decision.move.pod);
  if (moved == nullptr || !moved->holds_resources() || !(moved->placement == decision.move.from)) {
    return stale("the pod to be moved has left its place");
  }
  const GpuRequest& request = state_.request(record->request);
  if (Status free = state_.check_placement(request, decision.candidate, {}, &decision.move); !free) {
    return free;
  }
  return state_.apply({now, PodMoved{decision.move}});
}

}  // namespace gpusched
