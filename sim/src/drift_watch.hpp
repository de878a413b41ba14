#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "gpusched/reshape/demand_drift.hpp"

namespace gpusched::sim {

/// Watches the mix of the latest arrivals. The first full window is the mix that partitions are made for; a mix that
/// has drifted away takes its place.
class DriftWatch {
 public:
  /// `weights`: what one arrival of each kind counts, not negative.
  DriftWatch(const DemandDriftOptions& options, std::size_t window, std::vector<std::int64_t> weights);

  /// One more arrival. True: the mix has drifted away from the one adopted last, and is adopted now.
  bool arrive(std::uint32_t kind);

 private:
  DemandDrift drift_;
  std::size_t window_;
  std::vector<std::int64_t> weights_;  // by kind
  std::vector<std::uint32_t> latest_;  // a ring once it is full
  std::size_t oldest_ = 0;
  std::vector<std::int64_t> mix_;  // weights of the latest arrivals, by kind
};

}  // namespace gpusched::sim
