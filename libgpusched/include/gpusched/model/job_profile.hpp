#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gpusched/base/ids.hpp"
#include "gpusched/base/result.hpp"

namespace gpusched {

/// Which law a job's progress follows.
enum class JobKind : std::uint8_t {
  closed,   ///< the next step begins when the last one ends: training, a cell of a dev session
  service,  ///< requests arrive on their own and queue
};

/// "closed", "service".
const char* to_string(JobKind kind);

/// A share of time between 0 and 1: its mean and the quantiles that were measured, non-decreasing.
struct Activity {
  double mean = 0;
  std::optional<double> p50{}, p90{}, p95{}, p99{};

  friend bool operator==(const Activity&, const Activity&) = default;
};

/// Measured speed of a job on a MIG instance, relative to the whole GPU with MIG off.
struct SliceSpeed {
  std::string profile;  ///< NVIDIA's name, a profile of the GPU model the job was measured on
  double speed = 1;

  friend bool operator==(const SliceSpeed&, const SliceSpeed&) = default;
};

/// What was measured of a job that ran alone on a whole GPU. Data only; predictions are made of it in perf/.
/// Activities are taken while the job works: for a service while it serves a request, for a dev session while a cell
/// runs. Where DCGM's fields come from and how to read them: docs/formats/job-profile.md.
struct JobProfile {
  std::string name;
  int revision = 1;  ///< counts up each time the job is measured anew
  JobKind kind = JobKind::closed;
  GpuModelId gpu_model{};                   ///< where it was measured
  Activity engine_active{};                 ///< u: a kernel is resident (DCGM GR_ENGINE_ACTIVE)
  std::optional<Activity> sm_active{};      ///< w: share of the SMs in use while a kernel is resident
  Activity dram_active{};                   ///< m: the memory interface moves data (DRAM_ACTIVE)
  std::optional<Activity> tensor_active{};  ///< the tensor pipes are busy (PIPE_TENSOR_ACTIVE)
  std::int64_t memory_peak_mib = 0;         ///< largest footprint, without the CUDA context
  double duty_cycle = 1;                    ///< share of its life in which the job has work
  std::optional<Activity> request_load{};   ///< rho of a service: request rate x service time on the whole GPU
  std::optional<double> service_time_ms{};  ///< of a service: one request alone on the whole GPU, without queueing
  std::optional<double> power_w{};          ///< mean draw of the GPU while the job works
  std::vector<SliceSpeed> slice_speeds{};   ///< by profile name, ascending
  std::optional<double> mps_demand{};       ///< d: slowdown that one busy copy causes to another one under MPS
  std::string source{};                     ///< who measured it, with what

  friend bool operator==(const JobProfile&, const JobProfile&) = default;
};

/// Checks every rule above. The error names field and value: not finite, negative, an activity above 1, quantiles that
/// fall, an unknown GPU or MIG profile, a service without load or service time, a closed job with them.
Status check_job_profile(const JobProfile& profile);

/// The measured speed on a MIG profile; nothing where it was not measured.
std::optional<double> measured_speed(const JobProfile& profile, std::string_view mig_profile);

}  // namespace gpusched
