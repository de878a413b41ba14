#include "gpusched/sim/comparison.hpp"

#include <atomic>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace gpusched::sim {
namespace {

TEST(EstimateTest, OfNothingIsZero) {
  EXPECT_EQ(estimate({}).mean, 0);
  EXPECT_EQ(estimate({}).half_width, 0);
}

TEST(EstimateTest, OfOneRunHasNoWidth) {
  EXPECT_DOUBLE_EQ(estimate({4.5}).mean, 4.5);
  EXPECT_DOUBLE_EQ(estimate({4.5}).half_width, 0);
}

TEST(EstimateTest, UsesStudentsT) {
  // Two values 2 apart: s = sqrt(2), half width = t(1) x sqrt(2)/sqrt(2) = 12.706.
  EXPECT_NEAR(estimate({1, 3}).half_width, 12.706, 1e-9);
  EXPECT_DOUBLE_EQ(estimate({1, 3}).mean, 2);
  // Five values 1..5: s = sqrt(2.5), half width = 2.776 x sqrt(2.5/5).
  EXPECT_NEAR(estimate({1, 2, 3, 4, 5}).half_width, 2.776 * 0.70710678118, 1e-9);
  // Ten values, five 0 and five 1: variance 2.5/9, t(9) = 2.262.
  EXPECT_NEAR(estimate({0, 1, 0, 1, 0, 1, 0, 1, 0, 1}).half_width, 2.262 * 0.16666666667, 1e-9);
}

TEST(EstimateTest, LargeSamplesUseTheNormalQuantile) {
  std::vector<double> values;
  for (int i = 0; i < 50; ++i) {
    values.push_back(i % 2);
  }
  // variance 12.5/49, so the standard error is sqrt(12.5/49/50) = 1/14.
  EXPECT_NEAR(estimate(values).half_width, 1.96 / 14, 1e-9);
}

TEST(EstimateTest, EqualValuesHaveNoWidth) { EXPECT_NEAR(estimate({3, 3, 3}).half_width, 0, 1e-12); }

Result<Summary> labelled(std::size_t policy, std::uint64_t seed) {
  Summary summary;
  summary.jobs = static_cast<std::int64_t>(policy * 1000 + seed);
  return summary;
}

TEST(ComparisonTest, ResultsAreInOrderWhateverTheThreads) {
  for (const int threads : {1, 2, 7, 64}) {
    const auto runs = compare_policies(3, 40, 4, threads, labelled, {});
    ASSERT_TRUE(runs.ok());
    ASSERT_EQ(runs.value().size(), 12U);
    for (std::size_t i = 0; i < 12; ++i) {
      EXPECT_EQ(runs.value()[i].policy, i / 4);
      EXPECT_EQ(runs.value()[i].seed, 40 + i % 4);
      EXPECT_EQ(runs.value()[i].summary.jobs, static_cast<std::int64_t>(i / 4 * 1000 + 40 + i % 4));
    }
  }
}

TEST(ComparisonTest, TheFirstErrorInOrderIsTheAnswer) {
  const auto run = [](std::size_t policy, std::uint64_t seed) -> Result<Summary> {
    if (policy >= 1) {
      Error error;
      error.message = "policy " + std::to_string(policy) + " seed " + std::to_string(seed);
      return error;
    }
    return labelled(policy, seed);
  };
  const auto runs = compare_policies(3, 1, 2, 4, run, {});
  ASSERT_FALSE(runs.ok());
  EXPECT_EQ(runs.error().message, "policy 1 seed 1");
}

TEST(ComparisonTest, ProgressCountsEveryRunOnce) {
  std::vector<std::int64_t> seen;
  std::int64_t total = 0;
  ASSERT_TRUE(compare_policies(2, 1, 3, 3, labelled, [&](std::int64_t done, std::int64_t all) {
                seen.push_back(done);
                total = all;
              }).ok());
  EXPECT_EQ(seen, (std::vector<std::int64_t>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(total, 6);
}

TEST(ComparisonTest, NoSeedsGiveNoRuns) {
  const auto runs = compare_policies(2, 1, 0, 2, labelled, {});
  ASSERT_TRUE(runs.ok());
  EXPECT_TRUE(runs.value().empty());
}

}  // namespace
}  // namespace gpusched::sim
