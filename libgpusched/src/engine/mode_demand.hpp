#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "gpusched/cluster/cluster_state.hpp"
#include "gpusched/perf/partition_slowdown.hpp"
#include "gpusched/perf/tenant_demand.hpp"
#include "gpusched/policy/mode_rules.hpp"

namespace gpusched {

/// A MIG instance that a job may have on one GPU model.
struct ModeInstance {
  int shape = 0;
  MigProfileId profile;
  double slowdown = 1;  ///< of the job alone on it
};

/// The job as a tenant of an instance, where tenants take turns.
struct InstanceTenant {
  TenantDemand tenant;  ///< on the instance, planned
  PartitionLoad adds;
  double load = 0, limit = 0;
};

/// What the choice of mode needs to know of one kind of request, found once.
struct ModeDemand {
  TenantDemand tenant;                  ///< on the whole GPU, planned: at its high load
  PartitionLoad adds;                   ///< what it adds to a shared GPU
  std::int64_t most_mps_pressure = 0;   ///< on a GPU, its own counted in, at which it stays within what it tolerates
  bool has_profile = false;             ///< false: the fallback stands in for it
  std::int32_t memory_mib = 0;          ///< footprint and context; 0 = not known, then it shares with nobody
  double tolerated = 0;                 ///< slowdown times the margin
  TimeSliceBound time_slice_bound;      ///< of what it tolerates
  ModeSet modes = all_modes;            ///< by class, isolation, trust and the user's own word
  std::uint32_t trust_domain = 0;       ///< 0 = none
  bool loses_value_while_slow = false;  ///< batch: twice as slow holds its place twice as long
  double expected_s = 1;                ///< duration to spread setup time over
  // What it adds to the load of a shared GPU, and the most that GPU may carry for its sake (docs/policies/auto.md).
  double time_slice_load = 0, time_slice_limit = 0;
  double mps_load = 0, mps_limit = 0;
  std::vector<std::vector<ModeInstance>> instances;  ///< by GpuModelId: smallest first; empty where none serves
  std::vector<std::vector<InstanceTenant>> turns;    ///< on each of the instances; empty where it shares none

  /// On instances of one profile; nullptr where it may not share them.
  const InstanceTenant* turns_on(std::uint16_t model, MigProfileId profile) const;
};

/// Demands by request class. Void as soon as a profile is loaded; then clear().
class ModeDemands {
 public:
  explicit ModeDemands(const ModeRules& rules) : rules_(rules) {}

  /// The reference holds until clear().
  const ModeDemand& of(const ClusterState& state, RequestClassId request) {
    return request.value < known_.size() && known_[request.value] != 0 ? demands_[request.value]
                                                                       : learn(state, request);
  }
  void clear();

 private:
  const ModeDemand& learn(const ClusterState& state, RequestClassId request);
  ModeDemand make(const ClusterState& state, const GpuRequest& request);
  std::vector<ModeInstance> instances_on(GpuModelId model, const GpuRequest& request, const ModeDemand& demand,
                                         const JobProfile& profile) const;
  InstanceTenant turns_on(GpuModelId model, MigProfileId instance, const ModeDemand& demand,
                          const JobProfile& profile) const;

  const ModeRules& rules_;
  std::deque<ModeDemand> demands_;
  std::vector<char> known_;
  std::map<std::string, std::uint32_t> trust_domains_;
};

/// Stands in for the profile of a job that nobody measured: three quarters of the jobs of its class ask for less.
JobProfile fallback_profile(JobClass job_class);

}  // namespace gpusched
