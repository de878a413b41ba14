#include "gpusched/perf/perf_constants.hpp"

#include <array>
#include <string>

namespace gpusched {

std::span<const PerfConstantInfo> perf_constant_table() {
  using C = PerfConstants;
  static constexpr std::array<PerfConstantInfo, 14> rows = {{
      {"mig_tax", &C::mig_tax, 1, 2, "1", "time on the largest MIG instance over time on the GPU with MIG off"},
      {"latency_weight", &C::latency_weight, 0, 5, "1", "training on a slice: weight of the part bound by latency"},
      {"latency_exponent", &C::latency_exponent, 0, 3, "1",
       "training on a slice: how that part grows as compute shrinks"},
      {"switch_tax", &C::switch_tax, 0, 2, "1", "time slicing: time lost to switching when the GPU is saturated"},
      {"switch_onset", &C::switch_onset, 0, 10, "GPUs", "time slicing: demand at which switching begins to cost"},
      {"switch_width", &C::switch_width, 0.001, 10, "GPUs", "time slicing: further demand until it costs all of it"},
      {"bandwidth_weight", &C::bandwidth_weight, 0, 10, "1", "time slicing: cost of shared memory bandwidth"},
      {"time_slice_ms", &C::time_slice_ms, 0, 1000, "ms", "time slicing: a request's wait for each busy neighbour"},
      {"mps_service_weight", &C::mps_service_weight, 0, 10, "1", "MPS: how often a service is busy, over its load"},
      {"load_peak", &C::load_peak, 1, 10, "1", "high load of a service over its mean, where no quantile was measured"},
      {"duty_margin", &C::duty_margin, 0, 5, "1", "standard deviations from a duty cycle to its planned quantile"},
      {"service_spread", &C::service_spread, 0, 5, "1", "share of the neighbours' joint spread a service is judged at"},
      {"closed_spread", &C::closed_spread, 0, 5, "1",
       "share of the neighbours' joint spread a closed job is judged at"},
      {"context_memory_mib", &C::context_memory_mib, 0, 16'384, "MiB", "memory of a process besides its footprint"},
  }};
  return rows;
}

Status check_perf_constants(const PerfConstants& constants) {
  for (const PerfConstantInfo& row : perf_constant_table()) {
    const double value = constants.*row.member;
    if (!(value >= row.least && value <= row.most)) {  // also for NaN
      return Error{.code = ErrorCode::invalid_argument,
                   .message = "constant " + std::string(row.name) + " is " + std::to_string(value),
                   .file = {},
                   .line = 0,
                   .remedy = "Give a number from " + std::to_string(row.least) + " to " + std::to_string(row.most) +
                             " " + std::string(row.unit)};
    }
  }
  return {};
}

}  // namespace gpusched
