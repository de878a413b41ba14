#include <vector>

#include <gtest/gtest.h>

#include "gpusched/engine/engine.hpp"

#include "engine/engine_world.hpp"

namespace gpusched {
namespace {

using namespace test;

TEST(EngineTest, AStalePreemptionEvictsNobody) {
  World world("first_fit", {gpu_node("a", "T4", 2)});
  const NodeId node = world.node("a");
  const PodId left = world.put(whole_request(1), place_on(node, {share_on(0, 1000)}));
  world.put(whole_request(1), place_on(node, {share_on(1, 1000)}));
  const GpuRequest important = with_priority(whole_request(2), 9);
  const PodId pod = world.submit(important);
  const Decision decision = world.decide(important);
  ASSERT_TRUE(std::holds_alternative<PreemptThenBind>(decision));
  world.finish(left);
  world.put(with_priority(whole_request(1), 9), place_on(node, {share_on(0, 1000)}));
  const std::string before = visible_state(world.engine.state());
  std::vector<Action> actions;
  EXPECT_FALSE(world.engine.commit(pod, decision, 0, actions).ok());
  EXPECT_TRUE(actions.empty());
  EXPECT_EQ(visible_state(world.engine.state()), before);
}

class PreemptionTest : public ::testing::Test {
 protected:
  /// A share of some priority on a device of a node.
  static PodId hold(World& world, const char* node, std::uint16_t device, std::uint16_t milli, std::int32_t priority,
                    bool preemptible = true) {
    GpuRequest request = with_priority(share_request(milli), priority);
    request.preemptible = preemptible;
    return world.put(request, place_on(world.node(node), {share_on(device, milli)}));
  }
};

TEST_F(PreemptionTest, EvictsNoMoreThanItMustAndTheLowestFirst) {
  World world("best_fit", {gpu_node("a", "T4", 1)});
  const PodId low = hold(world, "a", 0, 300, 1);
  hold(world, "a", 0, 300, 3);
  const PodId lowest = hold(world, "a", 0, 300, 0);
  const Decision decision = world.decide(with_priority(share_request(600), 5));
  ASSERT_TRUE(std::holds_alternative<PreemptThenBind>(decision));
  EXPECT_EQ(std::get<PreemptThenBind>(decision).victims, (std::vector{lowest, low}));
  EXPECT_EQ(*candidate_of(decision), place_on(world.node("a"), {share_on(0, 600)}));
}

TEST_F(PreemptionTest, CommitEvictsTheVictimsAndTakesTheirPlace) {
  World world("best_fit", {gpu_node("a", "T4", 1)});
  const PodId victim = hold(world, "a", 0, 1000, 0);
  const GpuRequest important = with_priority(whole_request(1), 5);
  const PodId pod = world.submit(important);
  std::vector<Action> actions;
  ASSERT_TRUE(world.engine.commit(pod, world.decide(important), 0, actions).ok());
  ASSERT_EQ(actions.size(), 2U);
  EXPECT_EQ(std::get<Evict>(actions[0]).pod, victim);
  EXPECT_EQ(std::get<BindPod>(actions[1]).pod, pod);
  EXPECT_EQ(world.engine.state().pod(victim)->phase, PodPhase::pending);
}

TEST_F(PreemptionTest, EqualPriorityIsSafe) {
  World world("best_fit", {gpu_node("a", "T4", 1)});
  hold(world, "a", 0, 1000, 5);
  EXPECT_TRUE(std::holds_alternative<Wait>(world.decide(with_priority(whole_request(1), 5))));
  EXPECT_TRUE(std::holds_alternative<PreemptThenBind>(world.decide(with_priority(whole_request(1), 6))));
}

TEST_F(PreemptionTest, WhoMustNotBePreemptedIsSafe) {
  World world("best_fit", {gpu_node("a", "T4", 1)});
  hold(world, "a", 0, 1000, 0, false);
  EXPECT_TRUE(std::holds_alternative<Wait>(world.decide(with_priority(whole_request(1), 5))));
}

TEST_F(PreemptionTest, AFreePlaceComesFirst) {
  World world("best_fit", {gpu_node("a", "T4", 1), gpu_node("b", "T4", 1)});
  hold(world, "a", 0, 1000, 0);
  EXPECT_EQ(world.name_of(world.decide(with_priority(whole_request(1), 5))), "b");
}

TEST_F(PreemptionTest, ItCanBeSwitchedOff) {
  World world("best_fit", {gpu_node("a", "T4", 1)}, 1, false);
  hold(world, "a", 0, 1000, 0);
  EXPECT_TRUE(std::holds_alternative<Wait>(world.decide(with_priority(whole_request(1), 5))));
}

TEST_F(PreemptionTest, TakesTheNodeWhoseVictimsAreLeastImportantThenFewest) {
  World by_priority("best_fit", {gpu_node("a", "T4", 1), gpu_node("b", "T4", 1)});
  hold(by_priority, "a", 0, 1000, 3);
  hold(by_priority, "b", 0, 500, 2);
  hold(by_priority, "b", 0, 500, 2);
  EXPECT_EQ(by_priority.name_of(by_priority.decide(with_priority(whole_request(1), 9))), "b")
      << "the highest priority among the victims counts first";

  World by_count("best_fit", {gpu_node("a", "T4", 1), gpu_node("b", "T4", 1)});
  hold(by_count, "a", 0, 500, 0);
  hold(by_count, "a", 0, 500, 0);
  hold(by_count, "b", 0, 1000, 0);
  EXPECT_EQ(by_count.name_of(by_count.decide(with_priority(whole_request(1), 9))), "b");
}

TEST_F(PreemptionTest, StaysWithinTheScope) {
  World world("best_fit", {gpu_node("a", "T4", 1), gpu_node("b", "T4", 1)});
  hold(world, "a", 0, 1000, 0);
  hold(world, "b", 0, 1000, 3);
  const std::vector<NodeId> only_b = {world.node("b")};
  EXPECT_EQ(world.name_of(world.decide(with_priority(whole_request(1), 9))), "a");
  EXPECT_EQ(world.name_of(world.decide(with_priority(whole_request(1), 9), only_b)), "b");
}

TEST_F(PreemptionTest, InstancesArePreemptedToo) {
  World world("best_fit", {gpu_node("a", "A100-80GB", 1, NodeSharing::mig)});
  const NodeId node = world.node("a");
  const PodId left = world.put(mig_request("3g.40gb"), place_on(node, {instance_on(0, "A100-80GB", "3g.40gb", 0)}));
  world.put(with_priority(mig_request("3g.40gb"), 1), place_on(node, {instance_on(0, "A100-80GB", "3g.40gb", 4)}));
  const Decision decision = world.decide(with_priority(mig_request("3g.40gb"), 5));
  ASSERT_TRUE(std::holds_alternative<PreemptThenBind>(decision));
  EXPECT_EQ(std::get<PreemptThenBind>(decision).victims, (std::vector{left}));
  EXPECT_EQ(*candidate_of(decision), place_on(node, {instance_on(0, "A100-80GB", "3g.40gb", 0)}));
}

TEST_F(PreemptionTest, TenantLimitsHoldForThoseWhoStay) {
  NodeSpec limited = gpu_node("a", "T4", 1, NodeSharing::time_slice);
  limited.replicas = 2;
  World world("best_fit", {limited});
  const PodId low = hold(world, "a", 0, 100, 0);
  hold(world, "a", 0, 100, 1);
  const Decision decision = world.decide(with_priority(share_request(100), 5));
  ASSERT_TRUE(std::holds_alternative<PreemptThenBind>(decision));
  EXPECT_EQ(std::get<PreemptThenBind>(decision).victims, (std::vector{low})) << "one of the two replicas must go";
}

}  // namespace
}  // namespace gpusched
