#include "../../../sim/src/report/waiting_times.hpp"

#include <algorithm>

#include <gtest/gtest.h>

namespace gpusched::sim {
namespace {

TEST(WaitingTimesTest, OfNobodyThereIsNoCurve) {
  const WaitingTimes none = WaitCollector().curves(100);
  EXPECT_TRUE(none.wait_s.empty());
  EXPECT_TRUE(none.curves.empty());
}

TEST(WaitingTimesTest, OneKindNeedsNoCurveOfItsOwn) {
  WaitCollector waits;
  for (const double wait : {5.0, 0.0, 0.0, 10.0}) {
    waits.add(HeldKind::mig, wait);
  }
  const WaitingTimes result = waits.curves(100);
  EXPECT_EQ(result.wait_s, (std::vector<double>{0, 5, 10}));
  ASSERT_EQ(result.curves.size(), 1U);
  EXPECT_EQ(result.curves[0].kind, "all");
  EXPECT_EQ(result.curves[0].jobs, 4);
  EXPECT_EQ(result.curves[0].share, (std::vector<double>{0.5, 0.75, 1}));
}

TEST(WaitingTimesTest, KindsShareThePointsOfAll) {
  WaitCollector waits;
  waits.add(HeldKind::cpu, 0);
  waits.add(HeldKind::several, 60);
  const WaitingTimes result = waits.curves(100);
  ASSERT_EQ(result.curves.size(), 3U);
  EXPECT_EQ(result.curves[1].kind, "cpu");
  EXPECT_EQ(result.curves[1].share, (std::vector<double>{1, 1}));
  EXPECT_EQ(result.curves[2].kind, "several");
  EXPECT_EQ(result.curves[2].share, (std::vector<double>{0, 1}));
}

TEST(WaitingTimesTest, AMillionWaitsAreAFewHundredPointsThatReachTheLongest) {
  WaitCollector waits;
  for (int i = 0; i < 1'000'000; ++i) {
    waits.add(HeldKind::share, i % 1000 == 0 ? i : 1);
  }
  const WaitingTimes result = waits.curves(300);
  EXPECT_LE(result.wait_s.size(), 300U);
  EXPECT_GT(result.wait_s.size(), 40U) << "the tail is where waits differ";
  EXPECT_TRUE(std::is_sorted(result.wait_s.begin(), result.wait_s.end()));
  EXPECT_EQ(result.wait_s.back(), 999'000);
  EXPECT_EQ(result.curves[0].share.back(), 1);
}

}  // namespace
}  // namespace gpusched::sim
