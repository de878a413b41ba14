#pragma once

#include <cstdint>
#include <map>

#include "gpusched/reshape/reshape_gate.hpp"

namespace gpusched::sim {

/// Feeds a gate with the GPU time that units lose while they wait for a reshape.
class LossAccount {
 public:
  explicit LossAccount(const ReshapeGateOptions& options) : gate_(options) {}

  /// The unit wants so much of a GPU and waits for a reshape from now on; nothing changes where it does already.
  void block(std::uint32_t unit, std::int64_t gpu_milli, TimeNs now);
  /// It does so no longer; nothing changes where it did not.
  void unblock(std::uint32_t unit, TimeNs now);
  /// GPU time lost at once: of a unit that does not wait.
  void lose(TimeNs now, TimeNs lost_ns) { gate_.add_loss(now, lost_ns); }

  bool opens(TimeNs now, TimeNs cost_ns);
  void reshaped(TimeNs now);

 private:
  void advance(TimeNs now);

  ReshapeGate gate_;
  std::map<std::uint32_t, std::int64_t> blocked_milli_;  // by unit
  std::int64_t total_milli_ = 0;
  TimeNs counted_until_ns_ = 0;
};

}  // namespace gpusched::sim
