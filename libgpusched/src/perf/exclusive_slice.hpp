#pragma once

#include <string_view>
#include <vector>

#include "gpusched/perf/slowdown_model.hpp"

namespace gpusched {

/// The slowdown of one job of this kind alone on an instance. `unsupported`, in the name of the model, for other
/// partitions.
Result<std::vector<double>> exclusive_slice_slowdown(std::string_view model, JobKind kind,
                                                     const SharedPartition& partition, const PerfConstants& constants);

}  // namespace gpusched
