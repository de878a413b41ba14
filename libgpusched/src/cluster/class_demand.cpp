#include "gpusched/cluster/class_demand.hpp"

#include <algorithm>

namespace gpusched {

namespace {

constexpr double left_after_step = 0.9;
/// Nothing is left to fade after a week: a clock that jumps costs no more than that.
constexpr std::int64_t most_steps = 1008;

}  // namespace

void ClassDemand::fade(TimeNs now) {
  const std::int64_t steps = (now - faded_ns_) / fading_step_ns;
  faded_ns_ += steps * fading_step_ns;
  for (std::int64_t step = std::min(steps, most_steps); step > 0; --step) {
    for (Counts& counts : counts_) {
      counts.arrived *= left_after_step;
      counts.started *= left_after_step;
    }
  }
}

double ClassDemand::served(JobClass job_class) const {
  const Counts& counts = counts_[static_cast<std::size_t>(job_class)];
  return std::max(0.0, counts.started) / std::max(1.0, counts.arrived);
}

}  // namespace gpusched
