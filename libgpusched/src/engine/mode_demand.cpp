#include "engine/mode_demand.hpp"

#include <algorithm>

#include "gpusched/filter/request_filter.hpp"
#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/model/mig_lattice.hpp"
#include "gpusched/perf/partition_slowdown.hpp"
#include "gpusched/perf/slice_speed.hpp"

namespace gpusched {

namespace {

/// Nobody waits for ever: what stands for "any slowdown" where none is stated.
constexpr double unlimited_slowdown = 1000;

double milli(std::int64_t value) { return static_cast<double>(value) / 1000.0; }

ModeSet modes_for(const GpuRequest& request, const ModeRules& rules, std::uint32_t trust_domain, bool memory_known) {
  constexpr ModeSet shared =
      mode_bit(ModeKind::time_slice) | mode_bit(ModeKind::mps) | mode_bit(ModeKind::time_sliced_mig);
  ModeSet modes = rules.modes_of_class[static_cast<std::size_t>(request.job_class)];
  switch (request.mode) {  // the user's word always wins
    case SharingMode::whole:
      return mode_bit(ModeKind::whole);
    case SharingMode::mig:
      return mode_bit(ModeKind::mig);
    case SharingMode::time_slice:
      modes = mode_bit(ModeKind::time_slice);
      break;
    case SharingMode::mps:
      modes = mode_bit(ModeKind::mps);
      break;
    case SharingMode::unstated:
      break;
  }
  if (request.isolation != Isolation::none || !memory_known) {
    modes &= static_cast<ModeSet>(~shared);
  }
  if (rules.respects_trust && trust_domain == 0) {
    modes &= static_cast<ModeSet>(~mode_bit(ModeKind::mps));
  }
  return modes;
}

struct LoadOfTurns {
  double load = 0, limit = 0;
};

/// What a tenant adds to the load of a partition whose tenants take turns, and the most it lets the partition carry.
LoadOfTurns load_of_turns(const TenantDemand& tenant, double tolerated, const ModeRules& rules) {
  const double t = tolerated * 1000.0 / static_cast<double>(tenant.slice_slowdown_milli);
  if (tenant.service) {
    const double rho = milli(tenant.load_milli + tenant.load_spread_milli);
    const double load = milli(tenant.load_milli) + rules.weights.spread * milli(tenant.load_spread_milli);
    return {.load = load, .limit = 1.0 - 1.0 / t - rho + load};
  }
  const double u = milli(tenant.engine_active_milli);
  const double a = milli(tenant.activity_milli) + rules.weights.spread * milli(tenant.activity_spread_milli);
  return {.load = a * u, .limit = std::max(0.0, t / (1.0 + rules.perf.switch_tax) - u) + a * u};
}

/// Found by bisection on the law itself, for neighbours without spread: with spread it is less.
std::int64_t most_mps_pressure(const TenantDemand& tenant, std::int64_t own, double tolerated,
                               const PerfConstants& constants) {
  const auto tolerates = [&](std::int64_t others) {
    return mps_slowdown_beside(tenant, {.mean = others}, constants) <= tolerated;
  };
  if (!tolerates(0)) {
    return -1;
  }
  std::int64_t least = 0;
  std::int64_t beyond = std::int64_t{1} << 50;
  while (beyond - least > 1) {
    const std::int64_t middle = least + (beyond - least) / 2;
    (tolerates(middle) ? least : beyond) = middle;
  }
  return own + least;
}

double expected_duration_s(JobClass job_class) {
  switch (job_class) {
    case JobClass::burst:
      return 300;
    case JobClass::batch:
    case JobClass::unknown:
      return 2000;
    case JobClass::always_on:
    case JobClass::dev:
      return 10000;
  }
  return 10000;
}

}  // namespace

JobProfile fallback_profile(JobClass job_class) {
  const bool service = job_class == JobClass::always_on || job_class == JobClass::burst;
  JobProfile profile;
  profile.name = "fallback";
  profile.kind = service ? JobKind::service : JobKind::closed;
  profile.engine_active.mean = 0.92;
  profile.sm_active = Activity{.mean = 0.65};
  profile.dram_active.mean = 0.5;
  profile.duty_cycle = job_class == JobClass::dev ? 0.15 : 1.0;
  if (service) {
    profile.request_load = Activity{.mean = 0.2};
    profile.service_time_ms = 60;
  }
  return profile;
}

const InstanceTenant* ModeDemand::turns_on(std::uint16_t model, MigProfileId profile) const {
  for (std::size_t i = 0; i < turns[model].size(); ++i) {
    if (instances[model][i].profile == profile) {
      return &turns[model][i];
    }
  }
  return nullptr;
}

void ModeDemands::clear() {
  demands_.clear();
  known_.clear();
}

const ModeDemand& ModeDemands::learn(const ClusterState& state, RequestClassId request) {
  if (request.value >= known_.size()) {
    known_.resize(request.value + std::size_t{1}, 0);
    demands_.resize(known_.size());
  }
  known_[request.value] = 1;
  demands_[request.value] = make(state, state.request(request));
  return demands_[request.value];
}

ModeDemand ModeDemands::make(const ClusterState& state, const GpuRequest& request) {
  const JobProfile* const measured = state.profile(request.job_profile);
  const JobProfile profile = measured != nullptr ? *measured : fallback_profile(request.job_class);
  ModeDemand demand;
  demand.has_profile = measured != nullptr;
  demand.tenant = tenant_demand(profile, LoadPoint::planned, rules_.perf);
  const std::int64_t footprint_mib = std::max(request.gpu_memory_mib, profile.memory_peak_mib);
  if (footprint_mib > 0) {
    const std::int64_t needed = memory_needed_mib(std::span(&footprint_mib, 1), rules_.perf);
    demand.memory_mib = static_cast<std::int32_t>(std::min<std::int64_t>(needed, 1 << 30));
  }
  demand.tolerated = request.max_slowdown > 0 ? request.max_slowdown * rules_.weights.margin : unlimited_slowdown;
  demand.time_slice_bound = TimeSliceBound(demand.tenant, demand.tolerated, rules_.perf);
  demand.adds = partition_load(demand.tenant, rules_.perf);
  demand.most_mps_pressure = most_mps_pressure(demand.tenant, demand.adds.mps.mean, demand.tolerated, rules_.perf);
  if (!request.trust_domain.empty()) {
    demand.trust_domain =
        trust_domains_.try_emplace(request.trust_domain, static_cast<std::uint32_t>(trust_domains_.size() + 1))
            .first->second;
  }
  demand.modes = modes_for(request, rules_, demand.trust_domain, demand.memory_mib > 0);
  demand.loses_value_while_slow = request.job_class == JobClass::batch || request.job_class == JobClass::unknown;
  demand.expected_s = expected_duration_s(request.job_class);
  const double t = demand.tolerated;
  const double u = milli(demand.tenant.engine_active_milli);
  const double d = milli(demand.tenant.mps_demand_milli);
  const double spread = rules_.weights.spread;
  const double rho = milli(demand.tenant.load_milli + demand.tenant.load_spread_milli);
  const double rho_beside = milli(demand.tenant.load_milli) + spread * milli(demand.tenant.load_spread_milli);
  const double a = milli(demand.tenant.activity_milli) + spread * milli(demand.tenant.activity_spread_milli);
  const LoadOfTurns turns = load_of_turns(demand.tenant, t, rules_);
  demand.time_slice_load = turns.load;
  demand.time_slice_limit = turns.limit;
  if (demand.tenant.service) {
    demand.mps_load = rho_beside * d;
    demand.mps_limit = t / (1.0 + rho * t) - 1.0 + demand.mps_load;
  } else {
    demand.mps_load = a * d;
    demand.mps_limit = (u > 0 ? (t - 1.0) / u : unlimited_slowdown) + demand.mps_load;
  }
  const bool has_instances = (demand.modes & (mode_bit(ModeKind::mig) | mode_bit(ModeKind::time_sliced_mig))) != 0;
  demand.instances.resize(gpu_catalog().size());
  demand.turns.resize(gpu_catalog().size());
  for (std::uint32_t i = 0; i < gpu_catalog().size() && has_instances; ++i) {
    if (gpu_catalog()[i].has_lattice() && model_allowed(request.gpu_models, GpuModelId{i})) {
      demand.instances[i] = instances_on(GpuModelId{i}, request, demand, profile);
    }
    if ((demand.modes & mode_bit(ModeKind::time_sliced_mig)) != 0) {
      for (const ModeInstance& instance : demand.instances[i]) {
        demand.turns[i].push_back(turns_on(GpuModelId{i}, instance.profile, demand, profile));
      }
    }
  }
  return demand;
}

InstanceTenant ModeDemands::turns_on(GpuModelId model, MigProfileId instance, const ModeDemand& demand,
                                     const JobProfile& profile) const {
  InstanceTenant turns;
  turns.tenant = on_slice(demand.tenant, slice_slowdown_milli(profile, model, instance, rules_.perf));
  turns.adds = partition_load(turns.tenant, rules_.perf);
  const LoadOfTurns load = load_of_turns(turns.tenant, demand.tolerated, rules_);
  turns.load = load.load;
  turns.limit = load.limit;
  return turns;
}

std::vector<ModeInstance> ModeDemands::instances_on(GpuModelId model, const GpuRequest& request,
                                                    const ModeDemand& demand, const JobProfile& profile) const {
  const MigLattice& lattice = MigLattice::of(model);
  std::vector<ModeInstance> instances;
  for (std::uint32_t i = 0; i < gpu_model(model).profiles.size(); ++i) {
    const MigProfile& row = gpu_model(model).profiles[i];
    if (row.is_label() || demand.memory_mib == 0 || row.memory_mib.value_or(0) < demand.memory_mib) {
      continue;
    }
    const std::int64_t k = slice_slowdown_milli(profile, model, MigProfileId{i}, rules_.perf);
    const double slowdown = exclusive_slowdown(on_slice(demand.tenant, k));
    const bool is_own_wish = request.mode == SharingMode::mig;
    if (slowdown <= demand.tolerated || (is_own_wish && slowdown < saturated_slowdown)) {
      instances.push_back(
          {.shape = lattice.shape_of(MigProfileId{i}), .profile = MigProfileId{i}, .slowdown = slowdown});
    }
  }
  std::sort(instances.begin(), instances.end(),
            [](const ModeInstance& a, const ModeInstance& b) { return a.shape < b.shape; });
  return instances;
}

}  // namespace gpusched
