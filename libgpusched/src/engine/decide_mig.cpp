#include <algorithm>
#include <bit>
#include <tuple>

#include "gpusched/base/philox.hpp"
#include "gpusched/model/gpu_catalog.hpp"

#include "engine/caches.hpp"
#include "engine/mig_member_check.hpp"

namespace gpusched {

namespace {

constexpr std::uint32_t none = GpuIndex::none;

struct Pick {
  const MigRanking::Entry* entry = nullptr;
  std::uint32_t ordinal = none;
  const MigRanking::Entry* runner_up = nullptr;  // the first class behind with a member, unchecked
};

Pick pick_first(const GpuIndex& index, const std::vector<MigRanking::Entry>& entries, std::uint32_t after,
                const MigMemberCheck& check) {
  Pick pick;
  std::uint64_t best_place = 0;
  for (const MigRanking::Entry& entry : entries) {
    if (pick.entry != nullptr && std::tuple(entry.cost, entry.tie) != std::tuple(pick.entry->cost, pick.entry->tie)) {
      break;
    }
    const auto bucket = static_cast<std::size_t>(entry.bucket);
    if (index.buckets()[bucket].empty()) {
      continue;
    }
    std::uint32_t ordinal = first_fitting(index, bucket, after, check);
    std::uint64_t place = ordinal;
    if (ordinal == none && after > 0) {
      ordinal = first_fitting(index, bucket, 0, check);
      place = (std::uint64_t{1} << 32) + ordinal;
    }
    if (ordinal != none && (pick.entry == nullptr || place < best_place)) {
      pick.entry = &entry;
      pick.ordinal = ordinal;
      best_place = place;
    }
  }
  return pick;
}

Pick pick_random(const GpuIndex& index, const std::vector<MigRanking::Entry>& entries, const MigMemberCheck& check,
                 Philox draws) {
  Pick pick;
  std::uint32_t seen = 0;
  for (const MigRanking::Entry& entry : entries) {
    if (pick.entry != nullptr && std::tuple(entry.cost, entry.tie) != std::tuple(pick.entry->cost, pick.entry->tie)) {
      break;
    }
    const auto bucket = static_cast<std::size_t>(entry.bucket);
    for (std::uint32_t i = first_fitting(index, bucket, 0, check); i != none;
         i = first_fitting(index, bucket, i + 1, check)) {
      if (draws.next_below(++seen) == 0) {  // reservoir of one
        pick.entry = &entry;
        pick.ordinal = i;
      }
    }
  }
  return pick;
}

}  // namespace

Decision Engine::decide_mig(RequestClassId request, std::optional<std::span<const NodeId>> scope) {
  const GpuIndex& index = state_.gpu_index();
  const GpuRequest& wanted = state_.request(request);
  const ScoringContext context{state_, options_.target, caches_->node_index};
  caches_->refresh_mig_preferences(*policy_, context, index);
  MigRanking& ranking = caches_->mig_ranking(request);
  ranking.update(state_, index, caches_->filter, request, caches_->mig_preferences);
  std::vector<char> in_scope;
  if (scope) {
    in_scope.assign(state_.nodes().size(), 0);
    for (const NodeId id : *scope) {
      in_scope[id.value] = 1;
    }
  }
  const MigMemberCheck check(state_, wanted, request, caches_->filter, ranking, scope ? &in_scope : nullptr);
  if (wanted.num_gpu > 1) {
    return decide_several_instances(request, scope ? &in_scope : nullptr);
  }
  const TieOrder order = policy_->traits().tie_order;
  const auto after = order == TieOrder::after_last ? static_cast<std::uint32_t>(state_.last_placed_gpu() + 1) : 0U;
  const Pick pick = order == TieOrder::random ? pick_random(index, ranking.entries(), check,
                                                            Philox(options_.seed, StreamPurpose::tie_break,
                                                                   static_cast<std::uint64_t>(state_.arrival_count())))
                                              : pick_first(index, ranking.entries(), after, check);
  if (pick.entry == nullptr) {
    return refuse(request, mig_reasons(request, scope ? &in_scope : nullptr));
  }
  const auto [node, device] = state_.gpu_at(pick.ordinal);
  const std::uint16_t model = state_.node(node).state.gpus[device].model;
  Bind bind;
  bind.cost = pick.entry->cost;
  bind.candidate.node = node;
  bind.candidate.gpus.push_back(instance_on(device, pick.entry->start, caches_->filter.resolve(state_, request, model),
                                            MigLattice::of(GpuModelId{model})));
  for (const MigRanking::Entry* entry = pick.entry + 1; entry != ranking.entries().data() + ranking.entries().size();
       ++entry) {
    const GpuIndex::Bucket& bucket = index.buckets()[static_cast<std::size_t>(entry->bucket)];
    if (!bucket.empty()) {
      bind.runner_up = {.node = state_.gpu_at(bucket.first).first, .cost = entry->cost};
      break;
    }
  }
  return bind;
}

Decision Engine::decide_several_instances(RequestClassId request, const std::vector<char>* in_scope) {
  const GpuRequest& wanted = state_.request(request);
  Bind best;
  for (const NodeId id : state_.node_order()) {
    const NodeState& node = state_.node(id).state;
    if ((in_scope != nullptr && (*in_scope)[id.value] == 0) || !node.schedulable ||
        caches_->filter.static_reason(state_, request, node.shape) != RejectReason::none ||
        node.cpu_free_milli < wanted.cpu_milli || node.memory_free_mib < wanted.memory_mib) {
      continue;
    }
    const std::optional<MigPreference>& known = caches_->mig_preferences[node.gpus[0].model];
    if (!known) {
      continue;  // no GPU of this model could be cut so far
    }
    GpuStates gpus = node.gpus;  // a copy to place one instance after the other on
    Bind bind;
    bind.candidate.node = id;
    const ResolvedProfile& profile = caches_->filter.resolve(state_, request, gpus[0].model);
    const MigPreference& preference = *known;
    const MigLattice& lattice = MigLattice::of(GpuModelId{gpus[0].model});
    while (bind.candidate.gpus.size() < static_cast<std::size_t>(wanted.num_gpu)) {
      std::size_t device = gpus.size();
      for (std::size_t i = 0; i < gpus.size(); ++i) {
        const bool fits = gpus[i].takes_instances() && (gpus[i].mig_labels & profile.conflicts) == 0 &&
                          (!profile.needs_empty_gpu || gpus[i].mig_occupancy == 0) &&
                          preference.at(profile.shape, gpus[i].mig_occupancy).start >= 0;
        const auto key = [&](std::size_t gpu) {
          const MigPreference::Option& option = preference.at(profile.shape, gpus[gpu].mig_occupancy);
          return std::tuple(option.cost, option.tie, gpu);
        };
        if (fits && (device == gpus.size() || key(i) < key(device))) {
          device = i;
        }
      }
      if (device == gpus.size()) {
        break;
      }
      const MigPreference::Option& option = preference.at(profile.shape, gpus[device].mig_occupancy);
      bind.cost += option.cost;
      bind.candidate.gpus.push_back(instance_on(static_cast<std::uint16_t>(device), option.start, profile, lattice));
      gpus[device].mig_occupancy |= bind.candidate.gpus[bind.candidate.gpus.size() - 1].range.mask();
      gpus[device].mig_labels |= profile.mig_labels;
    }
    const bool complete = bind.candidate.gpus.size() == static_cast<std::size_t>(wanted.num_gpu);
    if (!complete) {
      continue;
    }
    if (!best.candidate.node.valid() || bind.cost < best.cost) {
      best.runner_up = {.node = best.candidate.node, .cost = best.cost};
      best.candidate = bind.candidate;
      best.cost = bind.cost;
    } else if (!best.runner_up.node.valid() || bind.cost < best.runner_up.cost) {
      best.runner_up = {.node = bind.candidate.node, .cost = bind.cost};
    }
  }
  return best.candidate.node.valid() ? Decision{best} : refuse(request, mig_reasons(request, in_scope));
}

RejectCounts Engine::mig_reasons(RequestClassId request, const std::vector<char>* in_scope) {
  RejectCounts counts{};
  const MigMemberCheck check(state_, state_.request(request), request, caches_->filter, caches_->mig_ranking(request),
                             in_scope);
  const GpuIndex& index = state_.gpu_index();
  for (std::size_t number = 0; number < index.buckets().size(); ++number) {
    const GpuIndex::Bucket& bucket = index.buckets()[number];
    const ResolvedProfile& profile = caches_->filter.resolve(state_, request, bucket.model);
    RejectReason reason = RejectReason::mig_unsupported;
    if (profile.profile.valid()) {
      const MigLattice& lattice = MigLattice::of(GpuModelId{bucket.model});
      const bool has_place = caches_->mig_preferences[bucket.model]->at(profile.shape, bucket.occupancy).start >= 0;
      const int free = lattice.units() - std::popcount(bucket.occupancy);
      reason = has_place ? RejectReason::none
               : free >= lattice.shapes()[static_cast<std::size_t>(profile.shape)].memory_units
                   ? RejectReason::mig_fragmented
                   : RejectReason::insufficient_mig_slices;
    }
    if (reason != RejectReason::none && in_scope == nullptr) {
      counts[static_cast<std::size_t>(reason)] += bucket.count;
      continue;
    }
    // A place, but the node or a label stands against it; or only some GPUs were offered.
    for (std::uint32_t i = bucket.first; i != none; i = index.next_member(number, i + 1)) {
      RejectReason of_member = check(i);
      if (of_member != RejectReason::out_of_scope && reason != RejectReason::none) {
        of_member = reason;
      }
      // What fits alone was one of several instances asked for: the node has too few.
      of_member = of_member == RejectReason::none ? RejectReason::insufficient_mig_slices : of_member;
      ++counts[static_cast<std::size_t>(of_member)];
    }
  }
  return counts;
}

}  // namespace gpusched
