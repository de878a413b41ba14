#include <vector>

#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/perf/fit_constants.hpp"
#include "gpusched/perf/slice_speed.hpp"

#include "perf/exclusive_slice.hpp"
#include "perf/measurement_index.hpp"
#include "perf/slowdown_rows.hpp"

namespace gpusched {

namespace {

class SliceInference final : public SlowdownModel {
 public:
  Result<std::vector<double>> predict(const SharedPartition& partition, const PerfConstants& constants) const override {
    return exclusive_slice_slowdown("slice-inference", JobKind::service, partition, constants);
  }

  /// The two-point form has no constant besides the MIG tax, and that only where the whole GPU was measured.
  Result<FitReport> fit(std::span<const Measurement> measurements, const PerfConstants& constants) const override {
    const MeasurementIndex index(measurements);
    std::vector<Observation> observations;
    for (const Measurement& row : measurements) {
      const bool concerned =
          row.kind == JobKind::service && row.set.empty() && row.profile && row.sharing != MeasuredSharing::time_slice;
      const Measurement* largest = concerned ? index.on_largest(row) : nullptr;
      const Measurement* smallest = concerned ? index.on_compute(row, 1) : nullptr;
      if (largest == nullptr || smallest == nullptr || largest == &row || smallest == &row) {
        continue;
      }
      const double smallest_compute = measured_fractions(*smallest).compute;
      const double compute = measured_fractions(row).compute;
      observations.push_back({.group = row.group,
                              .label = measurement_label(row),
                              .measured = row.time_ms,
                              .predict = [=](const PerfConstants& c) {
                                const double largest_ms = largest->time_ms * (largest->profile ? 1 : c.mig_tax);
                                return largest_ms * two_point_slice_slowdown(smallest->time_ms / largest_ms,
                                                                             smallest_compute, compute);
                              }});
    }
    if (observations.empty()) {
      return no_measurements("slice-inference",
                             "service rows of one job on at least three sizes, with one compute slice and all of them "
                             "among these");
    }
    constexpr std::string_view names[] = {"mig_tax"};
    return fit_constants("ms per request", names, constants, observations);
  }
};

const SliceInference model{};

}  // namespace

constinit const SlowdownModelInfo slice_inference_model = {
    .name = "slice-inference",
    .description = "a service alone on a MIG instance: T(s) = max(T(7), T(1) / s), or max(1, w / c, m / q)",
    .needs = "slice_speeds of one instance, else sm_active and dram_active; request_load, service_time_ms",
    .validity = "one service per instance, same GPU model as the profile; response = K / (1 - rho K) is a queue's mean",
    .error =
        "two-point form, ms per request: 5.9 % mean, 22.6 % p95, 528 points of ParvaGPU (A100-80GB, 1 to 3 "
        "processes); the unmeasured form was not tested, as public data lack w and m",
    .source = "two-point form on ParvaGPU's times (SC'24); docs/models/slowdown.md",
    .model = &model};

}  // namespace gpusched
