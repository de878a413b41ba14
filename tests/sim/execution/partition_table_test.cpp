#include "gpusched/sim/execution/partition_table.hpp"

#include <set>

#include <gtest/gtest.h>

#include "sim/execution/executed_jobs.hpp"

namespace gpusched::sim {
namespace {

using gpusched::test::gpu_node;
using gpusched::test::instance_on;
using gpusched::test::share_on;
using test::shared_on;

TEST(PartitionTableTest, DevicesAndInstancesAreDifferentPartitions) {
  PartitionTable table;
  table.add_node(gpu_node("a", "A100-80GB", 2));
  table.add_node(gpu_node("b", "T4", 1));
  std::set<std::uint32_t> slots;
  for (const NodeId node : {NodeId{0}, NodeId{1}}) {
    slots.insert(table.slot(node, share_on(0, 1000)));
  }
  slots.insert(table.slot(NodeId{0}, share_on(1, 1000)));
  for (const std::int16_t start : {0, 1, 6}) {
    slots.insert(table.slot(NodeId{0}, instance_on(1, "A100-80GB", "1g.10gb", start)));
  }
  EXPECT_EQ(slots.size(), 6U);
  EXPECT_EQ(table.slot(NodeId{0}, shared_on(1, PartitionSharing::mps)), table.slot(NodeId{0}, share_on(1, 1000)));
  EXPECT_EQ(table.gpu_count(), 3);
}

TEST(PartitionTableTest, StatedSharesTakeTurnsAsTheirNodeSays) {
  PartitionTable table;
  table.add_node(gpu_node("any", "T4", 1));
  table.add_node(gpu_node("mps", "T4", 1, NodeSharing::mps));
  EXPECT_EQ(table.sharing(NodeId{0}, share_on(0, 1000)), PartitionSharing::exclusive);
  EXPECT_EQ(table.sharing(NodeId{0}, share_on(0, 500)), PartitionSharing::time_slice);
  EXPECT_EQ(table.sharing(NodeId{1}, share_on(0, 500)), PartitionSharing::mps);
  EXPECT_EQ(table.sharing(NodeId{0}, shared_on(0, PartitionSharing::mps)), PartitionSharing::mps);
}

TEST(PartitionTableTest, AnInstanceHasTheMemoryOfItsProfile) {
  PartitionTable table;
  table.add_node(gpu_node("a", "A100-80GB", 1));
  const GpuAssignment instance = instance_on(0, "A100-80GB", "2g.20gb", 2);
  const std::uint32_t slot = table.slot(NodeId{0}, instance);
  table.join(slot, NodeId{0}, instance, {.job = 7, .slice_slowdown_milli = 1000, .demand = {}, .slowdown = 1});
  const GpuModel& model = gpu_model(gpusched::test::model_named("A100-80GB"));
  EXPECT_EQ(table[slot].memory_mib, model.profiles[instance.profile.value].memory_mib.value());
  EXPECT_FALSE(table[slot].whole_device);
  table.leave(slot, 7);
  EXPECT_TRUE(table[slot].tenants.empty());
}

TEST(PartitionTest, MoreTenantsThanAnybodySharesAmongAreServedToo) {
  Partition partition;
  partition.sharing = PartitionSharing::mps;
  TenantDemand demand;
  demand.engine_active_milli = 500;
  demand.mps_demand_milli = 100;
  for (std::uint32_t job = 0; job < 40; ++job) {
    partition.tenants.push_back({.job = job, .slice_slowdown_milli = 1000, .demand = demand, .slowdown = 1});
  }
  partition.update_slowdowns({});
  for (const PartitionTenant& tenant : partition.tenants) {
    EXPECT_NEAR(tenant.slowdown, 1 + .5 * 39 * .1, 1e-12);
  }
}

}  // namespace
}  // namespace gpusched::sim
