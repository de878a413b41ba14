#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace gpusched {

/// Half the sum of the differences of two mixes' shares, in thousandths: 0 the same, 1000 nothing in common. A mix is a
/// count per shape (weigh by units where size matters). Contract: same length, no count negative, each below 2^50. An
/// empty mix is 0 from everything.
std::int64_t mix_distance_milli(std::span<const std::int64_t> a, std::span<const std::int64_t> b);

struct DemandDriftOptions {
  std::int64_t drifted_milli = 200;   ///< distance from which the mix counts as another one
  std::int64_t back_milli = 100;      ///< distance below which it counts as the old one again
  std::int64_t least_arrivals = 100;  ///< recent mixes of fewer arrivals say nothing
};

/// Whether the requests that arrive are still those that the partitions were made for. A value.
class DemandDrift {
 public:
  explicit DemandDrift(const DemandDriftOptions& options = {}) : options_(options) {}

  /// The mix that the partitions are made for from now on.
  void adopt(std::span<const std::int64_t> mix);
  /// Whether the recent mix has drifted away; a mix between the two thresholds leaves the answer as it was.
  bool observe(std::span<const std::int64_t> recent);

 private:
  DemandDriftOptions options_;
  std::vector<std::int64_t> mix_;
  bool has_drifted_ = false;
};

}  // namespace gpusched
