#pragma once

#include <optional>
#include <span>
#include <vector>

#include "gpusched/base/ids.hpp"
#include "gpusched/base/result.hpp"
#include "gpusched/model/job_profile.hpp"
#include "gpusched/perf/fit_report.hpp"
#include "gpusched/perf/measurement.hpp"
#include "gpusched/perf/perf_constants.hpp"
#include "gpusched/perf/tenant_demand.hpp"

namespace gpusched {

/// Jobs on one partition.
struct SharedPartition {
  GpuModelId gpu_model{};
  std::optional<MigProfileId> profile{};  ///< none: the whole GPU, MIG off
  std::span<const JobProfile* const> tenants{};
  LoadPoint load = LoadPoint::mean;
};

/// How jobs slow down in one way of sharing. Stateless; rows of slowdown_models().
class SlowdownModel {
 public:
  virtual ~SlowdownModel() = default;

  /// The slowdown of every tenant against alone on the whole GPU (partition_slowdown.hpp says of what). `unsupported`
  /// says why the model does not apply: an instance where it wants the whole GPU, two tenants where it takes one.
  virtual Result<std::vector<double>> predict(const SharedPartition& partition,
                                              const PerfConstants& constants) const = 0;

  /// Fits the model's constants to the measurements that concern it, starting from `constants`, and tests the fit on
  /// points it did not see. not_found says which rows it needs when there are none.
  virtual Result<FitReport> fit(std::span<const Measurement> measurements, const PerfConstants& constants) const = 0;
};

}  // namespace gpusched
