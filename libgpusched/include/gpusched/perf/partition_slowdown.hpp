#pragma once

#include <algorithm>
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

/// What tenants add to their partition, in millionths: the mean, and the squares of how far each may rise above its
/// own. Tenants do not peak together, so the squares add up, not the spreads. Sums are exact, whatever their order.
struct Pressure {
  std::int64_t mean = 0;
  std::int64_t spread_squares = 0;

  Pressure& operator+=(const Pressure& other) {
    mean += other.mean;
    spread_squares += other.spread_squares;
    return *this;
  }
  Pressure& operator-=(const Pressure& other) {
    mean -= other.mean;
    spread_squares -= other.spread_squares;
    return *this;
  }
  bool none() const { return mean == 0 && spread_squares == 0; }
};

/// What tenants add up to on one partition.
struct PartitionLoad {
  Pressure closed_busy;  ///< a u of closed jobs
  Pressure load;         ///< rho of services
  Pressure bandwidth;    ///< m, by the share of time in which the tenant is busy
  Pressure mps;          ///< what tenants take from their neighbours under MPS

  PartitionLoad& operator+=(const PartitionLoad& other) {
    closed_busy += other.closed_busy;
    load += other.load;
    bandwidth += other.bandwidth;
    mps += other.mps;
    return *this;
  }
  PartitionLoad& operator-=(const PartitionLoad& other) {
    closed_busy -= other.closed_busy;
    load -= other.load;
    bandwidth -= other.bandwidth;
    mps -= other.mps;
    return *this;
  }
};
PartitionLoad partition_load(const TenantDemand& tenant, const PerfConstants& constants);

/// One tenant beside the sum of the others: what the functions below give for it, to the bit, and no less the more the
/// others add up to.
double time_slice_slowdown_beside(const TenantDemand& tenant, const PartitionLoad& others,
                                  const PerfConstants& constants);
double mps_slowdown_beside(const TenantDemand& tenant, const Pressure& others, const PerfConstants& constants);

/// A quick no: whether a tenant on a whole GPU is surely slowed more than it tolerates. Time slicing without bandwidth
/// and waiting, by the means of the neighbours alone, makes tax x (closed jobs + t x load) <= t a necessary condition,
/// which takes no division.
class TimeSliceBound {
 public:
  TimeSliceBound() = default;
  TimeSliceBound(const TenantDemand& tenant, double tolerated, const PerfConstants& constants);

  /// True only where time_slice_slowdown_beside() > tolerated. False says nothing.
  bool is_exceeded_beside(const PartitionLoad& others) const {
    if (others.closed_busy.mean == 0 && others.load.mean == 0) {
      return false;
    }
    return stretch(others) * demand(others) > most_;
  }
  /// More closed jobs (a u), or more services (rho), beside `others` than this surely slow the tenant too much.
  double closed_room(const PartitionLoad& others) const { return most_ / stretch(others) - demand(others); }
  double service_room(const PartitionLoad& others) const { return closed_room(others) * inverse_; }

 private:
  double stretch(const PartitionLoad& others) const {
    const double all = 1e-6 * static_cast<double>(others.closed_busy.mean + others.load.mean);
    return 1 + tax_ * std::clamp((all - free_) * rise_, 0.0, 1.0);
  }
  double demand(const PartitionLoad& others) const {
    return 1e-6 * static_cast<double>(others.closed_busy.mean) + own_ +
           tolerated_ * 1e-6 * static_cast<double>(others.load.mean);
  }

  double tolerated_ = 0, inverse_ = 0, most_ = 0;  // the last with room for rounding
  double own_ = 0;                                 // what the tenant itself adds
  double tax_ = 0, free_ = 0, rise_ = 0;
};

/// One tenant alone.
double exclusive_slowdown(const TenantDemand& tenant);

/// Tenants take turns on the whole GPU, or inside an instance when their demands are of on_slice().
void time_slice_slowdown(std::span<const TenantDemand> tenants, const PerfConstants& constants,
                         std::span<double> slowdown);

/// Tenants run side by side.
void mps_slowdown(std::span<const TenantDemand> tenants, const PerfConstants& constants, std::span<double> slowdown);

}  // namespace gpusched
