#include "perf/time_slice_fit.hpp"

#include <memory>
#include <string>
#include <vector>

#include "gpusched/base/units.hpp"
#include "gpusched/perf/fit_constants.hpp"
#include "gpusched/perf/partition_slowdown.hpp"
#include "gpusched/perf/slice_speed.hpp"

#include "perf/measurement_index.hpp"

namespace gpusched {

namespace {

std::int32_t milli32(double ratio) { return static_cast<std::int32_t>(to_milli(ratio)); }

/// A measured job as a tenant of the whole GPU. Without a load it works without a pause; unknown activities count as an
/// engine that is always busy and a memory that never is.
TenantDemand measured_demand(const Measurement& row, double alone_ms) {
  TenantDemand demand;
  demand.engine_active_milli = milli32(row.engine_active.value_or(1));
  demand.dram_active_milli = milli32(row.dram_active.value_or(0));
  if (row.request_load) {
    demand.service = true;
    demand.load_milli = milli32(*row.request_load);
    demand.service_time_us = std::max(1, milli32(alone_ms));
  }
  return demand;
}

/// K of a measured job inside its instance: as measured alone there, else by the law.
double measured_slice_slowdown(const Measurement& row, const Measurement* alone_here, double alone_ms,
                               const PerfConstants& constants) {
  if (alone_here != nullptr) {
    return alone_here->time_ms / alone_ms;
  }
  const SliceFractions slice = measured_fractions(row);
  const double m = row.dram_active.value_or(0);
  return constants.mig_tax * (row.kind == JobKind::closed
                                  ? training_slice_slowdown(row.engine_active.value_or(1), m, slice, constants)
                                  : inference_slice_slowdown(row.sm_active.value_or(1), m, slice));
}

/// The tenants of one measured set, copies spelt out; empty where a job's time alone on the whole GPU is missing.
struct MeasuredTenants {
  std::vector<TenantDemand> tenants;
  std::vector<std::size_t> first;  // of each row
  std::vector<double> alone_ms;    // of each row
};

MeasuredTenants tenants_of(const std::vector<const Measurement*>& set, const MeasurementIndex& index,
                           const PerfConstants& constants) {
  MeasuredTenants result;
  for (const Measurement* row : set) {
    const Measurement* alone = index.alone_on(*row, std::nullopt);
    if (alone == nullptr) {
      return {};
    }
    TenantDemand demand = measured_demand(*row, alone->time_ms);
    if (row->profile) {
      const double k = measured_slice_slowdown(*row, index.alone(*row), alone->time_ms, constants);
      demand = on_slice(demand, std::max<std::int64_t>(1, to_milli(k)));
    }
    result.first.push_back(result.tenants.size());
    result.alone_ms.push_back(alone->time_ms);
    result.tenants.insert(result.tenants.end(), static_cast<std::size_t>(row->copies), demand);
  }
  return result;
}

}  // namespace

Result<FitReport> fit_time_slicing(std::string_view model, bool inside_instances,
                                   std::span<const Measurement> measurements, const PerfConstants& constants) {
  const MeasurementIndex index(measurements);
  std::vector<Observation> observations;
  for (const std::vector<const Measurement*>& set : measured_sets(measurements)) {
    const Measurement& first = *set.front();
    if (first.sharing != MeasuredSharing::time_slice || first.profile.has_value() != inside_instances) {
      continue;
    }
    const auto measured = std::make_shared<MeasuredTenants>(tenants_of(set, index, constants));
    for (std::size_t i = 0; i < measured->first.size(); ++i) {
      observations.push_back({.group = set[i]->group,
                              .label = measurement_label(*set[i]),
                              .measured = set[i]->time_ms / measured->alone_ms[i],
                              .predict = [measured, i](const PerfConstants& c) {
                                std::vector<double> slowdown(measured->tenants.size());
                                time_slice_slowdown(measured->tenants, c, slowdown);
                                return slowdown[measured->first[i]];
                              }});
    }
  }
  if (observations.empty()) {
    return no_measurements(model, std::string("time_slice rows on ") +
                                      (inside_instances ? "instances" : "the whole GPU") +
                                      ", and each job's exclusive row on the whole GPU");
  }
  constexpr std::string_view names[] = {"switch_tax", "bandwidth_weight"};
  return fit_constants("slowdown against alone on the whole GPU", names, constants, observations);
}

}  // namespace gpusched
