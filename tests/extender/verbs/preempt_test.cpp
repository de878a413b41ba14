// preempt: the cheapest victims among those that kube-scheduler offers.
#include <gtest/gtest.h>

#include "extender/verbs/verbs_world.hpp"

namespace gpusched::extender {
namespace {

using Nodes = std::vector<std::string>;

class PreemptTest : public ::testing::Test {
 protected:
  /// A full node of these pods; gives their uids.
  std::vector<std::string> full(const std::string& name, const std::vector<std::pair<int, int>>& count_and_priority) {
    int units = 0;
    std::vector<std::string> uids;
    for (const auto& [count, priority] : count_and_priority) {
      PodObject victim = live_pod(name + "-" + std::to_string(uids.size()), count, name);
      victim.spec.priority = priority;
      world.live.view->update_pod(victim, 0);
      uids.push_back(victim.uid);
      units += count;
    }
    world.node(name, units);
    return uids;
  }

  VerbsWorld world;
  PodObject pod = live_pod("new", 2);
};

TEST_F(PreemptTest, FewerBrokenBudgetsWin) {
  const auto a = full("n1", {{2, 1}});
  const auto b = full("n2", {{2, 100}});
  EXPECT_EQ(world.preempt(pod, {{"n1", {a, 1}}, {"n2", {b, 0}}}), Nodes{"n2"});
}

TEST_F(PreemptTest, ThenTheLowestHighestPriority) {
  const auto a = full("n1", {{1, 1}, {1, 50}});
  const auto b = full("n2", {{1, 40}, {1, 40}});
  EXPECT_EQ(world.preempt(pod, {{"n1", {a, 0}}, {"n2", {b, 0}}}), Nodes{"n2"});
}

TEST_F(PreemptTest, ThenTheSmallestSum) {
  const auto a = full("n1", {{1, 50}, {1, 49}});
  const auto b = full("n2", {{1, 50}, {1, 10}});
  EXPECT_EQ(world.preempt(pod, {{"n1", {a, 0}}, {"n2", {b, 0}}}), Nodes{"n2"});
}

TEST_F(PreemptTest, MoreVictimsNeverCostLess) {
  const auto a = full("n1", {{1, -10}, {1, -10}});
  const auto b = full("n2", {{2, -10}});
  EXPECT_EQ(world.preempt(pod, {{"n1", {a, 0}}, {"n2", {b, 0}}}), Nodes{"n2"});
}

TEST_F(PreemptTest, ThenWhatLeavesTheFewestUnitsOver) {
  const auto a = full("n1", {{8, 5}});
  const auto b = full("n2", {{2, 5}});
  EXPECT_EQ(world.preempt(pod, {{"n1", {a, 0}}, {"n2", {b, 0}}}), Nodes{"n2"});
}

TEST_F(PreemptTest, WhatFreesTooLittleIsNoCandidate) {
  const auto a = full("n1", {{1, 5}, {7, 5}});
  EXPECT_EQ(world.preempt(pod, {{"n1", {{a[0]}, 0}}}), Nodes());
  EXPECT_EQ(world.preempt(pod, {{"n1", {{a[1]}, 0}}}), Nodes{"n1"});
}

TEST_F(PreemptTest, NodesUnknownDownAndWithoutVictimsAreLeftOut) {
  const auto a = full("n1", {{2, 5}});
  EXPECT_EQ(world.preempt(pod, {{"n9", {a, 0}}, {"n1", {{}, 0}}}), Nodes());
  world.live.view->remove_node("n1", 0);
  EXPECT_EQ(world.preempt(pod, {{"n1", {a, 0}}}), Nodes());
}

TEST_F(PreemptTest, VictimsUnknownFreeNothing) {
  const auto a = full("n1", {{2, 5}});
  EXPECT_EQ(world.preempt(pod, {{"n1", {{"nobody"}, 0}}}), Nodes());
  EXPECT_EQ(world.preempt(pod, {{"n1", {{"nobody", a[0]}, 0}}}), Nodes{"n1"});
}

TEST_F(PreemptTest, NobodyGoesForAPodThatIsRefusedAnyway) {
  const auto a = full("n1", {{2, 5}});
  pod.spec.annotations = {{"gpusched.io/modus", "mig"}};
  EXPECT_EQ(world.preempt(pod, {{"n1", {a, 0}}}), Nodes());
}

TEST_F(PreemptTest, PodsIsNullAlike) {
  full("n1", {{2, 5}});
  const Padded body(R"({"Pod":)" + pod_json(pod).dump() +
                    R"(,"NodeNameToMetaVictims":{"n1":{"Pods":null,"NumPDBViolations":0}}})");
  EXPECT_EQ(Json::parse(world.verbs.preempt(body.view())).at("NodeNameToMetaVictims"), Json::object());
}

}  // namespace
}  // namespace gpusched::extender
