#include "gpusched/profiler/suite/latency.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <vector>

namespace gpusched::suite {

LatencySummary summarize_latency(std::span<const double> sample) {
  if (sample.empty()) {
    return {};
  }
  std::vector<double> sorted(sample.begin(), sample.end());
  std::sort(sorted.begin(), sorted.end());
  const auto count = static_cast<double>(sorted.size());
  const auto quantile = [&](double share) {
    // 0.95 x 20 is a little more than 19 in floating point; the slack keeps its rank at 19.
    const double rank = std::ceil(share * count - 1e-9);
    return sorted[static_cast<std::size_t>(std::clamp(rank, 1.0, count)) - 1];
  };
  return {.mean = std::accumulate(sorted.begin(), sorted.end(), 0.0) / count,
          .p50 = quantile(0.50),
          .p90 = quantile(0.90),
          .p95 = quantile(0.95),
          .p99 = quantile(0.99),
          .most = sorted.back()};
}

}  // namespace gpusched::suite
