#include "../../sim/src/drift_watch.hpp"

#include <gtest/gtest.h>

namespace gpusched::sim {
namespace {

constexpr std::size_t window = 10;

/// Two kinds of equal weight; drifts seen among so many arrivals of one kind.
int drifts(DriftWatch& watch, std::uint32_t kind, int arrivals) {
  int seen = 0;
  for (int i = 0; i < arrivals; ++i) {
    seen += watch.arrive(kind) ? 1 : 0;
  }
  return seen;
}

TEST(DriftWatchTest, TheFirstWindowIsTheMixToCompareWith) {
  DriftWatch watch({}, window, {100, 100});
  EXPECT_EQ(drifts(watch, 0, 5), 0);
  EXPECT_EQ(drifts(watch, 1, 5), 0);
  EXPECT_EQ(drifts(watch, 0, 1), 0) << "one of kind 0 left, one came";
}

TEST(DriftWatchTest, AnotherMixIsADriftAndIsAdopted) {
  DriftWatch watch({}, window, {100, 100});
  EXPECT_EQ(drifts(watch, 0, 20), 0);
  EXPECT_EQ(drifts(watch, 1, 1), 0) << "a tenth is no drift";
  EXPECT_EQ(drifts(watch, 1, 1), 1) << "a fifth is";
  EXPECT_EQ(drifts(watch, 1, 1), 0) << "adopted";
  EXPECT_EQ(drifts(watch, 1, 7), 4) << "one for each further fifth";
  EXPECT_EQ(drifts(watch, 1, 100), 0);
}

TEST(DriftWatchTest, ArrivalsCountByWeight) {
  DriftWatch watch({}, window, {100, 900});
  EXPECT_EQ(drifts(watch, 0, 10), 0);
  EXPECT_EQ(drifts(watch, 1, 1), 1) << "half of the demand";
}

TEST(DriftWatchTest, DemandWithoutWeightNeverDrifts) {
  DriftWatch watch({}, window, {0, 0});
  EXPECT_EQ(drifts(watch, 0, 15) + drifts(watch, 1, 15), 0);
}

}  // namespace
}  // namespace gpusched::sim
