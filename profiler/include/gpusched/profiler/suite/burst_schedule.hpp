#pragma once

#include <cstdint>

#include "gpusched/base/philox.hpp"

namespace gpusched::suite {

/// One request: when it arrives, and how many items it takes one after the other.
struct Burst {
  double arrival_ms = 0;  ///< after the first moment of the schedule
  int items = 1;
};

/// Requests that arrive on their own (exponential gaps) and take a geometric number of items, mean `mean_items`: close
/// to the exponential service times of the queue that the slowdown laws assume. Same seed, same requests.
class BurstSchedule {
 public:
  /// `load`: share of the time that the requests take when each item takes `item_ms`. Contract: 0 < load < 1,
  /// item_ms > 0, mean_items >= 1.
  BurstSchedule(double load, double item_ms, double mean_items, std::uint64_t seed);

  Burst next();

 private:
  Philox stream_;
  double gap_ms_;
  double continue_;  // probability of one more item
  double arrival_ms_ = 0;
};

}  // namespace gpusched::suite
