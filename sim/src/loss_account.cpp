#include "loss_account.hpp"

namespace gpusched::sim {

void LossAccount::block(std::uint32_t unit, std::int64_t gpu_milli, TimeNs now) {
  advance(now);
  if (blocked_milli_.emplace(unit, gpu_milli).second) {
    total_milli_ += gpu_milli;
  }
}

void LossAccount::unblock(std::uint32_t unit, TimeNs now) {
  advance(now);
  if (const auto found = blocked_milli_.find(unit); found != blocked_milli_.end()) {
    total_milli_ -= found->second;
    blocked_milli_.erase(found);
  }
}

bool LossAccount::opens(TimeNs now, TimeNs cost_ns) {
  advance(now);
  return gate_.opens(now, cost_ns);
}

void LossAccount::reshaped(TimeNs now) {
  advance(now);
  gate_.reshaped(now);
}

void LossAccount::advance(TimeNs now) {
  // Microseconds times thousandths of a GPU are nanoseconds of a GPU: no division that loses anything.
  constexpr TimeNs ns_per_us = 1000;
  const TimeNs waited_us = (now - counted_until_ns_) / ns_per_us;
  if (total_milli_ > 0 && waited_us > 0) {
    gate_.add_loss(now, waited_us * total_milli_);
  }
  counted_until_ns_ += waited_us * ns_per_us;
}

}  // namespace gpusched::sim
