#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "gpusched/base/ids.hpp"
#include "gpusched/model/job_profile.hpp"

namespace gpusched {

/// How the partition of a measurement was shared.
enum class MeasuredSharing : std::uint8_t { exclusive, time_slice, mps };

/// Times of one job, or of several equal copies of it, on one partition. The file's form: docs/formats/measurements.md.
struct Measurement {
  std::string job;    ///< what did the same work everywhere: a model with its batch size
  std::string group;  ///< what is left out together when a fit is tested: the model
  std::string set;    ///< rows of one set ran beside each other; empty: the copies of this row ran alone
  JobKind kind = JobKind::closed;
  GpuModelId gpu_model{};
  std::optional<MigProfileId> profile{};  ///< none: the whole GPU, MIG off
  MeasuredSharing sharing = MeasuredSharing::exclusive;
  int copies = 1;
  double time_ms = 0;  ///< one step, or the mean response to one request
  // Of the job alone on the whole GPU; only what is known.
  std::optional<double> engine_active{}, sm_active{}, dram_active{};
  std::optional<double> request_load{};  ///< none: requests follow each other without a pause
};

}  // namespace gpusched
