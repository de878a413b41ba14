#include "gpusched/sim/generators/cox_arrivals.hpp"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

namespace gpusched::sim {
namespace {

constexpr double span_s = 182 * 86'400.0;
constexpr int seeds = 12;

/// Variance over mean of the counts in windows; 1 for a Poisson process.
double dispersion(const std::vector<double>& times_s, double window_s) {
  std::vector<double> counts(static_cast<std::size_t>(span_s / window_s));
  for (const double time_s : times_s) {
    counts.at(static_cast<std::size_t>(time_s / window_s)) += 1;
  }
  double mean = 0;
  for (const double count : counts) {
    mean += count / static_cast<double>(counts.size());
  }
  double variance = 0;
  for (const double count : counts) {
    variance += (count - mean) * (count - mean) / static_cast<double>(counts.size() - 1);
  }
  return variance / mean;
}

struct Measured {
  double jobs_per_hour = 0, dispersion_10min = 0, dispersion_1h = 0;
};

Measured measure(const CoxProfile& profile) {
  Measured mean;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const std::vector<double> times_s = draw_cox_arrivals(profile, span_s, seed, 0);
    mean.jobs_per_hour += static_cast<double>(times_s.size()) / (span_s / 3600) / seeds;
    mean.dispersion_10min += dispersion(times_s, 600) / seeds;
    mean.dispersion_1h += dispersion(times_s, 3600) / seeds;
  }
  return mean;
}

// Targets: Helios Venus, 10-minute and hourly submissions of GPU jobs. Accepted within 25 per cent.
TEST(CoxArrivalsTest, IsAsBurstyAsVenus) {
  const Measured venus = measure(venus_arrivals());
  EXPECT_NEAR(venus.jobs_per_hour, 28.8, 28.8 * .03);
  EXPECT_NEAR(venus.dispersion_10min, 15.4, 15.4 * .25);
  EXPECT_NEAR(venus.dispersion_1h, 39.3, 39.3 * .25);
}

// Target: Alibaba spot 2026, hourly.
TEST(CoxArrivalsTest, IsAsBurstyAsSpot26) {
  const Measured spot = measure(spot26_arrivals());
  EXPECT_NEAR(spot.jobs_per_hour, 105.7, 105.7 * .03);
  EXPECT_NEAR(spot.dispersion_1h, 90, 90 * .25);
}

TEST(CoxArrivalsTest, IsPoissonWithoutModulation) {
  CoxProfile flat = venus_arrivals();
  flat.by_hour.fill(1);
  flat.by_weekday.fill(1);
  flat.log_sigma = 0;
  flat.batch_probability = 0;
  const Measured poisson = measure(flat);
  EXPECT_NEAR(poisson.dispersion_10min, 1, .03);
  EXPECT_NEAR(poisson.dispersion_1h, 1, .05);
}

TEST(CoxArrivalsTest, StaysInTheSpanInOrderAndApartFromOtherEntities) {
  const std::vector<double> one = draw_cox_arrivals(venus_arrivals(), 86'400, 4, 1);
  const std::vector<double> two = draw_cox_arrivals(venus_arrivals(), 86'400, 4, 2);
  EXPECT_TRUE(std::is_sorted(one.begin(), one.end()));
  ASSERT_FALSE(one.empty());
  EXPECT_GE(one.front(), 0);
  EXPECT_LT(one.back(), 86'400);
  EXPECT_NE(one, two);
}

}  // namespace
}  // namespace gpusched::sim
