#include "engine/mode_search.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/perf/partition_slowdown.hpp"

namespace gpusched {

namespace {

constexpr std::uint32_t none = IndexBitset::none;

ModeSet modes_of(NodeSharing sharing) {
  switch (sharing) {
    case NodeSharing::any:
      return all_modes;
    case NodeSharing::exclusive:
      return mode_bit(ModeKind::whole);
    case NodeSharing::time_slice:
      return mode_bit(ModeKind::time_slice);
    case NodeSharing::mps:
      return mode_bit(ModeKind::mps);
    case NodeSharing::mig:
      return mode_bit(ModeKind::mig);
  }
  return 0;
}

/// std::llround without a call into the C library: a decision rounds a hundred costs.
std::int64_t rounded(double value) {
  const auto cut = static_cast<std::int64_t>(value);
  const double rest = value - static_cast<double>(cut);
  return cut + (rest >= 0.5 ? 1 : 0) - (rest <= -0.5 ? 1 : 0);
}

}  // namespace

std::string_view to_string(ModeKind mode) {
  constexpr std::array<std::string_view, mode_kind_count> names = {"whole", "mig", "time_slice", "mps",
                                                                   "time_sliced_mig"};
  return names[static_cast<std::size_t>(mode)];
}

ModeVerdict verdict(const ModeCandidate& chosen) {
  return {.mode = chosen.mode,
          .slowdown_milli = std::llround(chosen.slowdown * 1000.0),
          .setup_ns = std::llround(chosen.setup_s * static_cast<double>(ns_per_s)),
          .runner_up = {}};
}

void ModeSearch::start(ClusterState& state, RequestClassId request, const std::vector<char>* in_scope,
                       std::uint32_t but) {
  state_ = &state;
  request_ = request;
  demand_ = &demands_.of(*state_, request);
  in_scope_ = in_scope;
  but_ = but;
  best_ = {};
  reasons_ = {};
  lacked_host_ = false;
  const GpuRequest& wanted = state_->request(request);
  checks_nodes_ = in_scope != nullptr || but != none || wanted.cpu_milli > 0 || wanted.memory_mib > 0;
  for (std::uint32_t shape = 0; shape < state_->shapes().size() && !checks_nodes_; ++shape) {
    checks_nodes_ = state_->shapes()[shape].sharing != NodeSharing::any ||
                    filter_.static_reason(*state_, request, shape) != RejectReason::none;
  }
}

const std::array<ModeCandidate, mode_kind_count>& ModeSearch::best_by_mode() {
  std::uint32_t begin = 0;
  for (const ModePool& pool : rules_.pools) {
    const std::uint32_t end = end_of_pool(pool, begin);
    search_pool(pool, begin, end);
    begin = end;
  }
  ModeCandidate& whole = best_[static_cast<std::size_t>(ModeKind::whole)];
  if (rules_.shares_first && std::any_of(best_.begin() + 1, best_.end(), [](const auto& c) { return c.found(); })) {
    whole = {};
  }
  return best_;
}

std::uint32_t ModeSearch::end_of_pool(const ModePool& pool, std::uint32_t begin) const {
  const std::uint32_t left = index_.gpu_count() - begin;
  return begin + (pool.gpus == 0 ? left : static_cast<std::uint32_t>(std::min<std::int64_t>(pool.gpus, left)));
}

void ModeSearch::search_pool(const ModePool& pool, std::uint32_t begin, std::uint32_t end) {
  const ModeSet modes = demand_->modes & pool.modes;
  constexpr ModeSet on_instances = mode_bit(ModeKind::mig) | mode_bit(ModeKind::time_sliced_mig);
  if ((modes & on_instances) != 0) {
    if (rules_.layout == MigLayout::dynamic) {
      search_instances(modes, begin, end);
    } else {
      search_layout(begin, end);
    }
  }
  if ((modes & mode_bit(ModeKind::time_sliced_mig)) != 0) {
    search_open_instances(begin, end);
  }
  search_idle(modes, begin, end);
  for (const ModeKind mode : {ModeKind::time_slice, ModeKind::mps}) {
    if ((modes & mode_bit(mode)) != 0) {
      search_shared(mode, begin, end);
    }
  }
}

void ModeSearch::offer(const ModeCandidate& candidate) {
  ModeCandidate& best = best_[static_cast<std::size_t>(candidate.mode)];
  if (!best.found() || candidate.cost < best.cost) {
    best = candidate;
  }
}

std::int64_t ModeSearch::cost_of(ModeKind mode, double value_lost, double slowdown, double setup_s) const {
  const bool foresees = rules_.guard == ModeGuard::slowdown;
  double cost = foresees && demand_->loses_value_while_slow ? value_lost * slowdown : value_lost;
  if (setup_s > 0) {
    cost += rules_.weights.delay * setup_s / demand_->expected_s;
  }
  if (mode == ModeKind::mps) {
    cost -= rules_.weights.mps_bonus;
  }
  return rounded(cost * 1e6);
}

RejectReason ModeSearch::node_reason(std::uint32_t ordinal, ModeKind mode) {
  if (!checks_nodes_) {
    return RejectReason::none;
  }
  const auto [id, device] = state_->gpu_at(ordinal);
  const Node& node = state_->node(id);
  if (ordinal == but_ || (in_scope_ != nullptr && (*in_scope_)[id.value] == 0)) {
    return RejectReason::out_of_scope;
  }
  const RejectReason fixed = filter_.static_reason(*state_, request_, node.state.shape);
  if (fixed != RejectReason::none && fixed != RejectReason::sharing_mismatch) {
    return fixed;
  }
  if ((modes_of(node.spec.sharing) & mode_bit(mode)) == 0) {
    return RejectReason::sharing_mismatch;
  }
  const GpuRequest& wanted = state_->request(request_);
  if (node.state.cpu_free_milli >= wanted.cpu_milli && node.state.memory_free_mib >= wanted.memory_mib) {
    return RejectReason::none;
  }
  lacked_host_ = true;
  return node.state.cpu_free_milli < wanted.cpu_milli ? RejectReason::insufficient_cpu
                                                      : RejectReason::insufficient_memory;
}

bool ModeSearch::opens_alone(ModeKind mode, double& slowdown) const {
  slowdown = 1;
  if (rules_.guard != ModeGuard::slowdown) {
    return true;
  }
  const std::span<const TenantDemand> alone(&demand_->tenant, 1);
  if (mode == ModeKind::mps) {
    mps_slowdown(alone, rules_.perf, std::span(&slowdown, 1));
  } else {
    time_slice_slowdown(alone, rules_.perf, std::span(&slowdown, 1));
  }
  return slowdown <= demand_->tolerated;
}

void ModeSearch::search_idle(ModeSet modes, std::uint32_t begin, std::uint32_t end) {
  const GpuRequest& wanted = state_->request(request_);
  for (const std::uint16_t model : index_.models()) {
    const IndexBitset& idle = index_.idle(model);
    if (idle.empty() || !model_allowed(wanted.gpu_models, GpuModelId{model})) {
      continue;
    }
    if ((modes & mode_bit(ModeKind::whole)) != 0) {
      std::uint32_t ordinal = idle.previous(end);  // whole GPUs from the far end: slices and shares stay together
      while (ordinal != none && ordinal >= begin && node_reason(ordinal, ModeKind::whole) != RejectReason::none) {
        ordinal = idle.previous(ordinal);
      }
      if (ordinal != none && ordinal >= begin) {
        offer(whole_on(ordinal));
      }
    }
    for (const ModeKind mode : {ModeKind::time_slice, ModeKind::mps}) {
      if ((modes & mode_bit(mode)) == 0) {
        continue;
      }
      std::uint32_t ordinal = idle.next(begin);
      while (ordinal < end && node_reason(ordinal, mode) != RejectReason::none) {
        ordinal = idle.next(ordinal + 1);
      }
      const ModeCandidate opened = ordinal < end ? opened_on(ordinal, mode) : ModeCandidate{};
      if (opened.found()) {
        offer(opened);
      }
    }
  }
}

ModeCandidate ModeSearch::whole_on(std::uint32_t ordinal) const {
  return {
      .cost = cost_of(ModeKind::whole, 1.0, 1.0, 0.0), .mode = ModeKind::whole, .ordinal = ordinal, .value_lost = 1.0};
}

ModeCandidate ModeSearch::opened_on(std::uint32_t ordinal, ModeKind mode) const {
  double slowdown = 1;
  const auto [node, device] = state_->gpu_at(ordinal);
  ModeIndex::Shared fresh;
  fresh.memory_mib = static_cast<std::int32_t>(state_->node(node).spec.gpus[device].memory_mib);
  fresh.free_memory_mib = fresh.memory_mib;
  fresh.limit = std::numeric_limits<double>::max();
  const bool lacks_memory = rules_.guard != ModeGuard::none && fresh.memory_mib < demand_->memory_mib;
  if (lacks_memory || !opens_alone(mode, slowdown)) {
    return {};
  }
  const double lost = shared_value_lost(fresh, mode, true);
  return {.cost = cost_of(mode, lost, slowdown, rules_.delays.create_s),
          .mode = mode,
          .ordinal = ordinal,
          .slowdown = slowdown,
          .setup_s = rules_.delays.create_s,
          .value_lost = lost};
}

double ModeSearch::shared_value_lost(const ModeIndex::Shared& gpu, ModeKind mode, bool opens) const {
  const bool mps = mode == ModeKind::mps;
  const double load = gpu.load + (mps ? demand_->mps_load : demand_->time_slice_load);
  const double limit = std::min(gpu.limit, mps ? demand_->mps_limit : demand_->time_slice_limit);
  const double left =
      index_.room_left(mode, gpu.tenants + 1, gpu.free_memory_mib - demand_->memory_mib, gpu.memory_mib, load, limit);
  const double before = opens ? 1.0 : ModeValue::of_shared(gpu.headroom, rules_.weights.wholeness);
  return before - ModeValue::of_shared(left, rules_.weights.wholeness);
}

void ModeSearch::search_shared(ModeKind mode, std::uint32_t begin, std::uint32_t end) {
  const IndexBitset& open = index_.open(mode);
  const ModeCandidate& best = best_[static_cast<std::size_t>(mode)];
  Join join;
  bool some_take_it = false;  // by everything but the slowdowns
  std::size_t looked_at = 0;
  for (std::uint32_t ordinal = open.next(begin); ordinal < end; ordinal = open.next(ordinal + 1)) {
    const ModeIndex::Shared& gpu = index_.shared(ordinal);
    if (join_reason(gpu, mode) == RejectReason::none) {
      some_take_it = some_take_it || node_reason(ordinal, mode) == RejectReason::none;
      // Cheapest first. Once some GPU counts, its node is looked at only where nothing else stands against it.
      if (some_take_it && !is_surely_too_slow(gpu, mode) && may_win(gpu, mode, join)) {
        const double slowdown = slowdown_beside(ordinal, mode);
        if (slowdown > 0 && node_reason(ordinal, mode) == RejectReason::none) {
          weigh_join(ordinal, mode, slowdown, join);
        }
      }
    }
    if (++looked_at % search_window == 0) {
      const bool found = join.candidate.found() || best.found();
      if ((some_take_it && found) || (looked_at >= longest_search && (found || found_any() || but_ != none))) {
        break;
      }
      some_take_it = false;
    }
  }
  if (join.candidate.found()) {
    offer(join.candidate);
  }
}

bool ModeSearch::may_win(const ModeIndex::Shared& gpu, ModeKind mode, const Join& join) const {
  if (!join.candidate.found()) {
    return true;
  }
  const double lost = rules_.spreads ? -gpu.headroom : shared_value_lost(gpu, mode, false);
  const std::int64_t key = rules_.spreads ? 0 : cost_of(mode, lost, 1.0, 0.0);
  return (lost < 0 && !rules_.spreads) || std::tuple(key, lost) < std::tuple(join.key, join.value_lost);
}

void ModeSearch::weigh_join(std::uint32_t ordinal, ModeKind mode, double slowdown, Join& join) {
  const ModeIndex::Shared& gpu = index_.shared(ordinal);
  const double lost = rules_.spreads ? -gpu.headroom : shared_value_lost(gpu, mode, false);
  const std::int64_t cost = cost_of(mode, lost, slowdown, 0.0);
  const std::int64_t key = rules_.spreads ? 0 : cost;
  if (!join.candidate.found() || std::tuple(key, lost) < std::tuple(join.key, join.value_lost)) {
    join = {.key = key,
            .value_lost = lost,
            .candidate = {.cost = cost, .mode = mode, .ordinal = ordinal, .slowdown = slowdown, .value_lost = lost}};
  }
}

double ModeSearch::slowdown_beside(std::uint32_t ordinal, ModeKind mode) {
  if (rules_.guard != ModeGuard::slowdown) {
    return 1.0;  // whoever asks for no guard gets no prediction either
  }
  const ModeIndex::Shared& gpu = index_.shared(ordinal);
  if (is_surely_too_slow(gpu, mode)) {
    return 0;  // most GPUs
  }
  const auto [node, device] = state_->gpu_at(ordinal);
  return slowdown_beside(gpu, state_->tenants(node, device), mode);
}

double ModeSearch::slowdown_beside(const ModeIndex::Shared& gpu, std::span<const RequestClassId> tenants,
                                   ModeKind mode) {
  const double own = predict(*demand_, gpu.sum, mode);
  return own <= demand_->tolerated && residents_tolerate(gpu.sum, tenants, mode) ? own : 0;
}

bool ModeSearch::is_surely_too_slow(const ModeIndex::Shared& gpu, ModeKind mode) const {
  if (rules_.guard != ModeGuard::slowdown) {
    return false;
  }
  const PartitionLoad& adds = demand_->adds;
  if (mode == ModeKind::mps) {
    return gpu.sum.mps.mean + adds.mps.mean > std::min(gpu.most_mps_pressure, demand_->most_mps_pressure);
  }
  // Both bounds hold only beside somebody who has work; a newcomer without any is judged by the law itself.
  const bool crowds = 1e-6 * static_cast<double>(adds.closed_busy.mean) > gpu.closed_room ||
                      1e-6 * static_cast<double>(adds.load.mean) > gpu.service_room;
  return (crowds && adds.closed_busy.mean + adds.load.mean > 0) ||
         demand_->time_slice_bound.is_exceeded_beside(gpu.sum);
}

double ModeSearch::predict(const ModeDemand& tenant, const PartitionLoad& others, ModeKind mode) const {
  return mode == ModeKind::mps ? mps_slowdown_beside(tenant.tenant, others.mps, rules_.perf)
                               : time_slice_slowdown_beside(tenant.tenant, others, rules_.perf);
}

bool ModeSearch::residents_tolerate(const PartitionLoad& sum, std::span<const RequestClassId> tenants, ModeKind mode) {
  PartitionLoad all = sum;
  all += demand_->adds;
  for (const RequestClassId tenant : tenants) {
    const ModeDemand& demand = demands_.of(*state_, tenant);
    PartitionLoad others = all;
    others -= demand.adds;
    if ((mode == ModeKind::time_slice && demand.time_slice_bound.is_exceeded_beside(others)) ||
        predict(demand, others, mode) > demand.tolerated) {
      return false;
    }
  }
  return true;
}

Candidate ModeSearch::placement(const ModeCandidate& chosen) const {
  const auto [node, device] = state_->gpu_at(chosen.ordinal);
  GpuAssignment part;
  part.gpu = device;
  switch (chosen.mode) {
    case ModeKind::whole:
      part.share_milli = milli_per_unit;
      break;
    case ModeKind::mig:
      part.range = chosen.range;
      part.profile = chosen.profile;
      break;
    case ModeKind::time_sliced_mig:
      part.range = chosen.range;
      part.profile = chosen.profile;
      part.sharing = PartitionSharing::time_slice;
      part.memory_mib = demand_->memory_mib;
      break;
    case ModeKind::time_slice:
    case ModeKind::mps: {
      const bool mps = chosen.mode == ModeKind::mps;
      part.sharing = mps ? PartitionSharing::mps : PartitionSharing::time_slice;
      part.share_milli = static_cast<std::uint16_t>(milli_per_unit / rules_.most_tenants(chosen.mode));
      part.memory_mib = rules_.guard == ModeGuard::none ? 0 : demand_->memory_mib;
      break;
    }
  }
  Candidate candidate;
  candidate.node = node;
  candidate.gpus.push_back(part);
  return candidate;
}

void ModeSearch::count_shared(ModeSet modes, std::uint32_t begin, std::uint32_t end) {
  for (const ModeKind mode : {ModeKind::time_slice, ModeKind::mps}) {
    const IndexBitset& open = index_.open(mode);
    for (std::uint32_t ordinal = (modes & mode_bit(mode)) != 0 ? open.next(begin) : none; ordinal < end;
         ordinal = open.next(ordinal + 1)) {
      RejectReason reason = join_reason(index_.shared(ordinal), mode);
      reason = reason == RejectReason::none ? node_reason(ordinal, mode) : reason;
      reason = reason == RejectReason::none ? RejectReason::slowdown_exceeded : reason;  // it was not taken
      ++reasons_[static_cast<std::size_t>(reason)];
    }
  }
}

const RejectCounts& ModeSearch::reasons() {
  // Only who is refused asks: each shared GPU is named its reason; the rest is full, or cut and without a place.
  std::uint32_t begin = 0;
  for (const ModePool& pool : rules_.pools) {
    const std::uint32_t end = end_of_pool(pool, begin);
    count_shared(demand_->modes & pool.modes, begin, end);
    begin = end;
  }
  const GpuIndex& gpus = state_->gpu_index();
  std::uint32_t counted = 0;
  for (const std::uint32_t count : reasons_) {
    counted += count;
  }
  for (const GpuIndex::Bucket& bucket : gpus.buckets()) {
    if (bucket.occupancy != 0) {
      reasons_[static_cast<std::size_t>(RejectReason::insufficient_mig_slices)] += bucket.count;
      counted += bucket.count;
    }
  }
  reasons_[static_cast<std::size_t>(RejectReason::insufficient_gpus)] += index_.gpu_count() - counted;
  return reasons_;
}

bool ModeSearch::admits(std::uint32_t ordinal) {
  const auto [node, device] = state_->gpu_at(ordinal);
  const GpuState& gpu = state_->node(node).state.gpus[device];
  if (!state_->node(node).state.schedulable || gpu.held) {
    return false;
  }
  if (gpu.idle()) {
    return true;
  }
  if (gpu.mig_occupancy != 0) {
    if (index_.open_instances().contains(ordinal) && join_instance(ordinal).found()) {
      return true;
    }
    const MigLattice& lattice = MigLattice::of(GpuModelId{gpu.model});
    return std::any_of(
        demand_->instances[gpu.model].begin(), demand_->instances[gpu.model].end(), [&](const ModeInstance& instance) {
          const auto places = lattice.placements_of(instance.shape);
          return std::any_of(places.begin(), places.end(),
                             [&](const MigPlacement& place) { return (place.range.mask() & gpu.mig_occupancy) == 0; });
        });
  }
  if (gpu.sharing == PartitionSharing::exclusive) {
    return false;
  }
  const ModeKind mode = gpu.sharing == PartitionSharing::mps ? ModeKind::mps : ModeKind::time_slice;
  return (demand_->modes & mode_bit(mode)) != 0 && index_.open(mode).contains(ordinal) &&
         join_reason(index_.shared(ordinal), mode) == RejectReason::none && slowdown_beside(ordinal, mode) > 0;
}

}  // namespace gpusched
