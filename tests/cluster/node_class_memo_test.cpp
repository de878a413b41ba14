#include "gpusched/cluster/node_class_memo.hpp"

#include <gtest/gtest.h>

#include "cluster_builders.hpp"

namespace gpusched {
namespace {

using namespace test;

TEST(NodeClassMemoTest, FindsOncePerClassUntilClassesAreNumberedAnew) {
  ClusterState state;
  ASSERT_TRUE(state.apply({0, NodeAdded{gpu_node("a", "T4", 2)}}).ok());
  ASSERT_TRUE(state.apply({0, NodeAdded{gpu_node("b", "T4", 4)}}).ok());
  NodeIndex index(NodeView{});
  index.sync(state);
  ASSERT_EQ(index.slot_count(), 2U);

  NodeClassMemo<std::size_t> memo;
  int found = 0;
  const auto gpus_of = [&](std::uint32_t slot) {
    return memo.of_slot(index, slot, [&](const NodeState& node) {
      ++found;
      return node.gpus.size();
    });
  };
  for (int round = 0; round < 3; ++round) {
    for (std::uint32_t slot = 0; slot < 2; ++slot) {
      EXPECT_EQ(gpus_of(slot), index.state_of_slot(slot).gpus.size());
    }
  }
  EXPECT_EQ(found, 2);

  ASSERT_TRUE(state.apply({0, NodeRemoved{state.find_node("a")}}).ok());
  index.sync(state);
  ASSERT_EQ(index.slot_count(), 1U);
  EXPECT_EQ(gpus_of(0), 4U);
  EXPECT_EQ(found, 3);
}

}  // namespace
}  // namespace gpusched
