#include "gpusched/cluster/gpu_index.hpp"

#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "cluster_builders.hpp"

namespace gpusched {
namespace {

using namespace test;

GpuState gpu_in(std::uint16_t model, std::uint16_t occupancy) {
  GpuState gpu;
  gpu.model = model;
  gpu.mig_occupancy = occupancy;
  return gpu;
}

std::vector<std::uint32_t> members(const GpuIndex& index, std::uint16_t model, std::uint16_t occupancy) {
  std::vector<std::uint32_t> found;
  const std::int32_t bucket = index.find(model, occupancy);
  if (bucket >= 0) {
    const auto number = static_cast<std::size_t>(bucket);
    for (std::uint32_t i = index.next_member(number, 0); i != GpuIndex::none; i = index.next_member(number, i + 1)) {
      found.push_back(i);
    }
    EXPECT_EQ(index.buckets()[number].count, found.size());
    EXPECT_EQ(index.buckets()[number].first, found.empty() ? GpuIndex::none : found.front());
  }
  return found;
}

TEST(GpuIndexTest, KeepsGpusByModelAndOccupancy) {
  GpuIndex index;
  index.reset(10);
  index.insert(gpu_in(1, 0), 4);
  index.insert(gpu_in(1, 0), 2);
  index.insert(gpu_in(1, 0xf0), 3);
  index.insert(gpu_in(2, 0), 9);
  EXPECT_EQ(members(index, 1, 0), (std::vector<std::uint32_t>{2, 4}));
  EXPECT_EQ(members(index, 1, 0xf0), (std::vector<std::uint32_t>{3}));
  EXPECT_EQ(members(index, 2, 0), (std::vector<std::uint32_t>{9}));
  index.erase(2);
  EXPECT_EQ(members(index, 1, 0), (std::vector<std::uint32_t>{4}));
}

TEST(GpuIndexTest, WhatNeverWasHasNoBucket) {
  GpuIndex index;
  EXPECT_EQ(index.find(0, 0), -1);
  index.reset(3);
  EXPECT_EQ(index.find(5, 1), -1);
  index.insert(gpu_in(5, 1), 0);
  EXPECT_EQ(index.find(5, 1), 0);
  EXPECT_EQ(index.find(5, 0), -1);
  EXPECT_EQ(index.find(5, 2), -1);
  EXPECT_EQ(index.find(6, 1), -1);
}

TEST(GpuIndexTest, BucketsKeepTheOrderOfFirstUseAndOutliveTheirMembers) {
  GpuIndex index;
  index.reset(4);
  index.insert(gpu_in(1, 7), 0);
  index.insert(gpu_in(1, 3), 1);
  index.erase(0);
  ASSERT_EQ(index.buckets().size(), 2U);
  EXPECT_EQ(index.buckets()[0].occupancy, 7);
  EXPECT_TRUE(index.buckets()[0].empty());
  EXPECT_EQ(index.buckets()[1].occupancy, 3);
  index.reset(4);
  EXPECT_TRUE(index.buckets().empty());
}

TEST(GpuIndexTest, ClusterListsOnlyGpusThatCanTakeInstances) {
  ClusterState state;
  ASSERT_TRUE(state.apply({0, NodeAdded{gpu_node("a", "A100-80GB", 2)}}).ok());
  ASSERT_TRUE(state.apply({0, NodeAdded{gpu_node("b", "T4", 2)}}).ok());
  ASSERT_TRUE(state.apply({0, NodeAdded{gpu_node("c", "A100-80GB", 1, NodeSharing::exclusive)}}).ok());
  const auto a100 = static_cast<std::uint16_t>(model_named("A100-80GB").value);
  const NodeId a = state.find_node("a");
  EXPECT_EQ(members(state.gpu_index(), a100, 0), (std::vector<std::uint32_t>{0, 1}));

  ASSERT_TRUE(state.apply({0, PodSubmitted{PodId{0}, state.intern(share_request(100)), 0}}).ok());
  ASSERT_TRUE(state.apply({0, PodBound{PodId{0}, place_on(a, {share_on(0, 100)}), 0}}).ok());
  EXPECT_EQ(members(state.gpu_index(), a100, 0), (std::vector<std::uint32_t>{1})) << "a shared GPU cannot be cut";

  ASSERT_TRUE(state.apply({0, PodSubmitted{PodId{1}, state.intern(mig_request("2g.20gb")), 0}}).ok());
  ASSERT_TRUE(state.apply({0, PodBound{PodId{1}, place_on(a, {instance_on(1, "A100-80GB", "2g.20gb", 2)}), 0}}).ok());
  EXPECT_EQ(members(state.gpu_index(), a100, 0), (std::vector<std::uint32_t>{}));
  EXPECT_EQ(members(state.gpu_index(), a100, 0b1100), (std::vector<std::uint32_t>{1}));

  ASSERT_TRUE(state.apply({0, PodFinished{PodId{0}, 0}}).ok());
  EXPECT_EQ(members(state.gpu_index(), a100, 0), (std::vector<std::uint32_t>{0}));
}

}  // namespace
}  // namespace gpusched
