#include "gpusched/profiler/device_sample.hpp"

#include "gpusched/profiler/nvml_api.hpp"

namespace gpusched::profiler {

namespace {

constexpr std::uint64_t throttle_reasons =
    nvml::nvmlClocksThrottleReasonHwSlowdown | nvml::nvmlClocksEventReasonSwThermalSlowdown |
    nvml::nvmlClocksThrottleReasonHwThermalSlowdown | nvml::nvmlClocksThrottleReasonHwPowerBrakeSlowdown;

// Below this the counters see a display or a monitoring tool, not a job.
constexpr double least_work = 0.01;

}  // namespace

bool is_throttled(const DeviceSample& sample) { return (sample.clock_reasons.value_or(0) & throttle_reasons) != 0; }

bool is_power_capped(const DeviceSample& sample) {
  return (sample.clock_reasons.value_or(0) & nvml::nvmlClocksEventReasonSwPowerCap) != 0;
}

std::optional<bool> is_working(const DeviceSample& sample, bool by_counters) {
  const std::optional<double> active = by_counters ? sample.engine_active : sample.gpu_utilization;
  return active ? std::optional(*active >= least_work) : std::nullopt;
}

}  // namespace gpusched::profiler
