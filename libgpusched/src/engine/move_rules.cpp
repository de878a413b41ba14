#include "engine/move_rules.hpp"

#include <bit>
#include <map>
#include <optional>
#include <string>

#include "gpusched/model/mig_lattice.hpp"

#include "engine/caches.hpp"

namespace gpusched {

bool pod_may_move(const ClusterState& state, const ReshapeOptions& options, Movable movable, PodId pod, TimeNs now) {
  const PodRecord& record = *state.pod(pod);
  const GpuRequest& request = state.request(record.request);
  const bool never = request.job_class == JobClass::dev || request.job_class == JobClass::burst;
  if (never || record.phase < PodPhase::bound || record.placement.gpus.size() != 1 || state.moving_to(pod) != nullptr) {
    return false;
  }
  const GpuAssignment& part = record.placement.gpus[0];
  const bool counts = movable == Movable::any_part ||
                      (part.range.size > 0 && (movable == Movable::instances || !request.mig_profile.empty()));
  if (!counts || part.takes_turns()) {
    return false;
  }
  const std::optional<TimeNs> moved_ns = state.last_moved_ns(pod);
  return !moved_ns || now - *moved_ns >= options.cooldown_ns;
}

bool Engine::may_move(PodId pod, TimeNs now) const {
  const Movable movable = caches_->instances_lie_anywhere ? Movable::instances : Movable::asked_for_instances;
  return pod_may_move(state_, options_.reshape, movable, pod, now);
}

Status Engine::check_move(const PodMove& move, TimeNs now) {
  const auto refused = [&](const std::string& why) {
    return Error{.code = ErrorCode::invalid_argument,
                 .message = "pod #" + std::to_string(move.pod.value) + " cannot be moved: " + why,
                 .file = {},
                 .line = 0,
                 .remedy = "Plan anew"};
  };
  const PodRecord* record = state_.pod(move.pod);
  if (record == nullptr || record->phase < PodPhase::bound || !(record->placement == move.from)) {
    return refused("it is not where the move starts");
  }
  if (!may_move(move.pod, now)) {
    return refused("it stays for now, or for good");
  }
  if (Status free = state_.check_placement(state_.request(record->request), move.to, {}); !free) {
    return free;
  }
  const NodeState& node = state_.node(move.to.node).state;
  if (!node.schedulable || node.gpus[move.to.gpus[0].gpu].held) {
    return refused("the new place takes no newcomers");
  }
  const RejectReason fixed = caches_->filter.static_reason(state_, record->request, node.shape);
  // Of a job that states intent the mode is chosen: how a node shares is no rule against it, as when it was placed.
  const bool takes_it = fixed == RejectReason::none ||
                        (fixed == RejectReason::sharing_mismatch && states_intent(state_.request(record->request)));
  return takes_it ? Status() : Status(refused(describe(fixed)));
}

int Engine::units_wanted(RequestClassId request, std::uint16_t model) {
  const MigLattice& lattice = MigLattice::of(GpuModelId{model});
  const GpuRequest& wanted = state_.request(request);
  if (wanted.mig_profile.empty()) {
    return model_allowed(wanted.gpu_models, GpuModelId{model}) ? lattice.units() * wanted.num_gpu : 0;
  }
  const ResolvedProfile& profile = caches_->filter.resolve(state_, request, model);
  return profile.profile.valid()
             ? lattice.shapes()[static_cast<std::size_t>(profile.shape)].memory_units * wanted.num_gpu
             : 0;
}

bool Engine::free_units_suffice(RequestClassId request) {
  std::map<std::uint16_t, std::int64_t> missing;  // by model
  for (const GpuIndex::Bucket& bucket : state_.gpu_index().buckets()) {
    const int wanted = bucket.empty() ? 0 : units_wanted(request, bucket.model);
    if (wanted == 0) {
      continue;
    }
    const int free = MigLattice::of(GpuModelId{bucket.model}).units() - std::popcount(bucket.occupancy);
    std::int64_t& left = missing.emplace(bucket.model, wanted).first->second;
    left -= std::int64_t{bucket.count} * free;
    if (left <= 0) {
      return true;
    }
  }
  return false;
}

}  // namespace gpusched
