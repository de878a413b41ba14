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

/// One tenant alone.
double exclusive_slowdown(const TenantDemand& tenant);

/// Tenants take turns on the whole GPU, or inside an instance when their demands are of on_slice().
void time_slice_slowdown(std::span<const TenantDemand> tenants, const PerfConstants& constants,
                         std::span<double> slowdown);

/// Tenants run side by side.
void mps_slowdown(std::span<const TenantDemand> tenants, const PerfConstants& constants, std::span<double> slowdown);

}  // namespace gpusched
