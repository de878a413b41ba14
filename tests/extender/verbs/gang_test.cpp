// Pod groups by label: all their pods get places at once, or none does.
#include <gtest/gtest.h>

#include "extender/verbs/verbs_world.hpp"

namespace gpusched::extender {
namespace {

PodObject member(const std::string& uid, int count, int gang_size, const std::string& gang = "g") {
  PodObject pod = live_pod(uid, count);
  pod.spec.labels = {{"scheduling.x-k8s.io/pod-group", gang}};
  pod.spec.annotations = {{"gpusched.io/gang-size", std::to_string(gang_size)}};
  pod.pod_group = gang_name(pod.spec);
  pod.gang_size = gang_size;
  return pod;
}

class GangTest : public ::testing::Test {
 protected:
  GangTest() {
    world.node("n1", 4);
    world.node("n2", 4);
  }

  /// Where filter sends the pod; empty: nowhere.
  std::string place(const PodObject& pod) {
    const Json reply = world.filter(pod, names);
    EXPECT_EQ(reply.value("Error", ""), "");
    return reply.at("NodeNames").empty() ? "" : reply.at("NodeNames")[0].get<std::string>();
  }
  std::string why(const PodObject& pod) {
    EXPECT_EQ(place(pod), "");
    return world.records.back().message;
  }
  int used() { return world.live.used("n1") + world.live.used("n2"); }

  VerbsWorld world;
  std::vector<std::string> names = {"n1", "n2"};
};

TEST_F(GangTest, TheFirstHoldsForAll) {
  const PodObject a = world.create(member("a", 3, 2));
  const PodObject b = world.create(member("b", 3, 2));
  const std::string first = place(a);
  EXPECT_EQ(used(), 6);
  EXPECT_TRUE(world.records.back().held_others);
  EXPECT_EQ(place(world.create(live_pod("other", 2))), "") << "nobody gets what is held for b";
  const std::string second = place(b);
  EXPECT_NE(first, second);
  EXPECT_FALSE(world.records.back().held_others);
  EXPECT_EQ(used(), 6);
  EXPECT_EQ(world.bind(a, first), "");
  EXPECT_EQ(world.bind(b, second), "");
}

TEST_F(GangTest, NoneIsHeldWhereOneHasNoRoom) {
  world.create(member("a", 3, 3));
  world.create(member("b", 3, 3));
  const PodObject c = world.create(member("c", 3, 3));
  EXPECT_EQ(why(c), "no room for all pods of the pod group at once");
  EXPECT_EQ(world.records.back().result, "wait");
  EXPECT_FALSE(world.records.back().held_others);
  EXPECT_EQ(used(), 0);
}

TEST_F(GangTest, WaitsForAsManyPodsAsItNeeds) {
  const PodObject a = world.create(member("a", 1, 2));
  EXPECT_NE(why(a).find("gpusched.io/gang-size"), std::string::npos);
  PodObject gated = member("b", 1, 2);
  gated.has_scheduling_gates = true;
  world.create(gated);
  EXPECT_NE(why(a).find("gpusched.io/gang-size"), std::string::npos) << "a gated pod cannot come";
  world.create(member("b", 1, 2));
  EXPECT_NE(place(a), "");
  EXPECT_EQ(used(), 2);
}

TEST_F(GangTest, OtherGangsAndNamespacesAreNotCounted) {
  const PodObject a = world.create(member("a", 1, 2));
  world.create(member("b", 1, 2, "another"));
  PodObject elsewhere = member("c", 1, 2);
  elsewhere.ns = "others";
  world.create(elsewhere);
  EXPECT_EQ(place(a), "");
  EXPECT_EQ(used(), 0);
}

TEST_F(GangTest, ThoseWithoutSizeAreThoseThatAreThere) {
  PodObject a = member("a", 4, 0);
  a.spec.annotations.clear();
  PodObject b = member("b", 4, 0);
  b.spec.annotations.clear();
  world.create(a);
  world.create(b);
  EXPECT_NE(place(a), "");
  EXPECT_EQ(used(), 8);
}

TEST_F(GangTest, WhatIsHeldEndsForAllAndRestsAsLong) {
  const PodObject a = world.create(member("a", 2, 2));
  const PodObject b = world.create(member("b", 2, 2));
  EXPECT_NE(place(a), "");
  world.live.now += 20 * ns_per_s;
  EXPECT_NE(place(a), "") << "asked again it keeps its place";
  world.live.now += 11 * ns_per_s;
  EXPECT_EQ(world.live.view->expire(world.live.now), 2);
  EXPECT_EQ(used(), 0);
  EXPECT_NE(why(b).find("holdSeconds"), std::string::npos);
  world.live.now += 30 * ns_per_s;
  EXPECT_NE(place(b), "");
  EXPECT_EQ(used(), 4);
}

TEST_F(GangTest, APlaceThatIsNotOfferedIsLookedForAnew) {
  const PodObject a = world.create(member("a", 2, 2));
  const PodObject b = world.create(member("b", 2, 2));
  ASSERT_EQ(place(a), "n1");
  names = {"n2"};
  EXPECT_EQ(place(b), "n2");
  EXPECT_EQ(world.live.used("n1"), 2);
  world.create(live_pod("other", 2));
  world.live.view->update_pod(live_pod("other", 2, "n2"), world.live.now);
  names = {"n1"};
  EXPECT_EQ(place(b), "n1");
  EXPECT_EQ(used(), 6);
}

TEST_F(GangTest, AllPlacesGoWhereOneCannotBeFoundAnew) {
  const PodObject a = world.create(member("a", 3, 2));
  const PodObject b = world.create(member("b", 3, 2));
  const std::string first = place(a);
  names = {first};
  EXPECT_EQ(place(b), "") << "its own place is not offered any more";
  EXPECT_EQ(used(), 0);
}

TEST_F(GangTest, MembersBoundBeforeCount) {
  PodObject bound = member("a", 2, 2);
  world.create(bound);
  bound.node_name = "n1";
  world.live.view->update_pod(bound, world.live.now);
  EXPECT_NE(place(world.create(member("b", 2, 2))), "");
  world.live.view->remove_pod("a", world.live.now);
  world.live.view->remove_pod("b", world.live.now);
  EXPECT_EQ(place(world.create(member("c", 2, 2))), "") << "those that have left do not";
}

TEST_F(GangTest, NobodyIsEvictedForOneMember) {
  world.create(live_pod("low", 4));
  world.live.view->update_pod(live_pod("low", 4, "n1"), world.live.now);
  EXPECT_EQ(world.preempt(world.create(member("a", 4, 2)), {{"n1", {{"low"}, 0}}}), std::vector<std::string>());
}

}  // namespace
}  // namespace gpusched::extender
