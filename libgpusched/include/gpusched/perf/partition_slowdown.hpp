#pragma once

#include <cstdint>
#include <span>

#include "gpusched/base/units.hpp"
#include "gpusched/perf/perf_constants.hpp"
#include "gpusched/perf/tenant_demand.hpp"

namespace gpusched {

/// Stands for "no bound": the partition has no capacity left for the tenant, its queue grows for ever.
inline constexpr double saturated_slowdown = 1e6;

// Slowdowns of the tenants of one partition, each against the same work alone on the whole GPU and without queueing:
// of a closed job the time per step, of a service the mean response over the service time, its own queueing included.
// A closed job is told the slowdown while it works, whatever its activity. Formulas: docs/models/slowdown.md.
// `slowdown` has one place per tenant. No allocation, no C library: a partition of eight costs about 100 ns.

/// What tenants add up to on one partition, in millionths: sums are exact, whatever their order.
struct PartitionLoad {
  std::int64_t closed_busy = 0;   ///< a u of closed jobs
  std::int64_t load = 0;          ///< rho of services
  std::int64_t bandwidth = 0;     ///< m, by the share of time in which the tenant is busy
  std::int64_t mps_pressure = 0;  ///< what tenants take from their neighbours under MPS

  PartitionLoad& operator+=(const PartitionLoad& other);
  PartitionLoad& operator-=(const PartitionLoad& other);
};
PartitionLoad partition_load(const TenantDemand& tenant, const PerfConstants& constants);

/// One tenant beside the sum of the others: what the functions below give for it, to the bit, and no less the more the
/// others add up to.
double time_slice_slowdown_beside(const TenantDemand& tenant, const PartitionLoad& others,
                                  const PerfConstants& constants);
double mps_slowdown_beside(const TenantDemand& tenant, std::int64_t others_mps_pressure);

/// One tenant alone.
double exclusive_slowdown(const TenantDemand& tenant);

/// Tenants take turns on the whole GPU, or inside an instance when their demands are of on_slice().
void time_slice_slowdown(std::span<const TenantDemand> tenants, const PerfConstants& constants,
                         std::span<double> slowdown);

/// Tenants run side by side.
void mps_slowdown(std::span<const TenantDemand> tenants, const PerfConstants& constants, std::span<double> slowdown);

}  // namespace gpusched
