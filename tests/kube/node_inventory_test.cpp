#include "gpusched/kube/node_inventory.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "gpusched/model/gpu_catalog.hpp"

namespace gpusched {
namespace {

using Texts = std::vector<std::pair<std::string, std::string>>;

/// Short names stand for those under nvidia.com/.
NodeObject node(const Texts& labels, const Texts& allocatable, const Texts& capacity = {}) {
  NodeObject object;
  object.name = "n0";
  for (const auto& [key, value] : labels) {
    object.labels.emplace_back("nvidia.com/" + key, value);
  }
  object.allocatable = {{"cpu", "63500m"}, {"memory", "100Gi"}};
  for (const auto& [key, value] : allocatable) {
    object.allocatable.emplace_back("nvidia.com/" + key, value);
  }
  object.capacity = object.allocatable;
  for (const auto& [key, value] : capacity) {
    std::erase_if(object.capacity, [&](const auto& entry) { return entry.first == "nvidia.com/" + key; });
    object.capacity.emplace_back("nvidia.com/" + key, value);
  }
  std::sort(object.labels.begin(), object.labels.end());
  std::sort(object.allocatable.begin(), object.allocatable.end());
  std::sort(object.capacity.begin(), object.capacity.end());
  return object;
}

std::vector<std::string> kinds(const NodeInventory& inventory) {
  std::vector<std::string> kinds;
  for (const NodeProblem& problem : inventory.problems) {
    EXPECT_NE(problem.message.find("n0"), std::string::npos) << problem.message;
    kinds.push_back(problem.kind);
  }
  return kinds;
}

std::int64_t fixed_gpus(const NodeInventory& inventory) {
  return std::count_if(inventory.spec.gpus.begin(), inventory.spec.gpus.end(), [](const auto& g) { return g.fixed; });
}

using Kinds = std::vector<std::string>;

TEST(NodeInventoryTest, WholeGpus) {
  const NodeInventory found = node_inventory(node(
      {{"gpu.product", "NVIDIA-A100-SXM4-80GB"}, {"gpu.count", "8"}, {"gpu.memory", "81920"}, {"gpu.replicas", "1"}},
      {{"gpu", "8"}}));
  EXPECT_EQ(kinds(found), Kinds{});
  EXPECT_EQ(found.spec.cpu_milli, 63500);
  EXPECT_EQ(found.spec.memory_mib, 102400);
  ASSERT_EQ(found.spec.gpus.size(), 8U);
  EXPECT_EQ(gpu_model(found.spec.gpus[0].model).name, "A100-80GB");
  EXPECT_EQ(found.spec.gpus[0].memory_mib, 81920);
  EXPECT_EQ(fixed_gpus(found), 0);
  EXPECT_EQ(found.spec.sharing, NodeSharing::exclusive);
  ASSERT_EQ(found.spec.resources.size(), 1U);
  EXPECT_EQ(found.spec.resources[0],
            (NodeResource{.mig_profile = "", .shared = false, .whole_devices = true, .replicas = 1, .allocatable = 8}));
}

TEST(NodeInventoryTest, TimeSlicedWithAndWithoutRenaming) {
  const NodeInventory plain = node_inventory(node({{"gpu.product", "Tesla-T4-SHARED"},
                                                   {"gpu.count", "2"},
                                                   {"gpu.replicas", "4"},
                                                   {"gpu.sharing-strategy", "time-slicing"}},
                                                  {{"gpu", "8"}}));
  EXPECT_EQ(kinds(plain), Kinds{});
  EXPECT_EQ(plain.gpu_product, "Tesla-T4");
  EXPECT_EQ(plain.spec.gpus.size(), 2U);
  EXPECT_EQ(fixed_gpus(plain), 2);
  EXPECT_EQ(plain.spec.sharing, NodeSharing::time_slice);
  EXPECT_EQ(plain.spec.replicas, 4);
  EXPECT_EQ(
      plain.spec.resources[0],
      (NodeResource{.mig_profile = "", .shared = false, .whole_devices = false, .replicas = 4, .allocatable = 8}));
  // The name of before the renaming stays with 0.
  const NodeInventory renamed = node_inventory(
      node({{"gpu.product", "Tesla-T4"}, {"gpu.count", "1"}, {"gpu.replicas", "10"}, {"gpu.sharing-strategy", "mps"}},
           {{"gpu", "0"}, {"gpu.shared", "10"}}));
  EXPECT_EQ(kinds(renamed), Kinds{});
  EXPECT_EQ(renamed.spec.gpus.size(), 1U);
  EXPECT_EQ(fixed_gpus(renamed), 1);
  EXPECT_EQ(renamed.spec.sharing, NodeSharing::mps);
  ASSERT_EQ(renamed.spec.resources.size(), 2U);
  EXPECT_TRUE(renamed.spec.resources[1].shared);
  EXPECT_EQ(renamed.spec.resources[1].replicas, 10);
  EXPECT_EQ(renamed.spec.resources[1].allocatable, 10);
}

TEST(NodeInventoryTest, StrategySingleCountsInstancesUnderTheDevicesName) {
  const NodeInventory found = node_inventory(node({{"gpu.product", "NVIDIA-A100-SXM4-40GB-MIG-1g.5gb-SHARED"},
                                                   {"gpu.count", "14"},
                                                   {"gpu.replicas", "2"},
                                                   {"gpu.memory", "4864"},
                                                   {"mig.strategy", "single"}},
                                                  {{"gpu", "28"}}));
  EXPECT_EQ(kinds(found), Kinds{});
  EXPECT_EQ(found.gpu_product, "NVIDIA-A100-SXM4-40GB");
  EXPECT_EQ(found.spec.gpus.size(), 2U);
  EXPECT_EQ(found.spec.gpus[0].memory_mib, 0);  // the label is an instance's
  EXPECT_EQ(fixed_gpus(found), 2);
  EXPECT_EQ(found.spec.sharing, NodeSharing::mig);
  EXPECT_EQ(found.unit_profiles, Kinds{"1g.5gb"});
  EXPECT_EQ(found.spec.resources[0], (NodeResource{.mig_profile = "",
                                                   .shared = false,
                                                   .whole_devices = false,
                                                   .replicas = 2,
                                                   .allocatable = 28,
                                                   .unit_profile = "1g.5gb"}));
}

TEST(NodeInventoryTest, StrategyMixed) {
  const NodeInventory found =
      node_inventory(node({{"gpu.product", "NVIDIA-H100-80GB-HBM3"},
                           {"gpu.count", "4"},
                           {"gpu.replicas", "0"},
                           {"mig-1g.10gb.replicas", "3"},
                           {"mig.strategy", "mixed"}},
                          {{"gpu", "1"}, {"mig-1g.10gb.me", "2"}, {"mig-1g.10gb.shared", "21"}, {"mig-3g.40gb", "2"}}));
  EXPECT_EQ(kinds(found), Kinds{});
  EXPECT_EQ(found.spec.gpus.size(), 4U);
  EXPECT_EQ(fixed_gpus(found), 3);
  EXPECT_FALSE(found.spec.gpus[0].fixed);
  EXPECT_EQ(found.spec.sharing, NodeSharing::any);
  ASSERT_EQ(found.spec.resources.size(), 4U);
  EXPECT_TRUE(found.spec.resources[0].whole_devices);
  EXPECT_EQ(found.spec.resources[1].mig_profile, "1g.10gb+me");
  EXPECT_EQ(found.spec.resources[2],
            (NodeResource{
                .mig_profile = "1g.10gb", .shared = true, .whole_devices = false, .replicas = 3, .allocatable = 21}));
  EXPECT_EQ(found.unit_profiles, (Kinds{"", "1g.10gb+me", "1g.10gb", "3g.40gb"}));
}

TEST(NodeInventoryTest, MixedWithoutACountHasAsFewGpusAsHoldItsInstances) {
  const NodeInventory found =
      node_inventory(node({{"gpu.product", "NVIDIA-A100-SXM4-80GB"}}, {{"mig-1g.10gb", "7"}, {"mig-3g.40gb", "2"}}));
  EXPECT_EQ(kinds(found), Kinds{"gpu_count_unknown"});
  EXPECT_EQ(found.spec.gpus.size(), 2U);  // 7 + 2 * 4 of 8 units
  EXPECT_EQ(found.spec.resources.size(), 2U);
}

TEST(NodeInventoryTest, WhatIsNotSureLosesNoCounts) {
  const NodeInventory missing = node_inventory(node({}, {{"gpu", "8"}}));
  EXPECT_EQ(kinds(missing), Kinds{"gpu_product_missing"});
  EXPECT_TRUE(missing.spec.gpus.empty());
  ASSERT_EQ(missing.spec.resources.size(), 1U);
  EXPECT_EQ(missing.spec.resources[0].allocatable, 8);
  EXPECT_FALSE(missing.spec.resources[0].whole_devices);  // there is no GPU it could be

  const NodeInventory unknown =
      node_inventory(node({{"gpu.product", "NVIDIA-X9000"}, {"gpu.count", "2"}}, {{"gpu", "2"}}));
  EXPECT_EQ(kinds(unknown), Kinds{"unknown_gpu_model"});
  EXPECT_EQ(unknown.spec.resources[0].allocatable, 2);

  const NodeInventory invalid = node_inventory(
      node({{"gpu.product", "NVIDIA-A100-SXM4-80GB-MIG-INVALID"}, {"gpu.count", "0"}, {"mig.strategy", "single"}},
           {{"gpu", "0"}}));
  EXPECT_EQ(kinds(invalid), (Kinds{"mig_invalid", "nothing_allocatable"}));
  EXPECT_TRUE(invalid.spec.gpus.empty());
}

TEST(NodeInventoryTest, ARestartingDevicePluginOffersNothingForAWhile) {
  const Texts labels = {{"gpu.product", "NVIDIA-A100-SXM4-80GB"}, {"gpu.count", "8"}};
  for (const NodeObject& object :
       {node(labels, {{"gpu", "0"}}, {{"gpu", "8"}}), node(labels, {{"gpu", "0"}}), node(labels, {})}) {
    const NodeInventory found = node_inventory(object);
    EXPECT_EQ(kinds(found), Kinds{"nothing_allocatable"});
    EXPECT_EQ(found.spec.gpus.size(), 8U);
    ASSERT_EQ(found.spec.resources.size(), 1U);  // not a node without counts: nothing may go there
    EXPECT_EQ(found.spec.resources[0].allocatable, 0);
    EXPECT_TRUE(found.spec.resources[0].whole_devices);
    EXPECT_EQ(fixed_gpus(found), 0);
  }
}

TEST(NodeInventoryTest, ADeadGpuIsStillThere) {
  const NodeInventory found = node_inventory(
      node({{"gpu.product", "NVIDIA-A100-SXM4-80GB"}, {"gpu.count", "8"}}, {{"gpu", "7"}}, {{"gpu", "8"}}));
  EXPECT_EQ(kinds(found), Kinds{"allocatable_below_capacity"});
  EXPECT_EQ(found.spec.gpus.size(), 8U);
  EXPECT_EQ(found.spec.resources[0].allocatable, 7);
}

TEST(NodeInventoryTest, NodesWithoutGpus) {
  const NodeInventory plain = node_inventory(node({}, {}));
  EXPECT_EQ(kinds(plain), Kinds{});
  EXPECT_TRUE(plain.spec.gpus.empty());
  EXPECT_TRUE(plain.spec.resources.empty());
  // A name left behind on a node whose GPUs were taken out.
  EXPECT_TRUE(node_inventory(node({}, {{"gpu", "0"}})).spec.resources.empty());
}

TEST(NodeInventoryTest, MalformedAmountsCountAsNothing) {
  NodeObject object = node({{"gpu.product", "Tesla-T4"}}, {{"gpu", "0.5"}, {"mig-1c.3g.20gb", "1"}});
  object.allocatable.erase(object.allocatable.begin());  // cpu
  object.capacity.clear();
  const NodeInventory found = node_inventory(object);
  EXPECT_EQ(kinds(found), (Kinds{"quantity_malformed", "quantity_malformed", "resource_not_supported"}));
  EXPECT_EQ(found.spec.cpu_milli, 0);
  EXPECT_TRUE(found.spec.resources.empty());
}

TEST(NodeInventoryTest, CapacityStandsInForNodesThatStateNoAllocatable) {
  NodeObject object = node({{"gpu.product", "Tesla-T4"}, {"gpu.count", "1"}}, {{"gpu", "1"}});
  object.allocatable.clear();
  const NodeInventory found = node_inventory(object);
  EXPECT_EQ(kinds(found), Kinds{});
  EXPECT_EQ(found.spec.resources[0].allocatable, 1);
  EXPECT_EQ(found.spec.cpu_milli, 63500);
}

TEST(NodeInventoryTest, HamiCountsReplicasWithoutSayingSo) {
  NodeObject object = node({{"gpu.product", "Tesla-T4"}, {"gpu.count", "2"}}, {{"gpu", "20"}});
  object.annotations = {{"hami.io/node-nvidia-register", "[]"}};
  const NodeInventory found = node_inventory(object);
  EXPECT_EQ(found.spec.gpus.size(), 2U);
  EXPECT_EQ(found.spec.resources[0].replicas, 10);
  EXPECT_FALSE(found.spec.resources[0].whole_devices);
}

NodeObject annotated(const std::string& layout) {
  NodeObject object = node({{"gpu.product", "NVIDIA-A100-SXM4-80GB"}, {"gpu.count", "2"}, {"mig.strategy", "mixed"}},
                           {{"gpu", "1"}, {"mig-1g.10gb", "1"}, {"mig-3g.40gb", "1"}});
  object.annotations = {{std::string(gpu_layout_annotation), layout}};
  return object;
}

TEST(NodeInventoryTest, TheLayoutAnnotationSaysWhichGpuIsWhich) {
  const NodeInventory found = node_inventory(annotated("0:1g.10gb@0,3g.40gb@4;1:off"));
  EXPECT_EQ(kinds(found), Kinds{});
  ASSERT_EQ(found.gpu_layout.size(), 2U);
  EXPECT_EQ(found.gpu_layout[0].instances.size(), 2U);
  EXPECT_TRUE(found.spec.gpus[0].fixed);
  EXPECT_FALSE(found.spec.gpus[1].fixed);
  EXPECT_EQ(kinds(node_inventory(annotated("0:1g.10gb@0,3g.40gb@4"))), Kinds{});  // the other GPU is not described
}

TEST(NodeInventoryTest, ALayoutThatContradictsTheCountsIsIgnored) {
  for (const std::string layout : {"0:1g.10gb@0,1g.10gb@1,3g.40gb@4;1:off", "0:3g.40gb@4;1:off",
                                   "0:1g.10gb@0,2g.20gb@2", "0:1g.10gb@0,3g.40gb@4;1:", "0:off;1:off", "7:off"}) {
    const NodeInventory found = node_inventory(annotated(layout));
    EXPECT_EQ(kinds(found), Kinds{"gpu_layout_differs"}) << layout;
    EXPECT_TRUE(found.gpu_layout.empty());
    EXPECT_EQ(found.spec.gpus.size(), 2U);
  }
  EXPECT_EQ(kinds(node_inventory(annotated("0:1g.10gb@9"))), Kinds{"gpu_layout_malformed"});
}

}  // namespace
}  // namespace gpusched
