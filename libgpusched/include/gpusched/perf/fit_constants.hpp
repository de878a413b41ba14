#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gpusched/perf/fit_report.hpp"
#include "gpusched/perf/perf_constants.hpp"

namespace gpusched {

/// A measured value that a model predicts from constants.
struct Observation {
  std::string group;
  std::string label;
  double measured = 0;
  std::function<double(const PerfConstants&)> predict;
};

/// Fits the named constants to all observations and, once per group, to the observations of the other groups; a group
/// is predicted by the fit that did not see it. With one group nothing is held out.
/// Contract: the names are rows of perf_constant_table().
FitReport fit_constants(std::string_view quantity, std::span<const std::string_view> names, const PerfConstants& start,
                        std::span<const Observation> observations);

}  // namespace gpusched
