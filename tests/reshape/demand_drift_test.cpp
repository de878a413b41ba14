#include "gpusched/reshape/demand_drift.hpp"

#include <gtest/gtest.h>

namespace gpusched {
namespace {

using Mix = std::vector<std::int64_t>;

TEST(DemandDriftTest, DistanceIsHalfTheSumOfDifferences) {
  EXPECT_EQ(mix_distance_milli(Mix{1, 1}, Mix{500, 500}), 0);
  EXPECT_EQ(mix_distance_milli(Mix{1, 0}, Mix{0, 7}), 1000);
  EXPECT_EQ(mix_distance_milli(Mix{3, 1}, Mix{1, 3}), 500);
  EXPECT_EQ(mix_distance_milli(Mix{0, 0}, Mix{1, 3}), 0);
  const std::int64_t huge = (std::int64_t{1} << 50) - 1;
  EXPECT_EQ(mix_distance_milli(Mix{huge, huge}, Mix{huge, 0}), 500);
}

TEST(DemandDriftTest, TriggersWithHysteresis) {
  DemandDrift drift;
  EXPECT_FALSE(drift.observe(Mix{0, 1000})) << "nothing adopted yet";
  drift.adopt(Mix{50, 50});
  EXPECT_FALSE(drift.observe(Mix{690, 310}));
  EXPECT_TRUE(drift.observe(Mix{700, 300}));
  EXPECT_TRUE(drift.observe(Mix{600, 400})) << "between the thresholds it stays";
  EXPECT_FALSE(drift.observe(Mix{590, 410}));
  EXPECT_FALSE(drift.observe(Mix{690, 310}));
  EXPECT_TRUE(drift.observe(Mix{0, 100}));
  drift.adopt(Mix{0, 100});
  EXPECT_FALSE(drift.observe(Mix{0, 100}));
}

TEST(DemandDriftTest, FewArrivalsSayNothing) {
  DemandDrift drift;
  drift.adopt(Mix{50, 50});
  EXPECT_FALSE(drift.observe(Mix{99, 0}));
  EXPECT_TRUE(drift.observe(Mix{100, 0}));
  EXPECT_TRUE(drift.observe(Mix{20, 20}));
}

}  // namespace
}  // namespace gpusched
