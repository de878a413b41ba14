#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "gpusched/sim/report/report_data.hpp"

namespace gpusched::sim {

/// By what a job held when it started.
enum class HeldKind : std::uint8_t { cpu, share, whole, several, mig };
inline constexpr std::size_t held_kind_count = 5;
const char* to_string(HeldKind kind);

/// Waits of a million jobs -> a few hundred points.
class WaitCollector {
 public:
  void add(HeldKind kind, double wait_s) { waits_s_[static_cast<std::size_t>(kind)].push_back(wait_s); }
  /// The curve of all jobs first, then one for each kind where there are several. Points are quantiles of all jobs,
  /// denser towards the longest waits. Empties the collector.
  WaitingTimes curves(std::size_t most_points);

 private:
  std::array<std::vector<double>, held_kind_count> waits_s_;
};

}  // namespace gpusched::sim
