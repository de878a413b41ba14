#include <vector>

#include <gtest/gtest.h>

#include "gpusched/engine/engine.hpp"

#include "engine/engine_world.hpp"

namespace gpusched {
namespace {

using namespace test;

class GangTest : public ::testing::Test {
 protected:
  static std::vector<PodId> submit(World& world, const GpuRequest& request, int count) {
    std::vector<PodId> pods;
    for (int i = 0; i < count; ++i) {
      pods.push_back(world.submit(request));
    }
    return pods;
  }
};

TEST_F(GangTest, FindsAPlaceForEveryMemberAcrossNodes) {
  World world("best_fit", {gpu_node("a", "T4", 2), gpu_node("b", "T4", 2)});
  const std::vector<PodId> pods = submit(world, whole_request(1), 4);
  const std::string before = visible_state(world.engine.state(), false);
  const std::vector<Decision> decisions = world.engine.decide_gang(pods, 0);
  world.decide(whole_request(1));
  EXPECT_EQ(visible_state(world.engine.state(), false), before) << "a decision is no reservation";
  ASSERT_EQ(decisions.size(), 4U);
  for (std::size_t i = 0; i < pods.size(); ++i) {
    world.bind(pods[i], decisions[i]);
  }
  EXPECT_EQ(world.engine.state().used_gpu_milli(), 4000);
}

TEST_F(GangTest, IsAllOrNothing) {
  World world("best_fit", {gpu_node("a", "T4", 2), gpu_node("b", "T4", 2)});
  world.put(whole_request(1), place_on(world.node("b"), {share_on(0, 1000)}));
  const std::vector<PodId> pods = submit(world, whole_request(1), 4);
  const std::string before = visible_state(world.engine.state(), false);
  const std::vector<Decision> decisions = world.engine.decide_gang(pods, 0);
  EXPECT_EQ(visible_state(world.engine.state(), false), before);
  ASSERT_EQ(decisions.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<Wait>(decisions[0]));
  EXPECT_EQ(reasons_of(decisions[0]), (Reasons{{"insufficient_gpus", 2}}));
}

TEST_F(GangTest, DoesNotPreemptButSaysWhyItWaits) {
  World world("best_fit", {gpu_node("a", "T4", 1)});
  world.put(whole_request(1), place_on(world.node("a"), {share_on(0, 1000)}));
  const std::vector<PodId> pods = submit(world, with_priority(whole_request(1), 9), 2);
  const std::vector<Decision> decisions = world.engine.decide_gang(pods, 0);
  ASSERT_EQ(decisions.size(), 1U);
  ASSERT_TRUE(std::holds_alternative<Wait>(decisions[0]));
  EXPECT_FALSE(reasons_of(decisions[0]).empty());
}

TEST_F(GangTest, MembersThatAreNotPendingAreABug) {
  World world("best_fit", {gpu_node("a", "T4", 1)});
  EXPECT_THROW(world.engine.decide_gang(std::vector{PodId{5}}, 0), InvariantError);
}

}  // namespace
}  // namespace gpusched
