#include "gpusched/cluster/class_demand.hpp"

#include <gtest/gtest.h>

namespace gpusched {
namespace {

constexpr TimeNs minute_ns = 60 * ns_per_s;

TEST(ClassDemandTest, CountsWhatWaitsAndTheShareThatWasStarted) {
  ClassDemand demand;
  for (int i = 0; i < 4; ++i) {
    demand.arrive(JobClass::dev);
  }
  demand.start(JobClass::dev);
  demand.leave(JobClass::dev);
  EXPECT_EQ(demand.waiting(JobClass::dev), 2);
  EXPECT_DOUBLE_EQ(demand.served(JobClass::dev), 0.25) << "who left was not served";
  EXPECT_EQ(demand.waiting(JobClass::batch), 0);
  EXPECT_DOUBLE_EQ(demand.served(JobClass::batch), 0.0);
}

TEST(ClassDemandTest, AStartThatIsUndoneLeavesNoTrace) {
  ClassDemand demand;
  demand.arrive(JobClass::batch);
  demand.start(JobClass::batch);
  demand.undo_start(JobClass::batch);
  EXPECT_EQ(demand.waiting(JobClass::batch), 1);
  EXPECT_DOUBLE_EQ(demand.served(JobClass::batch), 0.0);
}

TEST(ClassDemandTest, OlderCountsFadeByATenthInTenMinutes) {
  ClassDemand demand;
  for (int i = 0; i < 10; ++i) {
    demand.arrive(JobClass::burst);
  }
  demand.advance(9 * minute_ns);
  demand.advance(25 * minute_ns);  // two whole steps
  demand.start(JobClass::burst);
  EXPECT_DOUBLE_EQ(demand.served(JobClass::burst), 1 / 8.1);
  demand.advance(5 * minute_ns);  // earlier: nothing
  EXPECT_DOUBLE_EQ(demand.served(JobClass::burst), 1 / 8.1);
  EXPECT_EQ(demand.waiting(JobClass::burst), 9) << "who waits does not fade";
}

TEST(ClassDemandTest, AClockThatJumpsFarIsNoTrouble) {
  ClassDemand demand;
  demand.arrive(JobClass::dev);
  demand.advance(std::int64_t{100} * 365 * 24 * 60 * minute_ns);
  EXPECT_EQ(demand.waiting(JobClass::dev), 1);
  EXPECT_DOUBLE_EQ(demand.served(JobClass::dev), 0.0);
}

}  // namespace
}  // namespace gpusched
