#include "gpusched/base/philox.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "gpusched/base/check.hpp"

namespace gpusched {
namespace {

using Block = std::array<std::uint32_t, 4>;

// Known-answer vectors of Random123 (philox4x32, 10 rounds), the reference implementation of the paper's authors.
TEST(PhiloxTest, BlockMatchesTheKnownAnswersOfRandom123) {
  EXPECT_EQ(Philox::block({0, 0, 0, 0}, {0, 0}), (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  constexpr std::uint32_t ones = 0xffffffff;
  EXPECT_EQ(Philox::block({ones, ones, ones, ones}, {ones, ones}),
            (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(Philox::block({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(PhiloxTest, SameStreamGivesTheSameDraws) {
  Philox a(42, StreamPurpose::arrival, 7);
  Philox b(42, StreamPurpose::arrival, 7);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(a.next_u32(), b.next_u32());
  }
}

TEST(PhiloxTest, SeedPurposeAndEntityEachOpenAnotherStream) {
  std::set<std::uint64_t> first_draws;
  for (const std::uint64_t seed : {0ULL, 1ULL, 1ULL << 32}) {
    for (const StreamPurpose purpose : {StreamPurpose::arrival, StreamPurpose::order}) {
      for (const std::uint64_t entity : {0ULL, 1ULL, 1ULL << 32}) {
        first_draws.insert(Philox(seed, purpose, entity).next_u64());
      }
    }
  }
  EXPECT_EQ(first_draws.size(), 18U);
}

TEST(PhiloxTest, GoldenDrawsStayFixed) {
  Philox random(42, StreamPurpose::tie_break, 7);
  for (const std::uint32_t expected : {0x884f6d1aU, 0x177bb03aU, 0x5de2c940U, 0x679af7d1U, 0x6bc82c60U, 0x49a3bbc0U}) {
    EXPECT_EQ(random.next_u32(), expected);
  }
  Philox mixed(2026, StreamPurpose::arrival);
  EXPECT_EQ(mixed.next_u64(), 0xba6d089002b6ca6bU);
  EXPECT_EQ(mixed.next_unit(), 0x1.17da5b0488a74p-2);
  EXPECT_EQ(mixed.next_below(1000), 770U);
  EXPECT_EQ(mixed.next_below(6), 3U);
  EXPECT_EQ(mixed.next_below(0xffffffff), 4256311433U);
  std::vector<int> values{0, 1, 2, 3, 4, 5, 6, 7};
  Philox(1, StreamPurpose::order).shuffle(values);
  EXPECT_EQ(values, (std::vector<int>{0, 6, 3, 5, 4, 1, 2, 7}));
}

TEST(PhiloxTest, UnitDrawsAreUniformInTheHalfOpenInterval) {
  Philox random(1, StreamPurpose::policy);
  constexpr int draws = 100000;
  std::array<int, 10> bins{};
  double sum = 0;
  for (int i = 0; i < draws; ++i) {
    const double x = random.next_unit();
    ASSERT_GE(x, 0.0);
    ASSERT_LT(x, 1.0);
    sum += x;
    ++bins[static_cast<std::size_t>(x * 10)];
  }
  EXPECT_NEAR(sum / draws, 0.5, 0.005);
  for (const int count : bins) {
    EXPECT_NEAR(count, draws / 10, 500);
  }
}

TEST(PhiloxTest, BoundedDrawsReachEveryValueEquallyOften) {
  Philox random(2, StreamPurpose::policy);
  constexpr int draws = 70000;
  std::array<int, 7> bins{};
  for (int i = 0; i < draws; ++i) {
    const std::uint32_t x = random.next_below(7);
    ASSERT_LT(x, 7U);
    ++bins[x];
  }
  for (const int count : bins) {
    EXPECT_NEAR(count, draws / 7, 500);
  }
}

TEST(PhiloxTest, BoundedDrawsAreUnbiasedForAHugeBound) {
  // Of the values below 3 * 2^30, a plain modulo would draw the first third twice as often.
  Philox random(3, StreamPurpose::policy);
  constexpr int draws = 30000;
  int low = 0;
  for (int i = 0; i < draws; ++i) {
    low += random.next_below(3U << 30) < (1U << 30) ? 1 : 0;
  }
  EXPECT_NEAR(low, draws / 3, 400);
}

TEST(PhiloxTest, BoundOfOneLeavesNoChoice) {
  Philox random(4, StreamPurpose::policy);
  EXPECT_EQ(random.next_below(1), 0U);
}

TEST(PhiloxTest, ZeroBoundIsABugOfTheCaller) {
  Philox random(4, StreamPurpose::policy);
  EXPECT_THROW(random.next_below(0), InvariantError);
  EXPECT_THROW(random.next_gamma(0.0), InvariantError);
}

struct Moments {
  double mean = 0, variance = 0;
};

template <typename Draw>
Moments moments_of(const Draw& draw) {
  constexpr int draws = 50000;
  std::vector<double> values(draws);
  std::generate(values.begin(), values.end(), draw);
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / draws;
  double squares = 0;
  for (const double value : values) {
    squares += (value - mean) * (value - mean);
  }
  return {.mean = mean, .variance = squares / (draws - 1)};
}

// Tolerances are five standard errors or more of 50,000 draws.
TEST(PhiloxTest, LawsHaveTheirMeanAndVariance) {
  Philox random(5, StreamPurpose::duration);
  const Moments exponential = moments_of([&] { return random.next_exponential(); });
  EXPECT_NEAR(exponential.mean, 1.0, 0.025);
  EXPECT_NEAR(exponential.variance, 1.0, 0.07);
  const Moments normal = moments_of([&] { return random.next_normal(); });
  EXPECT_NEAR(normal.mean, 0.0, 0.025);
  EXPECT_NEAR(normal.variance, 1.0, 0.035);
  for (const double shape : {0.5, 1.0, 4.0}) {
    const Moments gamma = moments_of([&] { return random.next_gamma(shape); });
    EXPECT_NEAR(gamma.mean, shape, 0.025 * std::sqrt(shape)) << shape;
    EXPECT_NEAR(gamma.variance, shape, 0.12 * shape) << shape;
  }
}

TEST(PhiloxTest, ShuffleIsAPermutationThatPutsEveryElementFirstEquallyOften) {
  Philox random(6, StreamPurpose::order);
  std::array<int, 5> first{};
  for (int i = 0; i < 5000; ++i) {
    std::vector<int> values{0, 1, 2, 3, 4};
    random.shuffle(values);
    ++first[static_cast<std::size_t>(values[0])];
    std::sort(values.begin(), values.end());
    ASSERT_EQ(values, (std::vector<int>{0, 1, 2, 3, 4}));
  }
  for (const int count : first) {
    EXPECT_NEAR(count, 1000, 150);
  }
}

}  // namespace
}  // namespace gpusched
