#include "gpusched/sim/curve.hpp"

#include <sstream>
#include <string>

#include <gtest/gtest.h>

namespace gpusched::sim {
namespace {

/// Ten GPUs; amounts in milli-GPU.
ArrivalSample sample(std::int64_t arrived, std::int64_t used, std::int64_t fragment) {
  return {.time_ns = 0,
          .arrived_gpu_milli = arrived,
          .used_gpu_milli = used,
          .total_gpu_milli = 10'000,
          .free_gpu_milli = 10'000 - used,
          .weighted_fragment = fragment * 4,
          .weight = 4};
}

TEST(CurveTest, HasARowForEveryPercentTo130) {
  Curve curve;
  curve.on_arrival(sample(0, 0, 0));
  EXPECT_EQ(curve.rows().size(), 131U);
}

TEST(CurveTest, ARowIsTheMeanOfTheArrivalsOfItsPercent) {
  Curve curve;
  curve.on_arrival(sample(1'000, 1'000, 900));
  curve.on_arrival(sample(1'040, 1'040, 896));
  const auto rows = curve.rows();
  EXPECT_DOUBLE_EQ(rows[10].allocation_percent, 10.2);
  EXPECT_DOUBLE_EQ(rows[10].fragment_ratio_percent, 10.0);
  EXPECT_DOUBLE_EQ(rows[10].fragment_total_percent, 8.98);
}

TEST(CurveTest, DemandIsRoundedToTheNearestPercentHalfToEven) {
  Curve curve;
  curve.on_arrival(sample(1'049, 100, 0));  // 10.49
  curve.on_arrival(sample(1'150, 200, 0));  // 11.5 -> 12
  curve.on_arrival(sample(1'250, 400, 0));  // 12.5 -> 12
  const auto rows = curve.rows();
  EXPECT_DOUBLE_EQ(rows[10].allocation_percent, 1);
  EXPECT_DOUBLE_EQ(rows[12].allocation_percent, 3);
}

TEST(CurveTest, AnEmptyRowBorrowsFromItsNeighbours) {
  Curve curve;
  curve.on_arrival(sample(2'000, 2'000, 0));
  curve.on_arrival(sample(2'200, 2'200, 0));
  const auto rows = curve.rows();
  EXPECT_DOUBLE_EQ(rows[19].allocation_percent, 20);
  EXPECT_DOUBLE_EQ(rows[21].allocation_percent, 21) << "the mean of both";
  EXPECT_DOUBLE_EQ(rows[23].allocation_percent, 22);
  EXPECT_DOUBLE_EQ(rows[24].allocation_percent, 0) << "beyond the neighbours there is nothing";
}

TEST(CurveTest, ValuesAreRoundedAsTheLogsPrintThem) {
  Curve curve;
  ArrivalSample third = sample(1'000, 0, 0);
  third.total_gpu_milli = 3'000;
  third.used_gpu_milli = 1'000;
  third.free_gpu_milli = 2'000;
  third.weighted_fragment = 4'000;  // 1,000 milli-GPU of 2,000 free ones
  third.arrived_gpu_milli = 1'000;
  curve.on_arrival(third);
  const auto rows = curve.rows();
  EXPECT_DOUBLE_EQ(rows[33].allocation_percent, 33.33);
  EXPECT_DOUBLE_EQ(rows[33].fragment_ratio_percent, 50);
  EXPECT_DOUBLE_EQ(rows[33].fragment_total_percent, 33.33);
}

TEST(CurveTest, AFullClusterHasNoFragmentRatio) {
  Curve curve;
  curve.on_arrival(sample(10'000, 10'000, 0));
  EXPECT_DOUBLE_EQ(curve.rows()[100].fragment_ratio_percent, 0);
  EXPECT_DOUBLE_EQ(curve.rows()[100].allocation_percent, 100);
}

TEST(CurveTest, DemandBeyondTheLastRowIsLeftOut) {
  Curve curve;
  curve.on_arrival(sample(13'000, 9'000, 0));
  curve.on_arrival(sample(50'000, 10'000, 0));
  EXPECT_DOUBLE_EQ(curve.rows()[130].allocation_percent, 90);
}

TEST(CurveTest, CsvHasAHeaderAnd131Lines) {
  Curve curve;
  curve.on_arrival(sample(200, 150, 75));
  std::istringstream lines(curve.to_csv());
  std::string line;
  std::getline(lines, line);
  EXPECT_EQ(line, "arrived_percent,allocation_percent,fragment_ratio_percent,fragment_total_percent");
  int count = 0;
  while (std::getline(lines, line)) {
    if (count == 0) {
      EXPECT_EQ(line, "0,0,0,0");
    }
    if (count == 2) {
      EXPECT_EQ(line, "2,1.5,0.76,0.75");  // 75 of 9,850 milli-GPU are 0.7614 %
    }
    ++count;
  }
  EXPECT_EQ(count, 131);
}

TEST(CurveTest, WithoutArrivalsAllRowsAreZero) {
  const Curve curve;
  for (const Curve::Row& row : curve.rows()) {
    EXPECT_EQ(row.allocation_percent, 0);
  }
}

}  // namespace
}  // namespace gpusched::sim
