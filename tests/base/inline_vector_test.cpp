#include "gpusched/base/inline_vector.hpp"

#include <numeric>
#include <vector>

#include <gtest/gtest.h>

namespace gpusched {
namespace {

using Small = InlineVector<int, 3>;

Small filled(int count) {
  Small vector;
  for (int i = 0; i < count; ++i) {
    vector.push_back(i * 10);
  }
  return vector;
}

TEST(InlineVectorTest, StartsEmpty) {
  const Small vector;
  EXPECT_TRUE(vector.empty());
  EXPECT_EQ(vector.size(), 0U);
  EXPECT_EQ(vector.begin(), vector.end());
}

TEST(InlineVectorTest, KeepsItsElementsAcrossTheStepToTheHeap) {
  for (int count = 1; count <= 10; ++count) {
    const Small vector = filled(count);
    ASSERT_EQ(vector.size(), static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) {
      EXPECT_EQ(vector[static_cast<std::size_t>(i)], i * 10) << count;
    }
    EXPECT_EQ(std::accumulate(vector.begin(), vector.end(), 0), 10 * count * (count - 1) / 2);
  }
}

TEST(InlineVectorTest, ElementsCanBeChangedInPlace) {
  for (const int count : {3, 5}) {
    Small vector = filled(count);
    vector[1] = 99;
    for (int& value : vector) {
      value += 1;
    }
    EXPECT_EQ(vector[1], 100);
    EXPECT_EQ(vector[0], 1);
  }
}

TEST(InlineVectorTest, ClearAllowsAFreshStart) {
  for (const int count : {2, 5}) {
    Small vector = filled(count);
    vector.clear();
    EXPECT_TRUE(vector.empty());
    for (int i = 0; i < 6; ++i) {
      vector.push_back(7);
    }
    EXPECT_EQ(vector[0], 7) << "nothing of the former life shows";
    EXPECT_EQ(vector[5], 7);
  }
}

TEST(InlineVectorTest, CopiesAreIndependent) {
  for (const int count : {2, 5}) {
    const Small original = filled(count);
    Small copy = original;
    EXPECT_TRUE(copy == original);
    copy[0] = -1;
    EXPECT_EQ(original[0], 0);
    EXPECT_FALSE(copy == original);
  }
}

TEST(InlineVectorTest, EqualityLooksAtSizeAndElementsOnly) {
  Small left = filled(5);
  Small right = filled(5);
  EXPECT_TRUE(left == right);
  right.push_back(0);
  EXPECT_FALSE(left == right);
  left.clear();
  right.clear();
  EXPECT_TRUE(left == right) << "what was there before does not count";
}

}  // namespace
}  // namespace gpusched
