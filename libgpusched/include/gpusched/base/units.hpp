#pragma once

#include <cstdint>

namespace gpusched {

/// Nanoseconds from the trace origin. Simulated and observed time alike; never the wall clock.
using TimeNs = std::int64_t;

inline constexpr TimeNs ns_per_s = 1'000'000'000;

/// Thousandths of one GPU, of one CPU: Kubernetes' milli-units. Memory is MiB throughout.
inline constexpr std::int64_t milli_per_unit = 1000;

}  // namespace gpusched
