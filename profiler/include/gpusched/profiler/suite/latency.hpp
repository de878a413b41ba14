#pragma once

#include <span>

namespace gpusched::suite {

/// Mean and quantiles of a sample; the q-quantile is the smallest value that at least a share q of the sample does not
/// exceed. All zero for an empty sample.
struct LatencySummary {
  double mean = 0, p50 = 0, p90 = 0, p95 = 0, p99 = 0, most = 0;

  friend bool operator==(const LatencySummary&, const LatencySummary&) = default;
};
LatencySummary summarize_latency(std::span<const double> sample);

}  // namespace gpusched::suite
