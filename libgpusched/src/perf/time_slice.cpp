#include <string>
#include <vector>

#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/perf/partition_slowdown.hpp"
#include "gpusched/perf/slice_speed.hpp"

#include "perf/slowdown_rows.hpp"
#include "perf/time_slice_fit.hpp"

namespace gpusched {

namespace {

std::vector<double> shared_slowdown(const std::vector<TenantDemand>& tenants, const PerfConstants& constants) {
  std::vector<double> slowdown(tenants.size());
  time_slice_slowdown(tenants, constants, slowdown);
  return slowdown;
}

class TimeSlice final : public SlowdownModel {
 public:
  Result<std::vector<double>> predict(const SharedPartition& partition, const PerfConstants& constants) const override {
    if (partition.profile) {
      return not_for("time-slice", "a MIG instance", "time-sliced-mig does");
    }
    std::vector<TenantDemand> tenants;
    for (const JobProfile* job : partition.tenants) {
      tenants.push_back(tenant_demand(*job, partition.load, constants));
    }
    return shared_slowdown(tenants, constants);
  }
  Result<FitReport> fit(std::span<const Measurement> measurements, const PerfConstants& constants) const override {
    return fit_time_slicing("time-slice", false, measurements, constants);
  }
};

class TimeSlicedMig final : public SlowdownModel {
 public:
  Result<std::vector<double>> predict(const SharedPartition& partition, const PerfConstants& constants) const override {
    if (!partition.profile) {
      return not_for("time-sliced-mig", "a whole GPU", "time-slice does");
    }
    std::vector<TenantDemand> tenants;
    for (const JobProfile* job : partition.tenants) {
      const std::int64_t k = slice_slowdown_milli(*job, partition.gpu_model, *partition.profile, constants);
      tenants.push_back(on_slice(tenant_demand(*job, partition.load, constants), k));
    }
    return shared_slowdown(tenants, constants);
  }
  Result<FitReport> fit(std::span<const Measurement> measurements, const PerfConstants& constants) const override {
    return fit_time_slicing("time-sliced-mig", true, measurements, constants);
  }
};

const TimeSlice time_slice{};
const TimeSlicedMig time_sliced_mig{};

}  // namespace

constinit const SlowdownModelInfo time_slice_model = {
    .name = "time-slice",
    .description =
        "tenants take turns on a whole GPU: fluid sharing x switch tax x shared bandwidth, wait for a request",
    .needs = "engine_active, dram_active, duty_cycle; of services request_load, service_time_ms",
    .validity =
        "engine_active from DCGM, not nvidia-smi's utilization, which counts any resident kernel; the tax is one "
        "job's on one GPU; the mean response of services and the wait per request are untested",
    .error = "ms per request of YOLOS-small, constants fitted at 3 pods: 0.2 % at 5 and at 7 pods (nos)",
    .source =
        "nos's comparison of GPU sharing; fluid sharing and bandwidth term on Lucid's pairs; docs/models/slowdown.md",
    .model = &time_slice};

constinit const SlowdownModelInfo time_sliced_mig_model = {
    .name = "time-sliced-mig",
    .description = "tenants take turns on one MIG instance: the time-slice law with the demands they have there",
    .needs = "what slice-training or slice-inference needs, and what time-slice needs",
    .validity = "a composition of two models; 2g and larger, few tenants",
    .error = "not measured: no public data",
    .source = "docs/models/slowdown.md",
    .model = &time_sliced_mig};

}  // namespace gpusched
