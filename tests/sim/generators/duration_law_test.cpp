#include "gpusched/sim/generators/duration_law.hpp"

#include <algorithm>
#include <map>
#include <vector>

#include <gtest/gtest.h>

namespace gpusched::sim {
namespace {

std::vector<double> sorted_draws(const DurationLaw& law, std::size_t count) {
  Philox stream(5, StreamPurpose::duration);
  std::vector<double> draws;
  for (std::size_t i = 0; i < count; ++i) {
    draws.push_back(law.draw_s(stream));
  }
  std::sort(draws.begin(), draws.end());
  return draws;
}

void expect_quantiles(const std::vector<double>& draws, const std::map<double, double>& targets, double tolerance) {
  for (const auto& [quantile, target] : targets) {
    const double drawn = draws[static_cast<std::size_t>(quantile * static_cast<double>(draws.size()))];
    EXPECT_NEAR(drawn, target, tolerance * target) << "quantile " << quantile;
  }
}

// The recorded quantiles. Philly's law was fitted to the tail, which carries the GPU time: its body lies below the
// recorded one (p25 115, p50 1,144, p90 11.3 k).
TEST(DurationLawTest, HasTheTailOfPhilly) {
  expect_quantiles(sorted_draws(philly_durations(), 400'000), {{.95, 43'600}, {.99, 255'000}}, .15);
  EXPECT_NEAR(philly_durations().mean_up_to_s(1e12), 13'100, 13'100 * .15);
}

TEST(DurationLawTest, HasTheQuantilesOfOpenb) {
  const std::vector<double> draws = sorted_draws(openb_durations(), 400'000);
  expect_quantiles(draws, {{.25, 175}, {.50, 545}}, .18);
  expect_quantiles(draws, {{.90, 6'255}, {.95, 14'700}}, .15);
  expect_quantiles(draws, {{.99, 113'000}}, .25);
}

// What the law itself gives, in the table of docs/generators.md.
TEST(DurationLawTest, DrawsWhatTheLawSays) {
  expect_quantiles(sorted_draws(philly_durations(), 400'000), {{.50, 761}, {.90, 14'800}, {.95, 44'600}}, .04);
  expect_quantiles(sorted_draws(openb_durations(), 400'000), {{.25, 200}, {.50, 636}, {.90, 6'400}}, .04);
}

TEST(DurationLawTest, MeanUpToALimitAgreesWithDraws) {
  for (DurationLaw law : {philly_durations(), openb_durations()}) {
    law.scale = 3;
    law.longest_s = 86'400;
    const std::vector<double> draws = sorted_draws(law, 400'000);
    for (const double limit_s : {100.0, 5'000.0, 86'400.0, 1e9}) {
      double mean = 0;
      for (const double draw : draws) {
        mean += std::min(draw, limit_s) / static_cast<double>(draws.size());
      }
      EXPECT_NEAR(law.mean_up_to_s(limit_s), mean, .02 * mean) << limit_s;
    }
    EXPECT_LE(draws.back(), 86'400);
  }
}

TEST(DurationLawTest, RoundsToWholeStepsAndNeverToNothing) {
  EXPECT_EQ(to_steps_ns(1.4, ns_per_s), ns_per_s);
  EXPECT_EQ(to_steps_ns(1.5, ns_per_s), 2 * ns_per_s);
  EXPECT_EQ(to_steps_ns(0, ns_per_s), ns_per_s);
  EXPECT_EQ(to_steps_ns(.0014, 1'000'000), 1'000'000);
}

}  // namespace
}  // namespace gpusched::sim
