#pragma once

#include <cstdint>
#include <span>

#include "gpusched/model/job_profile.hpp"
#include "gpusched/perf/perf_constants.hpp"

namespace gpusched {

/// What the sharing laws need to know of one tenant of a partition, in thousandths. A value: tenants with equal demand
/// are interchangeable, and sums over tenants are exact, whatever their order.
struct TenantDemand {
  std::int32_t engine_active_milli = 0;      ///< u, while it works, on this partition
  std::int32_t dram_active_milli = 0;        ///< m, while it works
  std::int32_t mps_demand_milli = 0;         ///< d
  std::int32_t load_milli = 0;               ///< rho of a service on this partition
  std::int32_t load_spread_milli = 0;        ///< how far rho rises above that at its planned quantile
  std::int32_t activity_milli = 1000;        ///< a of a closed job: share of the time in which it works; 0 while idle
  std::int32_t activity_spread_milli = 0;    ///< how far a rises above that at its planned quantile
  std::int32_t slice_slowdown_milli = 1000;  ///< K: alone on this partition against alone on the whole GPU
  std::int32_t service_time_us = 1;          ///< of a service: one request alone on the whole GPU
  bool service = false;

  friend bool operator==(const TenantDemand&, const TenantDemand&) = default;
};

/// At which load and activity a tenant is counted.
enum class LoadPoint {
  mean,     ///< mean load, mean duty cycle: what happens on average
  planned,  ///< with the spread up to a high quantile: what a promise must hold at
};

/// A job on the whole GPU. Contract: check_job_profile(job) is ok.
/// Load with its spread at LoadPoint::planned: p95, else p90, else p99, else load_peak x mean, at most 1.
/// Activity with its spread at LoadPoint::planned: duty + duty_margin x sqrt(duty x (1 - duty)), at most 1.
/// MPS demand: as measured, else max(u w, m) of a closed job, max(w, m) of a service; w = 1 where it is unknown.
TenantDemand tenant_demand(const JobProfile& job, LoadPoint load, const PerfConstants& constants);

/// The same job on an instance on which it runs K times as long: u' = (K - (1 - u)) / K, rho' = rho K.
/// Contract: `whole` is on the whole GPU, K is positive.
TenantDemand on_slice(TenantDemand whole, std::int64_t slice_slowdown_milli);

/// Memory that jobs with these footprints need beside each other on one partition: each has a context of its own.
std::int64_t memory_needed_mib(std::span<const std::int64_t> footprints_mib, const PerfConstants& constants);

}  // namespace gpusched
