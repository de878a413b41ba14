#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gpusched/perf/perf_constants.hpp"

namespace gpusched {

/// One measurement beside its predictions.
struct FitPoint {
  std::string group;
  std::string label;
  double measured = 0;
  double fitted = 0;                 ///< predicted with constants fitted to all points
  std::optional<double> held_out{};  ///< predicted by a fit that did not see this point
};

/// A constant before and after. What the data say nothing about stays as it was.
struct FittedConstant {
  std::string_view name;
  double before = 0;
  double after = 0;
  bool determined = false;
};

/// The MPS demand of one job, fitted.
struct FittedDemand {
  std::string job;
  double mps_demand = 0;
};

struct FitReport {
  std::string_view quantity;  ///< of measured and predicted: "speed relative to the whole GPU"
  std::string_view held_out;  ///< what a held-out prediction did not see
  PerfConstants constants{};  ///< fitted
  std::vector<FittedConstant> changes{};
  std::vector<FittedDemand> demands{};
  std::vector<FitPoint> points{};
};

struct FitErrors {
  std::size_t points = 0;
  double mean_absolute = 0;
  double mean_percent = 0;  ///< of the measured value, absolute
  double p95_percent = 0;
  double worst_percent = 0;
};

/// Errors of the predictions by the fit to all points.
FitErrors fitted_errors(std::span<const FitPoint> points);
/// Errors of the held-out predictions; points without one do not count.
FitErrors held_out_errors(std::span<const FitPoint> points);

}  // namespace gpusched
