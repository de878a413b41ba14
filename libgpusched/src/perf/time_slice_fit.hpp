#pragma once

#include <span>
#include <string_view>

#include "gpusched/perf/slowdown_model.hpp"

namespace gpusched {

/// Fits switch_tax and bandwidth_weight to the time-sliced rows on whole GPUs, or to those inside instances.
Result<FitReport> fit_time_slicing(std::string_view model, bool inside_instances,
                                   std::span<const Measurement> measurements, const PerfConstants& constants);

}  // namespace gpusched
