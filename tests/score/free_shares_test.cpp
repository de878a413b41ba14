#include "gpusched/score/free_shares.hpp"

#include <initializer_list>

#include <gtest/gtest.h>

namespace gpusched {
namespace {

NodeState node_with(std::int64_t cpu_milli, std::initializer_list<int> free_milli) {
  NodeState node;
  node.cpu_free_milli = cpu_milli;
  for (const int free : free_milli) {
    node.gpus.push_back({.model = 3, .free_milli = static_cast<std::uint16_t>(free)});
  }
  return node;
}

TEST(FreeSharesTest, OrderOfDevicesPlaysNoPart) {
  const FreeShares node = FreeShares::of(node_with(8000, {300, 1000, 0, 700, 1000}));
  EXPECT_EQ(node, FreeShares::of(node_with(8000, {1000, 1000, 700, 300, 0})));
  EXPECT_EQ(node.free_milli[0], 1000);
  EXPECT_EQ(node.free_milli[2], 700);
  EXPECT_EQ(node.free_milli[4], 0);
  EXPECT_EQ(node.gpu_count, 5);
  EXPECT_EQ(node.model, 3);
  EXPECT_EQ(node.idle_gpus(), 2);
  EXPECT_EQ(node.total_milli(), 3000);
}

TEST(FreeSharesTest, AGpuCutByMigHasNothingFree) {
  NodeState node = node_with(8000, {1000, 1000});
  node.gpus[0].mig_occupancy = 1;
  EXPECT_EQ(FreeShares::of(node).total_milli(), 1000);
}

TEST(FreeSharesTest, OfALargeNodeTheFreestGpusCount) {
  NodeState node;
  for (int i = 1; i <= 72; ++i) {
    node.gpus.push_back({.free_milli = static_cast<std::uint16_t>(i * 7 % 73 * 10)});  // 10, 20, .. 720 in disorder
  }
  const FreeShares free = FreeShares::of(node);
  EXPECT_EQ(free.gpu_count, FreeShares::max_gpus);
  for (int i = 0; i < FreeShares::max_gpus; ++i) {
    EXPECT_EQ(free.free_milli[static_cast<std::size_t>(i)], 720 - 10 * i);
  }
}

TEST(FreeSharesTest, CpuBeyond32BitsIsCutOff) {
  EXPECT_EQ(FreeShares::of(node_with(std::int64_t{1} << 40, {})).cpu_milli, 2147483647);
}

}  // namespace
}  // namespace gpusched
