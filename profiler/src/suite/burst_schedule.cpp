#include "gpusched/profiler/suite/burst_schedule.hpp"

#include "gpusched/base/check.hpp"

namespace gpusched::suite {

BurstSchedule::BurstSchedule(double load, double item_ms, double mean_items, std::uint64_t seed)
    : stream_(seed, StreamPurpose::arrival), gap_ms_(mean_items * item_ms / load), continue_(1 - 1 / mean_items) {
  GPUSCHED_CHECK(load > 0 && load < 1 && item_ms > 0 && mean_items >= 1, "a load between 0 and 1");
}

Burst BurstSchedule::next() {
  arrival_ms_ += gap_ms_ * stream_.next_exponential();
  int items = 1;
  while (stream_.next_unit() < continue_) {
    ++items;
  }
  return {.arrival_ms = arrival_ms_, .items = items};
}

}  // namespace gpusched::suite
