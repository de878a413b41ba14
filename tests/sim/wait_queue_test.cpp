#include "../../sim/src/wait_queue.hpp"

#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace gpusched::sim {
namespace {

using Units = std::vector<std::uint32_t>;

/// Passes over the queue; starts the units in `fitting` and returns all that were tried, in order.
Units tried(WaitQueue& queue, bool strict, const std::set<std::uint32_t>& fitting) {
  Units seen;
  queue.pass(strict, [&](std::uint32_t unit) {
    seen.push_back(unit);
    return fitting.contains(unit);
  });
  return seen;
}

TEST(WaitQueueTest, ServesPriorityThenSubmissionThenNumber) {
  WaitQueue queue;
  queue.push(1, 0, 10, 0);
  queue.push(2, 0, 5, 1);
  queue.push(3, 9, 20, 2);
  queue.push(4, 0, 5, 3);
  queue.push(5, -1, 0, 4);
  EXPECT_EQ(queue.size(), 5U);
  EXPECT_EQ(tried(queue, false, {}), (Units{3, 2, 4, 1, 5}));
  EXPECT_EQ(queue.size(), 5U);
}

TEST(WaitQueueTest, UnitsOfAClassWaitBehindTheirFirst) {
  WaitQueue queue;
  queue.push(1, 0, 1, 7);
  queue.push(2, 0, 2, 7);
  queue.push(3, 0, 3, 8);
  EXPECT_EQ(tried(queue, false, {2, 3}), (Units{1, 3})) << "2 asks for what 1 asks for";
  EXPECT_EQ(queue.size(), 2U);
}

TEST(WaitQueueTest, WhenTheFirstStartsTheNextOfItsClassIsTried) {
  WaitQueue queue;
  queue.push(1, 0, 1, 7);
  queue.push(2, 0, 2, 7);
  queue.push(3, 0, 3, 8);
  queue.push(4, 0, 4, 7);
  EXPECT_EQ(tried(queue, false, {1, 2, 3}), (Units{1, 2, 3, 4}));
  EXPECT_EQ(queue.size(), 1U);
}

TEST(WaitQueueTest, StrictEndsThePassWithTheFirstThatStays) {
  WaitQueue queue;
  queue.push(1, 0, 1, 7);
  queue.push(2, 0, 2, 8);
  queue.push(3, 0, 3, 9);
  EXPECT_EQ(tried(queue, true, {1, 3}), (Units{1, 2}));
  EXPECT_EQ(queue.size(), 2U);
}

TEST(WaitQueueTest, RemoveForgetsOneUnitAndIgnoresStrangers) {
  WaitQueue queue;
  queue.push(1, 0, 1, 7);
  queue.push(2, 0, 2, 7);
  queue.remove(1, 0, 1, 7);
  queue.remove(1, 0, 1, 7);
  queue.remove(2, 5, 2, 7);
  queue.remove(2, 0, 2, 8);
  EXPECT_EQ(queue.size(), 1U);
  EXPECT_EQ(tried(queue, false, {2}), (Units{2}));
  EXPECT_EQ(queue.size(), 0U);
  EXPECT_EQ(tried(queue, false, {}), Units{});
}

TEST(WaitQueueTest, UnitsMayJoinDuringAPass) {
  WaitQueue queue;
  queue.push(1, 5, 10, 7);
  Units seen;
  queue.pass(false, [&](std::uint32_t unit) {
    seen.push_back(unit);
    if (unit == 1) {
      queue.push(2, 0, 1, 7);  // a victim of the same class, submitted earlier
      queue.push(3, 0, 1, 8);  // and one of a class of its own
    }
    return unit == 1;
  });
  EXPECT_EQ(seen.front(), 1U);
  EXPECT_EQ(queue.size(), 2U);
  EXPECT_EQ(tried(queue, false, {2, 3}), (Units{2, 3}));
}

}  // namespace
}  // namespace gpusched::sim
