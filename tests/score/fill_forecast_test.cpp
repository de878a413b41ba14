#include "gpusched/score/fill_forecast.hpp"

#include <algorithm>
#include <functional>
#include <vector>

#include <gtest/gtest.h>

#include "gpusched/base/philox.hpp"

namespace gpusched {
namespace {

FreeShares idle_node(std::uint16_t gpus, std::int32_t cpu_milli) {
  FreeShares node{.cpu_milli = cpu_milli, .model = 0, .gpu_count = gpus, .free_milli = {}};
  std::fill_n(node.free_milli.begin(), gpus, std::uint16_t{1000});
  return node;
}

ForecastClass share_class(std::int32_t cpu_milli, std::int32_t gpu_milli, double count) {
  return {.shape = {.cpu_milli = cpu_milli, .num_gpu = 1, .gpu_milli = gpu_milli}, .count = count};
}

FillForecast dealt(const std::vector<ForecastClass>& classes, std::uint64_t epoch = 1) {
  FillForecast forecast;
  forecast.deal(classes, 1, 64'000, 7, epoch);
  return forecast;
}

TEST(FillForecastTest, OneClassFillsEveryGpuAsFarAsItGoes) {
  const FillForecast forecast = dealt({share_class(1000, 300, 5)});
  EXPECT_EQ(forecast.fill(idle_node(2, 64'000)), FillForecast::sequences * 2 * 900);
  EXPECT_EQ(forecast.fill_extra(idle_node(2, 64'000)),
            FillForecast::sequences * (FillForecast::deep_factor - 1) * 2 * 900);
}

TEST(FillForecastTest, CpuEndsTheFilling) {
  const FillForecast forecast = dealt({share_class(16'000, 250, 1)});
  EXPECT_EQ(forecast.fill(idle_node(8, 48'000)), FillForecast::sequences * 3 * 250);
}

TEST(FillForecastTest, WholeGpusNeedIdleOnes) {
  const FillForecast forecast = dealt({{.shape = {.cpu_milli = 1000, .num_gpu = 2, .gpu_milli = 1000}, .count = 1}});
  EXPECT_EQ(forecast.fill(idle_node(5, 64'000)), FillForecast::sequences * 4000);
  FreeShares used = idle_node(2, 64'000);
  used.free_milli[1] = 999;
  EXPECT_EQ(forecast.fill(used), 0);
}

TEST(FillForecastTest, AModelThatIsNotAllowedIsNotFilled) {
  ForecastClass picky = share_class(1000, 500, 1);
  picky.models = 0b10;
  FillForecast forecast;
  forecast.deal({picky}, 2, 64'000, 7, 1);
  FreeShares node = idle_node(1, 64'000);
  EXPECT_EQ(forecast.fill(node), 0);
  node.model = 1;
  EXPECT_EQ(forecast.fill(node), FillForecast::sequences * 1000);
}

TEST(FillForecastTest, DrawsFollowSeedAndEpochOnly) {
  const std::vector<ForecastClass> mix = {share_class(4000, 470, 3),
                                          share_class(8000, 810, 5),
                                          {.shape = {.cpu_milli = 2000, .num_gpu = 0, .gpu_milli = 0}, .count = 2}};
  const FreeShares node = idle_node(3, 30'000);
  EXPECT_EQ(dealt(mix).fill(node), dealt(mix).fill(node));
  EXPECT_NE(dealt(mix, 1).fill(node), dealt(mix, 2).fill(node));
  const double per_sequence = dealt(mix).fill(node) / static_cast<double>(FillForecast::sequences);
  EXPECT_GT(per_sequence, 1600);  // at least two of the three GPUs get something
  EXPECT_LE(per_sequence, 3000);
}

TEST(FillForecastTest, WhatNoSumOfRequestsCanTakeDoesNotFill) {
  const FillForecast forecast = dealt({share_class(4000, 470, 3),
                                       share_class(8000, 310, 5),
                                       {.shape = {.cpu_milli = 6000, .num_gpu = 2, .gpu_milli = 1000}, .count = 2},
                                       {.shape = {.cpu_milli = 14'000, .num_gpu = 0, .gpu_milli = 0}, .count = 2}});
  FreeShares node = idle_node(3, 15'999);
  node.free_milli[1] = 939;
  node.free_milli[2] = 309;
  FreeShares usable = idle_node(3, 14'000);
  usable.free_milli[1] = 930;  // 3 x 310
  usable.free_milli[2] = 0;
  EXPECT_EQ(forecast.usable(node), usable);

  Philox draws(1, StreamPurpose::request);
  int changed = 0;
  for (int round = 0; round < 300; ++round) {
    node.cpu_milli = static_cast<std::int32_t>(draws.next_below(64'000));
    for (std::size_t i = 0; i < node.gpu_count; ++i) {
      node.free_milli[i] = static_cast<std::uint16_t>(std::min(draws.next_below(1500), 1000U));
    }
    std::sort(node.free_milli.begin(), node.free_milli.begin() + node.gpu_count, std::greater<>());
    changed += forecast.usable(node) == node ? 0 : 1;
    ASSERT_EQ(forecast.fill(forecast.usable(node)), forecast.fill(node)) << round;
    ASSERT_EQ(forecast.fill_extra(forecast.usable(node)), forecast.fill_extra(node)) << round;
  }
  EXPECT_GT(changed, 200);
}

TEST(FillForecastTest, NothingExpectedFillsNothing) {
  EXPECT_EQ(dealt({}).fill(idle_node(8, 64'000)), 0);
  EXPECT_EQ(dealt({share_class(1000, 500, 0)}).fill(idle_node(8, 64'000)), 0);
}

}  // namespace
}  // namespace gpusched
