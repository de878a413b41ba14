#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gpusched/base/result.hpp"
#include "gpusched/model/job_profile.hpp"
#include "gpusched/profiler/observation.hpp"

namespace gpusched::profiler {

/// Where numbers come from.
struct Provenance {
  std::string tool{};                           ///< program and version
  std::string date{};                           ///< UTC, "2026-01-31T12:00:00Z"
  std::string device{};                         ///< name and uuid as the driver gives them
  std::optional<std::string> instance{};        ///< MIG profile, where it was one
  std::optional<std::string> driver{}, nvml{};  ///< versions
  std::string command{};                        ///< or the files that were imported
  std::optional<double> hz{};                   ///< readings per second that were asked for
  int repetitions = 1;
  std::optional<double> spread{};    ///< largest relative deviation of a repetition from the mean
  std::vector<std::string> notes{};  ///< what a reader has to know of the numbers

  friend bool operator==(const Provenance&, const Provenance&) = default;
};

/// What the user says of a job and no counter does.
struct JobDescription {
  std::string name{};
  JobKind kind = JobKind::closed;
  int revision = 1;
  std::optional<double> request_load{};     ///< of a service, its mean
  std::optional<double> service_time_ms{};  ///< of a service
  std::int64_t context_mib = 0;             ///< CUDA context per process, taken off the footprint
};

/// Why a job has no profile yet: a field that is unknown, or a condition of the measurement that was not met.
struct Missing {
  std::string what{}, why{};

  friend bool operator==(const Missing&, const Missing&) = default;
};

/// A job that was measured: complete, and a profile can be made of it, or not, and `missing` says why.
struct MeasuredJob {
  JobDescription job{};
  std::optional<GpuModelId> gpu_model{};
  Observation seen{};
  Provenance provenance{};
  std::vector<Missing> missing{};
};

/// Adds to `missing` what a profile needs and `measured` does not have: known GPU model, whole GPU, activities,
/// footprint, enough samples, no process of somebody else, load and time of a service. `unknown` holds reasons by
/// field.
void judge(MeasuredJob& measured, const std::map<std::string, Error>& unknown);

/// The profile of a complete job. Contract: `missing` is empty after judge().
JobProfile to_profile(const MeasuredJob& measured);

}  // namespace gpusched::profiler
