#include "engine/move_rules.hpp"

#include <bit>
#include <map>
#include <optional>
#include <string>

#include "gpusched/model/mig_lattice.hpp"

#include "engine/caches.hpp"

namespace gpusched {

bool pod_may_move(const ClusterState& state, const ReshapeOptions& options, PodId pod, TimeNs now) {
  const PodRecord& record = *state.pod(pod);
  const GpuRequest& request = state.request(record.request);
  const bool never = request.job_class == JobClass::dev || request.job_class == JobClass::burst;
  if (never || request.mig_profile.empty() || record.placement.gpus.size() != 1 || record.phase < PodPhase::bound ||
      state.moving_to(pod) != nullptr) {
    return false;
  }
  const std::optional<TimeNs> moved_ns = state.last_moved_ns(pod);
  return !moved_ns || now - *moved_ns >= options.cooldown_ns;
}

bool Engine::may_move(PodId pod, TimeNs now) const { return pod_may_move(state_, options_.reshape, pod, now); }

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
  return fixed == RejectReason::none ? Status() : Status(refused(describe(fixed)));
}

bool Engine::free_units_suffice(RequestClassId request) {
  std::map<std::uint16_t, std::int64_t> missing;  // by model
  for (const GpuIndex::Bucket& bucket : state_.gpu_index().buckets()) {
    const ResolvedProfile& profile = caches_->filter.resolve(state_, request, bucket.model);
    if (bucket.empty() || !profile.profile.valid()) {
      continue;
    }
    const MigLattice& lattice = MigLattice::of(GpuModelId{bucket.model});
    const auto wanted =
        missing.emplace(bucket.model, lattice.shapes()[static_cast<std::size_t>(profile.shape)].memory_units);
    wanted.first->second -= std::int64_t{bucket.count} * (lattice.units() - std::popcount(bucket.occupancy));
    if (wanted.first->second <= 0) {
      return true;
    }
  }
  return false;
}

}  // namespace gpusched
