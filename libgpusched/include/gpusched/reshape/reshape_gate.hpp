#pragma once

#include <cstdint>

#include "gpusched/base/units.hpp"

namespace gpusched {

struct ReshapeGateOptions {
  std::int64_t open_milli = 1000;            ///< opens when the loss reaches this many thousandths of the cost
  std::int64_t close_milli = 500;            ///< closes again below this many; at most open_milli
  TimeNs half_life_ns = 3600 * ns_per_s;     ///< a loss counts half after this time; 0: it never fades
  TimeNs cool_down_ns = 30 * 60 * ns_per_s;  ///< stays shut this long after a reshape
};

/// When to reshape: once what was lost by not reshaping reaches what a reshape costs (ski rental). Without fading, loss
/// and reshape together never exceed twice what the best decision in hindsight would have cost, but for the last loss
/// reported. Both are lost GPU time. A value: one per GPU, or one for a cluster.
class ReshapeGate {
 public:
  explicit ReshapeGate(const ReshapeGateOptions& options = {}) : options_(options) {}

  /// Adds GPU time lost because a request was blocked that a reshape would have admitted. Contract: `now` never goes
  /// back, `lost_ns` is not negative.
  void add_loss(TimeNs now, TimeNs lost_ns);
  /// Whether to reshape now at this cost. Once open it stays open until the loss fades below the lower threshold, so
  /// that a cost that moves a little does not switch it back and forth.
  bool opens(TimeNs now, TimeNs cost_ns);
  /// A reshape was begun: the account starts anew, after the cool-down.
  void reshaped(TimeNs now);

  TimeNs loss_ns() const { return loss_ns_; }

 private:
  void fade(TimeNs now);

  ReshapeGateOptions options_;
  TimeNs loss_ns_ = 0;
  TimeNs faded_until_ns_ = 0;
  TimeNs shut_until_ns_ = 0;
  bool is_open_ = false;
};

}  // namespace gpusched
