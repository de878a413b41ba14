#include "../../sim/src/wait_queue.hpp"

#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace gpusched::sim {
namespace {

using Units = std::vector<std::uint32_t>;

/// Passes over the queue; starts the units in `fitting` and returns all that were tried, in order.
Units tried(WaitQueue& queue, const std::set<std::uint32_t>& fitting) {
  Units seen;
  queue.pass([&](std::uint32_t unit) {
    seen.push_back(unit);
    return fitting.contains(unit);
  });
  return seen;
}

TEST(WaitQueueTest, ServesPriorityThenSubmissionThenNumber) {
  ClassQueue queue(false);
  queue.push({.unit = 1, .priority = 0, .submit_ns = 10, .unit_class = 0});
  queue.push({.unit = 2, .priority = 0, .submit_ns = 5, .unit_class = 1});
  queue.push({.unit = 3, .priority = 9, .submit_ns = 20, .unit_class = 2});
  queue.push({.unit = 4, .priority = 0, .submit_ns = 5, .unit_class = 3});
  queue.push({.unit = 5, .priority = -1, .submit_ns = 0, .unit_class = 4});
  EXPECT_EQ(queue.size(), 5U);
  EXPECT_EQ(tried(queue, {}), (Units{3, 2, 4, 1, 5}));
  EXPECT_EQ(queue.size(), 5U);
}

TEST(WaitQueueTest, UnitsOfAClassWaitBehindTheirFirst) {
  ClassQueue queue(false);
  queue.push({.unit = 1, .priority = 0, .submit_ns = 1, .unit_class = 7});
  queue.push({.unit = 2, .priority = 0, .submit_ns = 2, .unit_class = 7});
  queue.push({.unit = 3, .priority = 0, .submit_ns = 3, .unit_class = 8});
  EXPECT_EQ(tried(queue, {2, 3}), (Units{1, 3})) << "2 asks for what 1 asks for";
  EXPECT_EQ(queue.size(), 2U);
}

TEST(WaitQueueTest, WhenTheFirstStartsTheNextOfItsClassIsTried) {
  ClassQueue queue(false);
  queue.push({.unit = 1, .priority = 0, .submit_ns = 1, .unit_class = 7});
  queue.push({.unit = 2, .priority = 0, .submit_ns = 2, .unit_class = 7});
  queue.push({.unit = 3, .priority = 0, .submit_ns = 3, .unit_class = 8});
  queue.push({.unit = 4, .priority = 0, .submit_ns = 4, .unit_class = 7});
  EXPECT_EQ(tried(queue, {1, 2, 3}), (Units{1, 2, 3, 4}));
  EXPECT_EQ(queue.size(), 1U);
}

TEST(WaitQueueTest, StrictEndsThePassWithTheFirstThatStays) {
  ClassQueue queue(true);
  queue.push({.unit = 1, .priority = 0, .submit_ns = 1, .unit_class = 7});
  queue.push({.unit = 2, .priority = 0, .submit_ns = 2, .unit_class = 8});
  queue.push({.unit = 3, .priority = 0, .submit_ns = 3, .unit_class = 9});
  EXPECT_EQ(tried(queue, {1, 3}), (Units{1, 2}));
  EXPECT_EQ(queue.size(), 2U);
}

TEST(WaitQueueTest, RemoveForgetsOneUnitAndIgnoresStrangers) {
  ClassQueue queue(false);
  queue.push({.unit = 1, .priority = 0, .submit_ns = 1, .unit_class = 7});
  queue.push({.unit = 2, .priority = 0, .submit_ns = 2, .unit_class = 7});
  queue.remove({.unit = 1, .priority = 0, .submit_ns = 1, .unit_class = 7});
  queue.remove({.unit = 1, .priority = 0, .submit_ns = 1, .unit_class = 7});
  queue.remove({.unit = 2, .priority = 5, .submit_ns = 2, .unit_class = 7});
  queue.remove({.unit = 2, .priority = 0, .submit_ns = 2, .unit_class = 8});
  EXPECT_EQ(queue.size(), 1U);
  EXPECT_EQ(tried(queue, {2}), (Units{2}));
  EXPECT_EQ(queue.size(), 0U);
  EXPECT_EQ(tried(queue, {}), Units{});
}

TEST(WaitQueueTest, UnitsMayJoinDuringAPass) {
  ClassQueue queue(false);
  queue.push({.unit = 1, .priority = 5, .submit_ns = 10, .unit_class = 7});
  Units seen;
  queue.pass([&](std::uint32_t unit) {
    seen.push_back(unit);
    if (unit == 1) {
      queue.push({.unit = 2,
                  .priority = 0,
                  .submit_ns = 1,
                  .unit_class = 7});  // a victim of the same class, submitted earlier
      queue.push({.unit = 3, .priority = 0, .submit_ns = 1, .unit_class = 8});  // and one of a class of its own
    }
    return unit == 1;
  });
  EXPECT_EQ(seen.front(), 1U);
  EXPECT_EQ(queue.size(), 2U);
  EXPECT_EQ(tried(queue, {2, 3}), (Units{2, 3}));
}

TEST(LineQueueTest, ServesPriorityThenSubmissionThenNumber) {
  LineQueue queue(60);
  queue.push({.unit = 1, .priority = 0, .submit_ns = 10, .unit_class = 0});
  queue.push({.unit = 2, .priority = 0, .submit_ns = 5, .unit_class = 1});
  queue.push({.unit = 3, .priority = 9, .submit_ns = 20, .unit_class = 2});
  queue.push({.unit = 4, .priority = 0, .submit_ns = 5, .unit_class = 3});
  queue.push({.unit = 5, .priority = -1, .submit_ns = 0, .unit_class = 4});
  EXPECT_EQ(tried(queue, {}), (Units{3, 2, 4, 1, 5}));
  EXPECT_EQ(tried(queue, {4, 5}), (Units{3, 2, 4, 1, 5}));
  EXPECT_EQ(queue.size(), 3U);
}

TEST(LineQueueTest, OnlyTheFirstOfEachLineAreTried) {
  LineQueue queue(2);
  for (std::uint32_t unit = 0; unit < 5; ++unit) {
    queue.push({.unit = unit, .priority = 0, .submit_ns = unit, .unit_class = unit});
    queue.push({.unit = 10 + unit, .priority = 9, .submit_ns = unit, .unit_class = 10 + unit});
  }
  EXPECT_EQ(tried(queue, {}), (Units{10, 11, 0, 1}));
  EXPECT_EQ(tried(queue, {0, 1}), (Units{10, 11, 0, 1, 2, 3})) << "those behind move up";
}

TEST(LineQueueTest, ANewcomerIsTriedWhileItsLineIsShort) {
  LineQueue queue(2);
  for (std::uint32_t unit = 0; unit < 2; ++unit) {
    EXPECT_TRUE(queue.tries_newcomer(0));
    queue.push({.unit = unit, .priority = 0, .submit_ns = unit, .unit_class = unit});
  }
  EXPECT_FALSE(queue.tries_newcomer(0));
  EXPECT_TRUE(queue.tries_newcomer(9)) << "another line";
}

TEST(LineQueueTest, WhereOneOfAClassDoesNotFitNoOtherIsTried) {
  LineQueue queue(60);
  queue.push({.unit = 1, .priority = 0, .submit_ns = 1, .unit_class = 7});
  queue.push({.unit = 2, .priority = 0, .submit_ns = 2, .unit_class = 7});
  queue.push({.unit = 3, .priority = 0, .submit_ns = 3, .unit_class = 8});
  EXPECT_EQ(tried(queue, {2, 3}), (Units{1, 3}));
  EXPECT_EQ(tried(queue, {}), Units{1}) << "each pass asks anew";
}

TEST(LineQueueTest, RemoveForgetsOneUnitAndIgnoresStrangers) {
  LineQueue queue(60);
  queue.push({.unit = 1, .priority = 0, .submit_ns = 1, .unit_class = 7});
  queue.remove({.unit = 1, .priority = 5, .submit_ns = 1, .unit_class = 7});
  queue.remove({.unit = 2, .priority = 0, .submit_ns = 1, .unit_class = 7});
  EXPECT_EQ(queue.size(), 1U);
  queue.remove({.unit = 1, .priority = 0, .submit_ns = 1, .unit_class = 7});
  EXPECT_EQ(queue.size(), 0U);
}

TEST(LineQueueTest, UnitsMayJoinDuringAPass) {
  LineQueue queue(60);
  queue.push({.unit = 1, .priority = 5, .submit_ns = 10, .unit_class = 1});
  Units seen;
  queue.pass([&](std::uint32_t unit) {
    seen.push_back(unit);
    if (unit == 1) {
      queue.push({.unit = 2, .priority = 5, .submit_ns = 1, .unit_class = 2});
      queue.push({.unit = 3, .priority = 0, .submit_ns = 1, .unit_class = 3});
    }
    return unit == 1;
  });
  EXPECT_EQ(seen.front(), 1U);
  EXPECT_EQ(queue.size(), 2U);
  EXPECT_EQ(tried(queue, {2, 3}), (Units{2, 3}));
}

}  // namespace
}  // namespace gpusched::sim
