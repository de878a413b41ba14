#include "report/waiting_times.hpp"

#include <algorithm>
#include <cmath>

namespace gpusched::sim {

namespace {

/// Distinct values at even ranks, and at ranks that come nearer to the end by a constant factor.
std::vector<double> quantile_points(const std::vector<double>& sorted, std::size_t most_points) {
  const auto last = static_cast<double>(sorted.size() - 1);
  const std::size_t even = most_points / 2;
  std::vector<double> points = {sorted.front(), sorted.back()};
  for (std::size_t i = 1; i < even; ++i) {
    points.push_back(sorted[static_cast<std::size_t>(last * static_cast<double>(i) / static_cast<double>(even))]);
  }
  for (std::size_t i = 1; i + 2 < most_points - even; ++i) {
    const double from_end = std::pow(last + 1, -static_cast<double>(i) / static_cast<double>(most_points - even));
    points.push_back(sorted[static_cast<std::size_t>(last * (1 - from_end))]);
  }
  std::sort(points.begin(), points.end());
  points.erase(std::unique(points.begin(), points.end()), points.end());
  return points;
}

WaitCurve curve_of(const char* kind, const std::vector<double>& sorted, const std::vector<double>& points) {
  WaitCurve curve{.kind = kind, .jobs = static_cast<std::int64_t>(sorted.size()), .share = {}};
  for (const double point : points) {
    const auto within = std::upper_bound(sorted.begin(), sorted.end(), point) - sorted.begin();
    curve.share.push_back(static_cast<double>(within) / static_cast<double>(sorted.size()));
  }
  return curve;
}

}  // namespace

const char* to_string(HeldKind kind) {
  constexpr std::array<const char*, held_kind_count> names = {"cpu", "share", "whole", "several", "mig"};
  return names[static_cast<std::size_t>(kind)];
}

WaitingTimes WaitCollector::curves(std::size_t most_points) {
  std::vector<double> all;
  std::size_t kinds = 0;
  for (std::vector<double>& waits : waits_s_) {
    std::sort(waits.begin(), waits.end());
    all.insert(all.end(), waits.begin(), waits.end());
    kinds += waits.empty() ? 0 : 1;
  }
  WaitingTimes result;
  if (all.empty()) {
    return result;
  }
  std::sort(all.begin(), all.end());
  result.wait_s = quantile_points(all, most_points);
  result.curves.push_back(curve_of("all", all, result.wait_s));
  for (std::size_t i = 0; i < held_kind_count && kinds > 1; ++i) {
    if (!waits_s_[i].empty()) {
      result.curves.push_back(curve_of(to_string(static_cast<HeldKind>(i)), waits_s_[i], result.wait_s));
    }
  }
  waits_s_ = {};
  return result;
}

}  // namespace gpusched::sim
