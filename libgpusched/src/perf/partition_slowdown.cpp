#include "gpusched/perf/partition_slowdown.hpp"

#include <algorithm>
#include <limits>

#include "gpusched/base/check.hpp"

namespace gpusched {

namespace {

constexpr double unit = static_cast<double>(milli_per_unit);
constexpr double square = unit * unit;  // products of two thousandths

/// What a tenant takes from its neighbours under MPS, in millionths.
std::int64_t mps_pressure(const TenantDemand& tenant, const PerfConstants& constants) {
  const std::int64_t busy =
      tenant.service ? std::min(milli_per_unit, to_milli(constants.mps_service_weight * tenant.load_milli / unit))
                     : tenant.activity_milli;
  return busy * tenant.mps_demand_milli;
}

/// The mean response of a queue whose service takes `stretch` times as long, over the service time.
double queue_response(double stretch, double load) {
  const double left = 1 - load * stretch;
  return left > 0 ? std::min(saturated_slowdown, stretch / left) : saturated_slowdown;
}

double time_slice_of(const TenantDemand& tenant, const PartitionLoad& others, const PerfConstants& c) {
  const double own = tenant.service ? 0 : tenant.engine_active_milli / unit;
  const double own_load = tenant.service ? tenant.load_milli / unit : 0;
  const double busy = static_cast<double>(others.closed_busy) / square + own;  // A
  const double others_load = static_cast<double>(others.load) / square;
  const double load = others_load + own_load;  // R
  const double saturation = std::clamp((busy + load - c.switch_onset) / c.switch_width, 0.0, 1.0);
  const double tax = 1 + c.switch_tax * saturation;
  const double left = 1 - tax * load;
  if (left <= 0) {
    return saturated_slowdown;
  }
  const double k = tenant.slice_slowdown_milli / unit;
  const double bandwidth =
      1 + c.bandwidth_weight * (tenant.dram_active_milli / unit) * (static_cast<double>(others.bandwidth) / square);
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
  const double load = tenant.service ? tenant.load_milli / unit : 0;
  own_ = tenant.service ? 1 + tolerated * load : engine;
  free_ = constants.switch_onset - engine - load;
}

PartitionLoad partition_load(const TenantDemand& tenant, const PerfConstants& constants) {
  const std::int64_t pressure = mps_pressure(tenant, constants);
  if (tenant.service) {
    const std::int64_t busy = std::min<std::int64_t>(milli_per_unit, tenant.load_milli);
    return {.closed_busy = 0,
            .load = tenant.load_milli * milli_per_unit,
            .bandwidth = busy * tenant.dram_active_milli,
            .mps_pressure = pressure};
  }
  const std::int64_t active = tenant.activity_milli;
  return {.closed_busy = active * tenant.engine_active_milli,
          .load = 0,
          .bandwidth = active * tenant.dram_active_milli,
          .mps_pressure = pressure};
}

double time_slice_slowdown_beside(const TenantDemand& tenant, const PartitionLoad& others,
                                  const PerfConstants& constants) {
  // Nothing is switched where nobody else has work.
  const bool alone = others.closed_busy == 0 && others.load == 0;
  return alone ? exclusive_slowdown(tenant) : time_slice_of(tenant, others, constants);
}

double mps_slowdown_beside(const TenantDemand& tenant, std::int64_t others_mps_pressure) {
  const double stretch = 1 + static_cast<double>(others_mps_pressure) / square;
  const double k = tenant.slice_slowdown_milli / unit;
  const double engine = tenant.engine_active_milli / unit;
  return tenant.service ? std::min(saturated_slowdown, k * queue_response(stretch, tenant.load_milli / unit))
                        : std::min(saturated_slowdown, k * (1 - engine + engine * stretch));
}

double exclusive_slowdown(const TenantDemand& tenant) {
  const double k = tenant.slice_slowdown_milli / unit;
  return tenant.service ? k * queue_response(1, tenant.load_milli / unit) : k;
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
  std::int64_t pressure = 0;
  for (const TenantDemand& tenant : tenants) {
    pressure += mps_pressure(tenant, constants);
  }
  for (std::size_t i = 0; i < tenants.size(); ++i) {
    slowdown[i] = mps_slowdown_beside(tenants[i], pressure - mps_pressure(tenants[i], constants));
  }
}

}  // namespace gpusched
