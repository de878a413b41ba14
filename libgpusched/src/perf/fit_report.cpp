#include "gpusched/perf/fit_report.hpp"

#include <algorithm>
#include <cmath>

namespace gpusched {

namespace {

FitErrors errors_of(std::span<const std::pair<double, double>> measured_and_predicted) {
  FitErrors errors{.points = measured_and_predicted.size()};
  if (errors.points == 0) {
    return errors;
  }
  std::vector<double> percents;
  for (const auto& [measured, predicted] : measured_and_predicted) {
    const double error = std::abs(predicted - measured);
    errors.mean_absolute += error / static_cast<double>(errors.points);
    percents.push_back(100 * error / measured);
    errors.mean_percent += percents.back() / static_cast<double>(errors.points);
  }
  std::sort(percents.begin(), percents.end());
  errors.p95_percent = percents[percents.size() * 95 / 100];
  errors.worst_percent = percents.back();
  return errors;
}

}  // namespace

FitErrors fitted_errors(std::span<const FitPoint> points) {
  std::vector<std::pair<double, double>> pairs;
  for (const FitPoint& point : points) {
    pairs.emplace_back(point.measured, point.fitted);
  }
  return errors_of(pairs);
}

FitErrors held_out_errors(std::span<const FitPoint> points) {
  std::vector<std::pair<double, double>> pairs;
  for (const FitPoint& point : points) {
    if (point.held_out) {
      pairs.emplace_back(point.measured, *point.held_out);
    }
  }
  return errors_of(pairs);
}

}  // namespace gpusched
