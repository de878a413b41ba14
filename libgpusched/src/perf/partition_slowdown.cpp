#include "gpusched/perf/partition_slowdown.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "gpusched/base/check.hpp"

namespace gpusched {

namespace {

constexpr double unit = static_cast<double>(milli_per_unit);
constexpr double square = unit * unit;  // products of two thousandths

Pressure pressure(std::int64_t weight_milli, std::int64_t mean_milli, std::int64_t spread_milli) {
  const std::int64_t spread = weight_milli * spread_milli;
  return {weight_milli * mean_milli, spread * spread};
}

/// With `share` of the joint spread.
double at(const Pressure& of, double share) {
  const double spread = of.spread_squares > 0 ? share * std::sqrt(static_cast<double>(of.spread_squares)) : 0.0;
  return (static_cast<double>(of.mean) + spread) / square;
}

std::int64_t at_most_always(std::int64_t milli) { return std::min(milli_per_unit, milli); }

/// What a tenant takes from its neighbours under MPS.
Pressure mps_pressure(const TenantDemand& tenant, const PerfConstants& constants) {
  if (!tenant.service) {
    return pressure(tenant.mps_demand_milli, tenant.activity_milli, tenant.activity_spread_milli);
  }
  const auto busy_at = [&](std::int64_t load_milli) {
    return at_most_always(to_milli(constants.mps_service_weight * static_cast<double>(load_milli) / unit));
  };
  const std::int64_t busy = busy_at(tenant.load_milli);
  return pressure(tenant.mps_demand_milli, busy,
                  busy_at(std::int64_t{tenant.load_milli} + tenant.load_spread_milli) - busy);
}

/// A service's own load counts at its planned quantile: it promises to stay below a slowdown nearly all the time.
double own_load(const TenantDemand& tenant) { return (tenant.load_milli + tenant.load_spread_milli) / unit; }

/// How much of its neighbours' joint spread a tenant is judged at: a service nearly all the time, a closed job on
/// average.
double judged_at(const TenantDemand& tenant, const PerfConstants& constants) {
  return tenant.service ? constants.service_spread : constants.closed_spread;
}

/// The mean response of a queue whose service takes `stretch` times as long, over the service time.
double queue_response(double stretch, double load) {
  const double left = 1 - load * stretch;
  return left > 0 ? std::min(saturated_slowdown, stretch / left) : saturated_slowdown;
}

double time_slice_of(const TenantDemand& tenant, const PartitionLoad& others, const PerfConstants& c) {
  const double share = judged_at(tenant, c);
  const double own = tenant.service ? 0 : tenant.engine_active_milli / unit;
  const double busy = at(others.closed_busy, share) + own;  // A
  const double others_load = at(others.load, share);
  const double load = others_load + (tenant.service ? own_load(tenant) : 0);  // R
  const double saturation = std::clamp((busy + load - c.switch_onset) / c.switch_width, 0.0, 1.0);
  const double tax = 1 + c.switch_tax * saturation;
  const double left = 1 - tax * load;
  if (left <= 0) {
    return saturated_slowdown;
  }
  const double k = tenant.slice_slowdown_milli / unit;
  const double bandwidth = 1 + c.bandwidth_weight * (tenant.dram_active_milli / unit) * at(others.bandwidth, share);
  if (!tenant.service) {
    return std::min(saturated_slowdown, k * bandwidth * std::max(1.0, tax * busy / left));
  }
  const double waiting = c.time_slice_ms * 1000 * (busy + others_load) / tenant.service_time_us;
  return std::min(saturated_slowdown, k * tax * bandwidth * (1 + busy) / left + waiting);
}

}  // namespace

TimeSliceBound::TimeSliceBound(const TenantDemand& tenant, double tolerated, const PerfConstants& constants)
    : tolerated_(tolerated),
      inverse_(1 / tolerated),
      // A prediction ends at saturation, and whoever tolerates that tolerates all.
      most_(tolerated < saturated_slowdown ? tolerated * (1 + 1e-9) + 1e-9 : std::numeric_limits<double>::infinity()),
      tax_(constants.switch_tax),
      rise_(1 / constants.switch_width) {
  GPUSCHED_CHECK(tenant.slice_slowdown_milli == milli_per_unit, "the bound holds on a whole GPU");
  const double engine = tenant.service ? 0 : tenant.engine_active_milli / unit;
  const double load = tenant.service ? own_load(tenant) : 0;
  own_ = tenant.service ? 1 + tolerated * load : engine;
  free_ = constants.switch_onset - engine - load;
}

PartitionLoad partition_load(const TenantDemand& tenant, const PerfConstants& constants) {
  if (tenant.service) {
    const std::int64_t busy = at_most_always(tenant.load_milli);
    const std::int64_t rise = at_most_always(std::int64_t{tenant.load_milli} + tenant.load_spread_milli) - busy;
    return {.closed_busy = {},
            .load = pressure(milli_per_unit, tenant.load_milli, tenant.load_spread_milli),
            .bandwidth = pressure(tenant.dram_active_milli, busy, rise),
            .mps = mps_pressure(tenant, constants)};
  }
  return {.closed_busy = pressure(tenant.engine_active_milli, tenant.activity_milli, tenant.activity_spread_milli),
          .load = {},
          .bandwidth = pressure(tenant.dram_active_milli, tenant.activity_milli, tenant.activity_spread_milli),
          .mps = mps_pressure(tenant, constants)};
}

double time_slice_slowdown_beside(const TenantDemand& tenant, const PartitionLoad& others,
                                  const PerfConstants& constants) {
  // Nothing is switched where nobody else has work.
  const bool alone = others.closed_busy.none() && others.load.none();
  return alone ? exclusive_slowdown(tenant) : time_slice_of(tenant, others, constants);
}

double mps_slowdown_beside(const TenantDemand& tenant, const Pressure& others, const PerfConstants& constants) {
  const double stretch = 1 + at(others, judged_at(tenant, constants));
  const double k = tenant.slice_slowdown_milli / unit;
  const double engine = tenant.engine_active_milli / unit;
  return tenant.service ? std::min(saturated_slowdown, k * queue_response(stretch, own_load(tenant)))
                        : std::min(saturated_slowdown, k * (1 - engine + engine * stretch));
}

double exclusive_slowdown(const TenantDemand& tenant) {
  const double k = tenant.slice_slowdown_milli / unit;
  return tenant.service ? k * queue_response(1, own_load(tenant)) : k;
}

void time_slice_slowdown(std::span<const TenantDemand> tenants, const PerfConstants& constants,
                         std::span<double> slowdown) {
  GPUSCHED_CHECK(slowdown.size() == tenants.size(), "one place per tenant");
  PartitionLoad all;
  for (const TenantDemand& tenant : tenants) {
    all += partition_load(tenant, constants);
  }
  for (std::size_t i = 0; i < tenants.size(); ++i) {
    PartitionLoad others = all;
    others -= partition_load(tenants[i], constants);
    slowdown[i] = time_slice_slowdown_beside(tenants[i], others, constants);
  }
}

void mps_slowdown(std::span<const TenantDemand> tenants, const PerfConstants& constants, std::span<double> slowdown) {
  GPUSCHED_CHECK(slowdown.size() == tenants.size(), "one place per tenant");
  Pressure all;
  for (const TenantDemand& tenant : tenants) {
    all += mps_pressure(tenant, constants);
  }
  for (std::size_t i = 0; i < tenants.size(); ++i) {
    Pressure others = all;
    others -= mps_pressure(tenants[i], constants);
    slowdown[i] = mps_slowdown_beside(tenants[i], others, constants);
  }
}

}  // namespace gpusched
