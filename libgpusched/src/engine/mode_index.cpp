#include "engine/mode_index.hpp"

#include <algorithm>
#include <limits>
#include <tuple>

#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/score/mig_scores.hpp"

namespace gpusched {

namespace {

/// One more tenant of its instance, the first brings the instance.
void join_instance(const ModeDemand& demand, const TurnTaker& tenant, std::uint16_t model,
                   std::vector<ModeIndex::Instance>& instances) {
  auto instance = std::find_if(instances.begin(), instances.end(),
                               [&](const ModeIndex::Instance& i) { return i.start == tenant.start; });
  const MigProfileId profile{tenant.profile};
  if (instance == instances.end()) {
    const GpuModel& gpu = gpu_model(GpuModelId{model});
    const MigProfile& row = gpu.profiles[profile.value];
    instance = instances.insert(instances.end(), ModeIndex::Instance{});
    instance->start = tenant.start;
    instance->profile = profile;
    instance->size = static_cast<double>(row.memory_units) / gpu.placement_units;
    instance->memory_mib = instance->free_memory_mib = static_cast<std::int32_t>(row.memory_mib.value_or(0));
    instance->limit = std::numeric_limits<double>::max();
  }
  instance->free_memory_mib -= tenant.memory_mib;
  instance->tenants.push_back(tenant.request);
  const InstanceTenant* turns = demand.turns_on(model, profile);
  if (turns == nullptr) {
    instance->limit = 0;  // the tenant came by itself, and has no room to give
    return;
  }
  instance->sum += turns->adds;
  instance->load += turns->load;
  instance->limit = std::min(instance->limit, turns->limit);
}

}  // namespace

void ModeIndex::sync(ClusterState& state, ModeDemands& demands) {
  state.gpu_index();  // brings the ordinals up to date
  const bool reprofiled = profiles_version_ != state.profiles_version();
  if (topology_version_ != state.topology_version() || reprofiled) {
    if (reprofiled) {
      demands.clear();
    }
    rebuild(state, demands);
    return;
  }
  if (log_.size() > max_log) {
    start_log();
  }
  state.take_changed_gpus(changed_);
#ifdef __GNUC__
  for (const GpuRef gpu : changed_) {  // nobody waits for one while another is brought up to date
    __builtin_prefetch(shared_.data() + state.first_gpu(gpu.node) + gpu.gpu);
  }
#endif
  for (const GpuRef gpu : changed_) {
    refresh(state, demands, gpu);
  }
}

void ModeIndex::start_log() {
  ++generation_;
  log_.clear();
}

void ModeIndex::rebuild(ClusterState& state, ModeDemands& demands) {
  state.follow_gpus();
  state.take_changed_gpus(changed_);
  topology_version_ = state.topology_version();
  profiles_version_ = state.profiles_version();
  start_log();
  std::size_t gpus = 0;
  models_.clear();
  for (const NodeId id : state.node_order()) {
    const Node& node = state.node(id);
    gpus += node.state.gpus.size();
    if (!node.state.gpus.empty() &&
        std::find(models_.begin(), models_.end(), node.state.gpus[0].model) == models_.end()) {
      models_.push_back(node.state.gpus[0].model);
    }
  }
  const auto count = static_cast<std::uint32_t>(gpus);
  shared_.assign(gpus, {});
  open_time_slice_.reset(count);
  open_mps_.reset(count);
  open_instances_.reset(count);
  instances_.clear();
  idle_.assign(gpu_catalog().size(), {});
  idle_count_ = 0;
  instance_options_.assign(gpu_catalog().size(), {});
  buckets_seen_.assign(gpu_catalog().size(), {});
  values_.resize(gpu_catalog().size());
  for (const std::uint16_t model : models_) {
    idle_[model].reset(count);
  }
  for (const NodeId id : state.node_order()) {
    for (std::size_t gpu = 0; gpu < state.node(id).state.gpus.size(); ++gpu) {
      shared_[state.first_gpu(id) + gpu].memory_mib =
          static_cast<std::int32_t>(state.node(id).spec.gpus[gpu].memory_mib);
      refresh(state, demands, {id, static_cast<std::uint16_t>(gpu)});
    }
  }
}

void ModeIndex::set(IndexBitset& members, std::uint32_t ordinal, bool in) {
  if (members.contains(ordinal) == in) {
    return;
  }
  if (in) {
    members.insert(ordinal);
  } else {
    members.erase(ordinal);
  }
}

void ModeIndex::refresh(const ClusterState& state, ModeDemands& demands, GpuRef ref) {
  const Node& node = state.node(ref.node);
  if (node.removed) {
    return;  // the next topology version leaves it out
  }
  const GpuState& gpu = node.state.gpus[ref.gpu];
  const std::uint32_t ordinal = state.first_gpu(ref.node) + ref.gpu;
  const bool takes_newcomers = node.state.schedulable && !gpu.held;
  const bool idle = takes_newcomers && gpu.idle();
  idle_count_ += (idle ? 1U : 0U) - (idle_[gpu.model].contains(ordinal) ? 1U : 0U);
  set(idle_[gpu.model], ordinal, idle);
  const bool time_slice = gpu.sharing == PartitionSharing::time_slice;
  const bool mps = gpu.sharing == PartitionSharing::mps;
  set(open_time_slice_, ordinal, takes_newcomers && time_slice && gpu.tenants < rules_.time_slice_tenants);
  set(open_mps_, ordinal, takes_newcomers && mps && gpu.tenants < rules_.mps_tenants);
  log_.push_back(ordinal);
  if (gpu.sliced_starts != 0 || (!instances_.empty() && instances_.contains(ordinal))) {
    refresh_instances(state, demands, ref, ordinal);
  }
  if (!time_slice && !mps) {
    return;
  }
  shared_[ordinal] =
      shared_by(state, demands, state.tenants(ref.node, ref.gpu), mps ? ModeKind::mps : ModeKind::time_slice,
                shared_[ordinal].memory_mib, static_cast<std::int32_t>(gpu.free_memory_mib));
}

ModeIndex::Shared ModeIndex::shared_by(const ClusterState& state, ModeDemands& demands,
                                       std::span<const RequestClassId> tenants, ModeKind mode, std::int32_t memory_mib,
                                       std::int32_t free_memory_mib) const {
  const bool mps = mode == ModeKind::mps;
  Shared shared;
  shared.memory_mib = memory_mib;
  shared.free_memory_mib = free_memory_mib;
  shared.limit = 1e9;
  shared.most_mps_pressure = std::numeric_limits<std::int64_t>::max();
  for (const RequestClassId tenant : tenants) {
    const ModeDemand& demand = demands.of(state, tenant);
    shared.load += mps ? demand.mps_load : demand.time_slice_load;
    shared.limit = std::min(shared.limit, mps ? demand.mps_limit : demand.time_slice_limit);
    shared.trust_domain = demand.trust_domain;
    shared.sum += demand.adds;
    shared.most_mps_pressure = std::min(shared.most_mps_pressure, demand.most_mps_pressure);
    ++shared.tenants;
  }
  if (!mps && rules_.guard == ModeGuard::slowdown) {
    find_room(state, demands, tenants, shared);
  }
  shared.headroom =
      room_left(mode, shared.tenants, shared.free_memory_mib, shared.memory_mib, shared.load, shared.limit);
  return shared;
}

void ModeIndex::find_room(const ClusterState& state, ModeDemands& demands, std::span<const RequestClassId> tenants,
                          Shared& shared) {
  shared.closed_room = shared.service_room = std::numeric_limits<double>::max();
  for (const RequestClassId tenant : tenants) {
    const ModeDemand& demand = demands.of(state, tenant);
    PartitionLoad others = shared.sum;
    others -= demand.adds;
    shared.closed_room = std::min(shared.closed_room, demand.time_slice_bound.closed_room(others));
    shared.service_room = std::min(shared.service_room, demand.time_slice_bound.service_room(others));
  }
}

void ModeIndex::refresh_instances(const ClusterState& state, ModeDemands& demands, GpuRef ref, std::uint32_t ordinal) {
  const Node& node = state.node(ref.node);
  const GpuState& gpu = node.state.gpus[ref.gpu];
  set(open_instances_, ordinal, false);
  if (gpu.sliced_starts == 0) {
    instances_.erase(ordinal);
    return;
  }
  std::vector<Instance>& instances = instances_[ordinal];
  instances.clear();
  for (const TurnTaker& tenant : state.turn_takers(ref.node, ref.gpu)) {
    join_instance(demands.of(state, tenant.request), tenant, gpu.model, instances);
  }
  std::sort(instances.begin(), instances.end(), [](const Instance& a, const Instance& b) { return a.start < b.start; });
  for (Instance& instance : instances) {
    const auto tenants = static_cast<std::int32_t>(instance.tenants.size());
    instance.headroom = room_left(ModeKind::time_sliced_mig, tenants, instance.free_memory_mib, instance.memory_mib,
                                  instance.load, instance.limit);
    if (node.state.schedulable && !gpu.held && tenants < rules_.instance_tenants) {
      set(open_instances_, ordinal, true);
    }
  }
}

const ModeValue& ModeIndex::value(std::uint16_t model) {
  if (!values_[model]) {
    values_[model].emplace(MigLattice::of(GpuModelId{model}), rules_.weights.wholeness, rules_.weights.mig_linear);
  }
  return *values_[model];
}

ModeIndex::InstanceOption ModeIndex::best_place(std::uint16_t model, int shape, std::uint16_t occupancy) {
  const MigLattice& lattice = MigLattice::of(GpuModelId{model});
  InstanceOption best{.value_lost = 2.0, .start = -1, .idle = occupancy == 0};
  for (const MigPlacement& place : lattice.placements_of(shape)) {
    if ((place.range.mask() & occupancy) != 0) {
      continue;
    }
    const auto after = static_cast<std::uint16_t>(occupancy | place.range.mask());
    const double lost = value(model).of_cut(occupancy) - value(model).of_cut(after);
    if (lost < best.value_lost) {
      best.value_lost = lost;
      best.start = place.range.start;
    }
  }
  return best;
}

const std::vector<ModeIndex::InstanceOption>& ModeIndex::instance_options(const GpuIndex& gpus, std::uint16_t model,
                                                                          int shape) {
  const MigLattice& lattice = MigLattice::of(GpuModelId{model});
  const auto at = static_cast<std::size_t>(shape);
  if (instance_options_[model].empty()) {
    instance_options_[model].resize(lattice.shapes().size());
    buckets_seen_[model].assign(lattice.shapes().size(), 0);
  }
  std::vector<InstanceOption>& options = instance_options_[model][at];
  if (buckets_seen_[model][at] == gpus.buckets().size()) {
    return options;
  }
  buckets_seen_[model][at] = gpus.buckets().size();
  options.clear();
  for (std::size_t i = 0; i < gpus.buckets().size(); ++i) {
    const GpuIndex::Bucket& bucket = gpus.buckets()[i];
    if (bucket.model != model) {
      continue;
    }
    InstanceOption best = best_place(model, shape, bucket.occupancy);
    if (best.start >= 0) {
      best.free_units = free_units(lattice, bucket.occupancy);
      best.bucket = static_cast<std::int32_t>(i);
      options.push_back(best);
    }
  }
  std::sort(options.begin(), options.end(), [](const InstanceOption& a, const InstanceOption& b) {
    return std::tuple(a.value_lost, a.free_units, a.bucket) < std::tuple(b.value_lost, b.free_units, b.bucket);
  });
  return options;
}

}  // namespace gpusched
