#pragma once

#include <cstdint>

namespace gpusched {

/// Nanoseconds from the trace origin. Simulated and observed time alike; never the wall clock.
using TimeNs = std::int64_t;

inline constexpr TimeNs ns_per_s = 1'000'000'000;

/// Thousandths of one GPU, of one CPU: Kubernetes' milli-units. Memory is MiB throughout.
inline constexpr std::int64_t milli_per_unit = 1000;

/// A ratio in thousandths, rounded to the nearest, so that ratios are compared as integers. Beyond +-1e12 it stays
/// there. Contract: not NaN.
constexpr std::int64_t to_milli(double ratio) {
  constexpr double most = 1e12;
  const double bounded = ratio < -most ? -most : ratio > most ? most : ratio;
  return static_cast<std::int64_t>(bounded * static_cast<double>(milli_per_unit) + (bounded < 0 ? -0.5 : 0.5));
}

}  // namespace gpusched
