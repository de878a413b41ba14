#include "gpusched/cluster/node_state.hpp"

#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cluster_builders.hpp"

namespace gpusched {
namespace {

using namespace test;

NodeState some_node() {
  NodeState node;
  node.shape = 3;
  node.cpu_free_milli = 8000;
  node.memory_free_mib = 4096;
  for (const int free : {1000, 300, 0}) {
    GpuState gpu;
    gpu.model = 2;
    gpu.free_milli = static_cast<std::uint16_t>(free);
    node.gpus.push_back(gpu);
  }
  return node;
}

TEST(NodeStateTest, FreeGpuIsWhatSharesCanTake) {
  NodeState node = some_node();
  EXPECT_EQ(node.free_gpu_milli(), 1300);
  node.gpus[0].mig_occupancy = 1;
  EXPECT_EQ(node.free_gpu_milli(), 300) << "MIG takes the whole device";
}

TEST(NodeStateTest, IdleMeansNeitherShareNorInstance) {
  GpuState gpu;
  EXPECT_TRUE(gpu.idle());
  gpu.free_milli = 999;
  EXPECT_FALSE(gpu.idle());
  gpu.free_milli = 1000;
  gpu.mig_occupancy = 0x80;
  EXPECT_FALSE(gpu.idle());
}

TEST(NodeStateTest, EveryFieldMakesAnotherClass) {
  const std::vector<std::function<void(NodeState&)>> changes = {
      [](NodeState& n) { n.shape = 4; },
      [](NodeState& n) { n.schedulable = false; },
      [](NodeState& n) { n.hosted_kinds = 1; },
      [](NodeState& n) { n.cpu_free_milli = 7999; },
      [](NodeState& n) { n.memory_free_mib = 4095; },
      [](NodeState& n) { n.gpus[1].model = 1; },
      [](NodeState& n) { n.gpus[1].free_milli = 301; },
      [](NodeState& n) { n.gpus[1].mig_occupancy = 1; },
      [](NodeState& n) { n.gpus[1].mig_labels = 1; },
      [](NodeState& n) { n.gpus[1].tenants = 1; },
      [](NodeState& n) { n.gpus[1].free_memory_mib = -1; },
      [](NodeState& n) { n.gpus.push_back({}); },
  };
  const NodeState base = some_node();
  EXPECT_EQ(hash_value(base), hash_value(some_node()));
  for (std::size_t i = 0; i < changes.size(); ++i) {
    NodeState changed = base;
    changes[i](changed);
    EXPECT_FALSE(changed == base) << i;
    EXPECT_NE(hash_value(changed), hash_value(base)) << i;
  }
}

TEST(NodeStateTest, SortingMakesPermutationsEqualAndKeepsTheRest) {
  NodeState left = some_node();
  NodeState right = some_node();
  std::swap(right.gpus[0], right.gpus[2]);
  EXPECT_FALSE(left == right);
  EXPECT_EQ(with_sorted_gpus(left), with_sorted_gpus(right));
  EXPECT_EQ(with_sorted_gpus(left).cpu_free_milli, 8000);
  EXPECT_EQ(with_sorted_gpus(left).free_gpu_milli(), left.free_gpu_milli());
}

TEST(NodeStateTest, RequestKindsAreSharesThenPowersOfTwoThenCpu) {
  EXPECT_EQ(request_kind(share_request(999)), 0);
  EXPECT_EQ(request_kind(mig_request("1g.10gb")), 0);
  EXPECT_EQ(request_kind(whole_request(1)), 1);
  EXPECT_EQ(request_kind(whole_request(2)), 2);
  EXPECT_EQ(request_kind(whole_request(3)), 3);
  EXPECT_EQ(request_kind(whole_request(4)), 3);
  EXPECT_EQ(request_kind(whole_request(5)), 4);
  EXPECT_EQ(request_kind(whole_request(8)), 4);
  EXPECT_EQ(request_kind(whole_request(16)), 5);
  EXPECT_EQ(request_kind(whole_request(17)), 6);
  EXPECT_EQ(request_kind(whole_request(4096)), 6);
  EXPECT_EQ(request_kind(cpu_request(1000)), 7);
}

TEST(NodeShapeTest, HashFollowsEquality) {
  NodeShape a;
  a.cpu_milli = 1;
  a.gpus = {{.model = GpuModelId{1}, .memory_mib = 5}};
  a.labels = {{"zone", "a"}};
  NodeShape b = a;
  EXPECT_EQ(hash_value(a), hash_value(b));
  b.labels = {{"zone", "b"}};
  EXPECT_FALSE(a == b);
  EXPECT_NE(hash_value(a), hash_value(b));
}

}  // namespace
}  // namespace gpusched
