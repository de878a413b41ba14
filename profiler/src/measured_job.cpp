#include "gpusched/profiler/measured_job.hpp"

#include <algorithm>

#include "gpusched/base/check.hpp"

namespace gpusched::profiler {

namespace {

// Two seconds of work at 10 Hz. Quantiles of fewer samples would be those of chance.
constexpr std::int64_t least_working_samples = 10;

std::int64_t footprint_mib(const MeasuredJob& measured) {
  return measured.seen.memory_peak_mib.value_or(0) - measured.job.context_mib * std::max(1, measured.seen.processes);
}

std::string activity_reason(const MeasuredJob& measured, const std::map<std::string, Error>& unknown) {
  if (const auto reason = unknown.find("activity"); reason != unknown.end()) {
    return reason->second.to_string();
  }
  const Observation& seen = measured.seen;
  if (seen.samples > 0 && seen.throttled_samples == seen.samples) {
    return "heat or hardware held the clocks down in every sample";
  }
  return seen.duty_cycle.value_or(0) > 0 ? "the counters gave no values while the job worked"
                                         : "no kernel ran while it was measured";
}

std::string memory_reason(const MeasuredJob& measured, const std::map<std::string, Error>& unknown) {
  if (const auto reason = unknown.find("processes"); reason != unknown.end()) {
    return reason->second.to_string();
  }
  if (measured.seen.processes > 0) {
    return measured.seen.memory_peak_mib ? "no more than the CUDA context that was taken off"
                                         : "the driver does not tell how much memory a process uses";
  }
  return "no process of the job was seen on the device. In a container NVML gives the host's pids: share the host's "
         "PID namespace";
}

}  // namespace

void judge(MeasuredJob& measured, const std::map<std::string, Error>& unknown) {
  std::vector<Missing>& missing = measured.missing;
  const Observation& seen = measured.seen;
  if (measured.provenance.instance) {
    missing.push_back({"whole_gpu", "measured on MIG instance " + *measured.provenance.instance +
                                        "; a profile describes the job on the whole GPU with MIG off"});
  } else if (!measured.gpu_model) {
    missing.push_back({"gpu_model", "the catalogue does not know " + measured.provenance.device});
  }
  if (!seen.engine_active) {
    missing.push_back({"engine_active", activity_reason(measured, unknown)});
  }
  if (!seen.dram_active) {
    missing.push_back({"dram_active", activity_reason(measured, unknown)});
  }
  if (seen.engine_active && seen.working_samples < least_working_samples) {
    missing.push_back({"samples", "the job worked in " + std::to_string(seen.working_samples) + " samples, and " +
                                      std::to_string(least_working_samples) + " are needed"});
  }
  if (footprint_mib(measured) < 1) {
    missing.push_back({"memory_peak_mib", memory_reason(measured, unknown)});
  }
  if (seen.other_processes > 0) {
    missing.push_back({"alone", "up to " + std::to_string(seen.other_processes) +
                                    " processes of somebody else were on the device, whose work the counters include"});
  }
  if (measured.job.kind == JobKind::service) {
    if (!measured.job.request_load) {
      missing.push_back({"request_load", "no counter knows it: give --request-load"});
    }
    if (!measured.job.service_time_ms) {
      missing.push_back({"service_time_ms", "no counter knows it: give --service-time-ms"});
    }
  }
}

JobProfile to_profile(const MeasuredJob& measured) {
  GPUSCHED_CHECK(measured.missing.empty(), "a profile of an incomplete measurement");
  const Observation& seen = measured.seen;
  JobProfile profile;
  profile.name = measured.job.name;
  profile.revision = measured.job.revision;
  profile.kind = measured.job.kind;
  profile.gpu_model = *measured.gpu_model;
  profile.engine_active = *seen.engine_active;
  profile.sm_active = seen.sm_active;
  profile.dram_active = *seen.dram_active;
  profile.tensor_active = seen.tensor_active;
  profile.memory_peak_mib = footprint_mib(measured);
  profile.duty_cycle = *seen.duty_cycle;
  if (profile.kind == JobKind::service) {
    profile.request_load = Activity{.mean = *measured.job.request_load};
    profile.service_time_ms = measured.job.service_time_ms;
  }
  profile.power_w = seen.power_w;
  profile.source = measured.provenance.tool + ": " + measured.provenance.command;
  return profile;
}

}  // namespace gpusched::profiler
