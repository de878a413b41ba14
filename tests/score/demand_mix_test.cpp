#include "gpusched/score/demand_mix.hpp"

#include <vector>

#include <gtest/gtest.h>

#include "cluster_builders.hpp"

namespace gpusched {
namespace {

using namespace test;

std::vector<std::int64_t> counts(const DemandMix& mix) {
  std::vector<std::int64_t> all;
  for (const DemandClass& entry : mix.classes) {
    all.push_back(entry.count);
  }
  return all;
}

DemandMix mix_of(const std::vector<std::pair<GpuRequest, std::int64_t>>& classes) {
  DemandMix mix;
  for (const auto& [request, count] : classes) {
    mix.classes.push_back({.request = request, .count = count});
  }
  return mix;
}

TEST(DemandMixTest, TotalIsTheSumOfTheClasses) {
  EXPECT_EQ(DemandMix{}.total_count(), 0);
  EXPECT_EQ(mix_of({{whole_request(1), 3}, {cpu_request(1), 4}}).total_count(), 7);
}

TEST(DemandMixTest, TypicalClassesAreTheMostFrequentUntilTheyCoverThePercentage) {
  const DemandMix mix = mix_of({{share_request(100), 5}, {whole_request(1), 60}, {whole_request(2), 35}});
  EXPECT_EQ(counts(typical_classes(mix, 100)), (std::vector<std::int64_t>{60, 35, 5}));
  EXPECT_EQ(counts(typical_classes(mix, 96)), (std::vector<std::int64_t>{60, 35, 5}));
  EXPECT_EQ(counts(typical_classes(mix, 95)), (std::vector<std::int64_t>{60, 35})) << "95 of 100 are enough";
  EXPECT_EQ(counts(typical_classes(mix, 60)), (std::vector<std::int64_t>{60}));
  EXPECT_EQ(counts(typical_classes(mix, 61)), (std::vector<std::int64_t>{60, 35}));
  EXPECT_EQ(typical_classes(mix, 60).population, 100);
}

TEST(DemandMixTest, MemoryAndPriorityDoNotMakeAClass) {
  GpuRequest left = whole_request(1);
  GpuRequest right = whole_request(1);
  left.memory_mib = 1;
  right.memory_mib = 2;
  right.priority = 7;
  const DemandMix typical = typical_classes(mix_of({{left, 2}, {right, 3}}), 100);
  EXPECT_EQ(counts(typical), (std::vector<std::int64_t>{5}));
  EXPECT_EQ(typical.classes[0].request.memory_mib, 0);
}

TEST(DemandMixTest, CpuShareNumberAndModelsDo) {
  GpuRequest cpu = whole_request(1);
  cpu.cpu_milli = 1;
  GpuRequest model = whole_request(1);
  model.gpu_models = {"T4"};
  const DemandMix typical = typical_classes(
      mix_of({{whole_request(1), 1}, {cpu, 1}, {model, 1}, {whole_request(2), 1}, {share_request(500), 1}}), 100);
  EXPECT_EQ(typical.classes.size(), 5U);
}

TEST(DemandMixTest, EquallyFrequentClassesComeLargestFirst) {
  const DemandMix typical = typical_classes(
      mix_of({{share_request(500), 1}, {whole_request(1), 1}, {whole_request(4), 1}, {cpu_request(9000), 1}}), 100);
  ASSERT_EQ(typical.classes.size(), 4U);
  EXPECT_EQ(typical.classes[0].request.cpu_milli, 9000);
  EXPECT_EQ(typical.classes[1].request.num_gpu, 4);
  EXPECT_EQ(typical.classes[2].request.num_gpu, 1);
  EXPECT_EQ(typical.classes[3].request.gpu_milli, 500);
}

TEST(DemandMixTest, OfNothingThereIsNothingTypical) { EXPECT_TRUE(typical_classes({}, 95).classes.empty()); }

}  // namespace
}  // namespace gpusched
