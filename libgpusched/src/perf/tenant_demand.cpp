#include "gpusched/perf/tenant_demand.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "gpusched/base/check.hpp"
#include "gpusched/base/units.hpp"

namespace gpusched {

namespace {

std::int32_t milli32(std::int64_t milli) {
  return static_cast<std::int32_t>(std::min<std::int64_t>(milli, std::numeric_limits<std::int32_t>::max()));
}

/// The load at its planned quantile.
double high_load(const Activity& load, const PerfConstants& constants) {
  for (const std::optional<double>& quantile : {load.p95, load.p90, load.p99}) {
    if (quantile) {
      return *quantile;
    }
  }
  return std::min(1.0, load.mean * constants.load_peak);
}

double high_activity(double duty, const PerfConstants& constants) {
  // sqrt is exact to the last bit everywhere, unlike pow.
  return std::min(1.0, duty + constants.duty_margin * std::sqrt(duty * (1 - duty)));
}

std::int32_t spread_milli(double high, std::int32_t mean_milli) {
  return std::max(0, milli32(to_milli(high)) - mean_milli);
}

double mps_demand(const JobProfile& job) {
  if (job.mps_demand) {
    return *job.mps_demand;
  }
  const double width = job.sm_active ? job.sm_active->mean : 1;
  const double busy = job.kind == JobKind::closed ? job.engine_active.mean : 1;
  return std::max(busy * width, job.dram_active.mean);
}

}  // namespace

TenantDemand tenant_demand(const JobProfile& job, LoadPoint load, const PerfConstants& constants) {
  TenantDemand demand;
  demand.engine_active_milli = milli32(to_milli(job.engine_active.mean));
  demand.dram_active_milli = milli32(to_milli(job.dram_active.mean));
  demand.mps_demand_milli = milli32(to_milli(mps_demand(job)));
  if (job.kind == JobKind::service) {
    GPUSCHED_CHECK(job.request_load && job.service_time_ms, "a service without load or service time");
    demand.service = true;
    demand.load_milli = milli32(to_milli(job.request_load->mean));
    if (load == LoadPoint::planned) {
      demand.load_spread_milli = spread_milli(high_load(*job.request_load, constants), demand.load_milli);
    }
    demand.service_time_us = std::max(1, milli32(to_milli(*job.service_time_ms)));
  } else {
    demand.activity_milli = milli32(to_milli(job.duty_cycle));
    if (load == LoadPoint::planned) {
      demand.activity_spread_milli = spread_milli(high_activity(job.duty_cycle, constants), demand.activity_milli);
    }
  }
  return demand;
}

TenantDemand on_slice(TenantDemand whole, std::int64_t slice_slowdown_milli) {
  GPUSCHED_CHECK(slice_slowdown_milli > 0, "a slowdown is positive");
  GPUSCHED_CHECK(whole.slice_slowdown_milli == milli_per_unit, "the job is on a slice already");
  const double k = static_cast<double>(slice_slowdown_milli);
  // A slice that is faster than the whole GPU takes its time from the engine's part.
  const double engine = std::max(0.0, k - static_cast<double>(milli_per_unit - whole.engine_active_milli)) / k;
  whole.engine_active_milli = milli32(to_milli(engine));
  whole.load_milli = milli32(to_milli(whole.load_milli * k * 1e-6));
  whole.load_spread_milli = milli32(to_milli(whole.load_spread_milli * k * 1e-6));
  whole.slice_slowdown_milli = milli32(slice_slowdown_milli);
  return whole;
}

std::int64_t memory_needed_mib(std::span<const std::int64_t> footprints_mib, const PerfConstants& constants) {
  const auto context_mib = static_cast<std::int64_t>(std::ceil(constants.context_memory_mib));
  std::int64_t needed = 0;
  for (const std::int64_t footprint : footprints_mib) {
    needed += footprint + context_mib;
  }
  return needed;
}

}  // namespace gpusched
