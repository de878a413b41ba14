#include "gpusched/reshape/reshape_gate.hpp"

#include "gpusched/base/check.hpp"

namespace gpusched {

namespace {

/// Without overflow for any cost.
TimeNs thousandths(TimeNs cost, std::int64_t milli) { return cost / 1000 * milli + cost % 1000 * milli / 1000; }

}  // namespace

void ReshapeGate::fade(TimeNs now) {
  if (options_.half_life_ns == 0) {
    return;
  }
  GPUSCHED_CHECK(now >= faded_until_ns_, "time goes back");
  // Whole half-lives only: integers on every compiler, and the remainder is kept for the next call.
  const TimeNs halvings = (now - faded_until_ns_) / options_.half_life_ns;
  loss_ns_ = halvings > 62 ? 0 : loss_ns_ >> halvings;
  faded_until_ns_ += halvings * options_.half_life_ns;
}

void ReshapeGate::add_loss(TimeNs now, TimeNs lost_ns) {
  GPUSCHED_CHECK(lost_ns >= 0, "a loss is not negative");
  if (loss_ns_ == 0) {
    faded_until_ns_ = now;
  }
  fade(now);
  loss_ns_ += lost_ns;
}

bool ReshapeGate::opens(TimeNs now, TimeNs cost_ns) {
  if (loss_ns_ > 0) {
    fade(now);
  }
  is_open_ = loss_ns_ > 0 && loss_ns_ >= thousandths(cost_ns, is_open_ ? options_.close_milli : options_.open_milli);
  return is_open_ && now >= shut_until_ns_;
}

void ReshapeGate::reshaped(TimeNs now) {
  loss_ns_ = 0;
  is_open_ = false;
  shut_until_ns_ = now + options_.cool_down_ns;
}

}  // namespace gpusched
