#include <vector>

#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/perf/fit_constants.hpp"
#include "gpusched/perf/partition_slowdown.hpp"
#include "gpusched/perf/slice_speed.hpp"

#include "perf/exclusive_slice.hpp"
#include "perf/measurement_index.hpp"
#include "perf/slowdown_rows.hpp"

namespace gpusched {

namespace {

class SliceTraining final : public SlowdownModel {
 public:
  Result<std::vector<double>> predict(const SharedPartition& partition, const PerfConstants& constants) const override {
    return exclusive_slice_slowdown("slice-training", JobKind::closed, partition, constants);
  }

  Result<FitReport> fit(std::span<const Measurement> measurements, const PerfConstants& constants) const override {
    const MeasurementIndex index(measurements);
    std::vector<Observation> observations;
    for (const Measurement& row : measurements) {
      const bool concerned = row.kind == JobKind::closed && row.sharing == MeasuredSharing::exclusive && row.profile &&
                             row.engine_active && row.dram_active;
      const Measurement* largest = concerned ? index.on_largest(row) : nullptr;
      if (largest == nullptr || largest == &row) {
        continue;
      }
      const SliceFractions slice = measured_fractions(row);
      const bool against_whole = !largest->profile;
      observations.push_back({.group = row.group,
                              .label = measurement_label(row),
                              .measured = largest->time_ms / row.time_ms,
                              .predict = [&row, slice, against_whole](const PerfConstants& c) {
                                const double k =
                                    training_slice_slowdown(*row.engine_active, *row.dram_active, slice, c);
                                return 1 / (against_whole ? c.mig_tax * k : k);
                              }});
    }
    if (observations.empty()) {
      return no_measurements("slice-training",
                             "closed, exclusive rows with engine_active and dram_active on instances, and the same job "
                             "on the whole GPU or its largest instance");
    }
    constexpr std::string_view names[] = {"mig_tax", "latency_weight", "latency_exponent"};
    return fit_constants("speed relative to the whole GPU or its largest instance", names, constants, observations);
  }
};

const SliceTraining model{};

}  // namespace

constinit const SlowdownModelInfo slice_training_model = {
    .name = "slice-training",
    .description = "a closed job alone on a MIG instance: host part + 0.7 (u - m) / c^0.7 + m / q",
    .needs = "engine_active, dram_active; slice_speeds where measured",
    .validity = "one closed job per instance, same GPU model as the profile; jobs that fit in the instance's memory",
    .error =
        "speed, mean absolute: 0.069 with the defaults, 0.076 leaving one model out, 113 points of MISO (A100-40GB); "
        "worst on deepspeech2 (0.15), whose measurements are noisy, and on mobilenet (0.14), predicted too slow",
    .source = "the form was found on MISO's training times (SoCC'22); docs/models/slowdown.md",
    .model = &model};

}  // namespace gpusched
