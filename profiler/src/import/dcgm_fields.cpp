#include "import/dcgm_fields.hpp"

#include <algorithm>
#include <cmath>

namespace gpusched::profiler {

namespace {

constexpr double most_share = 1.01;  // ratios of counters go a little over
constexpr double most_count = 1e9;

template <std::optional<double> DeviceSample::*Member>
void share(DeviceSample& sample, double value) {
  sample.*Member = std::min(value, 1.0);
}

constexpr DcgmField fields[] = {
    {{"DCGM_FI_PROF_GR_ENGINE_ACTIVE", "DCGM_FI_PROF_GR_ENGINE_UTIL_RATIO", "GRACT"},
     true,
     most_share,
     share<&DeviceSample::engine_active>},
    {{"DCGM_FI_PROF_SM_ACTIVE", "DCGM_FI_PROF_SM_UTIL_RATIO", "SMACT"},
     true,
     most_share,
     share<&DeviceSample::sm_active>},
    {{"DCGM_FI_PROF_SM_OCCUPANCY", "DCGM_FI_PROF_SM_OCCUPANCY_RATIO", "SMOCC"},
     true,
     most_share,
     share<&DeviceSample::sm_occupancy>},
    {{"DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", "DCGM_FI_PROF_TENSOR_UTIL_RATIO", "TENSO"},
     true,
     most_share,
     share<&DeviceSample::tensor_active>},
    {{"DCGM_FI_PROF_DRAM_ACTIVE", "DCGM_FI_PROF_DRAM_UTIL_RATIO", "DRAMA"},
     true,
     most_share,
     share<&DeviceSample::dram_active>},
    // MiB. DCGM does not tell processes apart: of a job that is alone it is the job's.
    {{"DCGM_FI_DEV_FB_USED", "DCGM_FI_DEV_FB_USED", "FBUSD"},
     true,
     most_count,
     [](DeviceSample& sample, double value) {
       sample.memory_used_mib = static_cast<std::int64_t>(value);
       sample.job_memory_mib = sample.memory_used_mib;
     }},
    // Per cent under either name.
    {{"DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_DEV_GPU_UTIL_RATIO", "GPUTL"},
     false,
     100 * most_share,
     [](DeviceSample& sample, double value) { sample.gpu_utilization = std::min(value / 100, 1.0); }},
    {{"DCGM_FI_DEV_POWER_USAGE", "DCGM_FI_DEV_BOARD_POWER_WATTS", "POWER"},
     false,
     100'000,
     [](DeviceSample& sample, double value) { sample.power_w = value; }},
    {{"DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "TOTEC"},
     false,
     1e18,
     [](DeviceSample& sample, double value) { sample.energy_j = value / 1000; }},
    {{"DCGM_FI_DEV_SM_CLOCK", "DCGM_FI_DEV_SM_CLOCK", "SMCLK"},
     false,
     100'000,
     [](DeviceSample& sample, double value) { sample.sm_clock_mhz = static_cast<int>(value); }},
    {{"DCGM_FI_DEV_MEM_CLOCK", "DCGM_FI_DEV_MEM_CLOCK", "MMCLK"},
     false,
     100'000,
     [](DeviceSample& sample, double value) { sample.memory_clock_mhz = static_cast<int>(value); }},
    {{"DCGM_FI_DEV_GPU_TEMP", "DCGM_FI_DEV_GPU_TEMP_CELSIUS", "TMPTR"},
     false,
     1000,
     [](DeviceSample& sample, double value) { sample.temperature_c = static_cast<int>(value); }},
    // A condition that all instances of a GPU share.
    {{"DCGM_FI_DEV_CLOCK_THROTTLE_REASONS", "DCGM_FI_DEV_CLOCKS_EVENT_REASONS", {}},
     true,
     65535,
     [](DeviceSample& sample, double value) { sample.clock_reasons = static_cast<std::uint64_t>(value); }},
};

}  // namespace

const DcgmField* find_dcgm_field(std::string_view name) {
  if (name.empty()) {
    return nullptr;
  }
  const auto* const found = std::find_if(std::begin(fields), std::end(fields), [&](const DcgmField& field) {
    return std::find(field.names.begin(), field.names.end(), name) != field.names.end();
  });
  return found == std::end(fields) ? nullptr : found;
}

bool is_blank(double value) {
  // DCGM_INT32_BLANK, DCGM_INT64_BLANK, DCGM_FP64_BLANK and the fifteen values after each: not found, not supported, no
  // permission.
  for (const double blank : {2147483632.0, 9223372036854775792.0, 140737488355328.0}) {
    if (value >= blank && value <= blank + 15) {
      return true;
    }
  }
  return false;
}

}  // namespace gpusched::profiler
