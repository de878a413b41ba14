#include "gpusched/base/index_bitset.hpp"

#include <set>

#include <gtest/gtest.h>

#include "gpusched/base/philox.hpp"

namespace gpusched {
namespace {

TEST(IndexBitsetTest, AnEmptySetHasNoMembers) {
  IndexBitset set;
  EXPECT_TRUE(set.empty());
  EXPECT_EQ(set.next(0), IndexBitset::none);
  set.reset(100);
  EXPECT_TRUE(set.empty());
  EXPECT_EQ(set.first(), IndexBitset::none);
  EXPECT_EQ(set.next(0), IndexBitset::none);
}

TEST(IndexBitsetTest, NextIsTheSmallestMemberFromThereOn) {
  IndexBitset set;
  set.reset(10'000);
  for (const std::uint32_t i : {0U, 63U, 64U, 4095U, 4096U, 9999U}) {
    set.insert(i);
  }
  EXPECT_EQ(set.first(), 0U);
  EXPECT_EQ(set.next(0), 0U);
  EXPECT_EQ(set.next(1), 63U);
  EXPECT_EQ(set.next(64), 64U);
  EXPECT_EQ(set.next(65), 4095U);
  EXPECT_EQ(set.next(4097), 9999U);
  EXPECT_EQ(set.next(10'000), IndexBitset::none);
  EXPECT_EQ(set.next(1'000'000), IndexBitset::none);
}

TEST(IndexBitsetTest, ResetForgetsEverything) {
  IndexBitset set;
  set.reset(10);
  set.insert(3);
  set.reset(10);
  EXPECT_TRUE(set.empty());
  EXPECT_EQ(set.first(), IndexBitset::none);
}

TEST(IndexBitsetTest, AgreesWithAnOrderedSetUnderRandomChanges) {
  for (const std::uint32_t capacity : {1U, 64U, 65U, 4096U, 4097U, 300'000U}) {
    Philox draws(11, StreamPurpose::order, capacity);
    IndexBitset set;
    set.reset(capacity);
    std::set<std::uint32_t> expected;
    for (int step = 0; step < 2000; ++step) {
      const std::uint32_t i = draws.next_below(capacity);
      if (draws.next_below(2) == 0) {  // members or not
        set.erase(i);
        expected.erase(i);
      } else {
        set.insert(i);
        expected.insert(i);
      }
      const std::uint32_t from = draws.next_below(capacity);
      const auto next = expected.lower_bound(from);
      ASSERT_EQ(set.next(from), next == expected.end() ? IndexBitset::none : *next) << capacity << " " << step;
      for (const std::uint32_t below : {from, capacity}) {
        const auto above = expected.lower_bound(below);
        ASSERT_EQ(set.previous(below), above == expected.begin() ? IndexBitset::none : *std::prev(above))
            << capacity << " " << step << " below " << below;
      }
      ASSERT_EQ(set.first(), expected.empty() ? IndexBitset::none : *expected.begin());
      ASSERT_EQ(set.empty(), expected.empty());
    }
  }
}

}  // namespace
}  // namespace gpusched
