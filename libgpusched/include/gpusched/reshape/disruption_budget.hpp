#pragma once

#include <algorithm>
#include <deque>
#include <utility>

#include "gpusched/base/units.hpp"

namespace gpusched {

/// How many pods reshapes may stop or move.
struct DisruptionLimits {
  int most_pods_per_plan = 8;
  int most_pods_per_window = 32;
  TimeNs window_ns = 3600 * ns_per_s;
};

/// Counts moved pods against the limits. A value; `now` never goes back.
class DisruptionBudget {
 public:
  explicit DisruptionBudget(const DisruptionLimits& limits = {}) : limits_(limits) {}

  /// The most pods that a plan may move now: ReshapePlanOptions::most_moved_pods, CompactionOptions::most_moved_pods.
  int pods_left(TimeNs now) {
    while (!moved_.empty() && moved_.front().first + limits_.window_ns <= now) {
      in_window_ -= moved_.front().second;
      moved_.pop_front();
    }
    return std::max(0, std::min(limits_.most_pods_per_plan, limits_.most_pods_per_window - in_window_));
  }
  void add_moved(TimeNs now, int pods) {
    moved_.emplace_back(now, pods);
    in_window_ += pods;
  }

 private:
  DisruptionLimits limits_;
  std::deque<std::pair<TimeNs, int>> moved_;
  int in_window_ = 0;
};

}  // namespace gpusched
