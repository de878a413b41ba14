#include "gpusched/extender/cluster_view.hpp"

#include <gtest/gtest.h>

#include "extender/view/live_objects.hpp"

namespace gpusched::extender {
namespace {

class ClusterViewTest : public ::testing::Test {
 protected:
  ~ClusterViewTest() override { world.expect_replays(); }

  void node(const std::string& name, int allocatable, int gpus = 8) {
    view.update_node(gpu_node(name, allocatable, gpus), world.now);
  }
  void pod(const PodObject& object) { view.update_pod(object, world.now); }

  LiveWorld world;
  ClusterView& view = *world.view;
};

TEST_F(ClusterViewTest, CountsPodsOfOthersOnTheirNode) {
  node("n1", 8);
  pod(live_pod("a", 3, "n1"));
  pod(live_pod("b", 1, "n1"));
  pod(live_pod("b", 1, "n1"));
  EXPECT_EQ(world.used("n1"), 4);
  EXPECT_EQ(world.stage("a"), PodStage::bound);
  EXPECT_EQ(view.counts().bound, 2);
}

TEST_F(ClusterViewTest, TakesAllocatableAsItComes) {
  node("n1", 8);
  pod(live_pod("a", 4, "n1"));
  node("n1", 3);  // GPUs died
  EXPECT_EQ(world.used("n1"), 4);
  EXPECT_EQ(world.free("n1"), -1);
  EXPECT_FALSE(std::holds_alternative<Bind>(world.decide(live_pod("b", 1), {"n1"})));
  node("n1", 0);  // the device plugin restarts
  EXPECT_EQ(world.used("n1"), 4);
  node("n1", 8);
  EXPECT_EQ(world.free("n1"), 4);
  EXPECT_TRUE(std::holds_alternative<Bind>(world.decide(live_pod("b", 4), {"n1"})));
  EXPECT_FALSE(std::holds_alternative<Bind>(world.decide(live_pod("c", 5), {"n1"})));
}

TEST_F(ClusterViewTest, KeepsRecordsWhileTheLabelsOfANodeAreGone) {
  node("n1", 8);
  pod(with_record(live_pod("a", 2, "n1"), "v1;node=n1;resource=nvidia.com/gpu;count=2;mode=whole;parts=0,5"));
  ASSERT_EQ(world.gpus("a"), (std::vector<int>{0, 5}));
  NodeUpdate unlabelled = gpu_node("n1", 8);
  unlabelled.node.labels.clear();
  view.update_node(unlabelled, world.now);
  EXPECT_EQ(world.used("n1"), 2);
  node("n1", 8);
  EXPECT_EQ(world.gpus("a"), (std::vector<int>{0, 5}));
  ASSERT_EQ(world.hold(live_pod("b", 6), {"n1"}), "n1");
  EXPECT_TRUE(world.is_disjoint("n1"));
}

TEST_F(ClusterViewTest, KeepsWhatItPromisedWhileTheLabelsOfANodeAreGone) {
  node("n1", 8);
  for (const char* const uid : {"a", "b", "c"}) {
    ASSERT_EQ(world.hold(live_pod(uid, 1), {"n1"}), "n1");
    view.start_binding(*view.find_pod(uid), world.now);
    pod(live_pod(uid, 1, "n1"));
  }
  const std::vector<int> before = world.gpus("b");
  NodeUpdate unlabelled = gpu_node("n1", 8);
  unlabelled.node.labels.clear();
  view.update_node(unlabelled, world.now);
  node("n1", 8);
  EXPECT_EQ(world.gpus("b"), before);
  ASSERT_EQ(world.hold(live_pod("d", 5), {"n1"}), "n1");
  EXPECT_TRUE(world.is_disjoint("n1"));
}

TEST_F(ClusterViewTest, ANodeThatGoesAndComesBackStillHasItsPods) {
  node("n1", 8);
  pod(live_pod("a", 3, "n1"));
  view.remove_node("n1", world.now);
  EXPECT_EQ(world.used("n1"), 3);
  EXPECT_FALSE(std::holds_alternative<Bind>(world.decide(live_pod("b", 1), {"n1"})));
  node("n1", 8);
  EXPECT_EQ(world.free("n1"), 5);
  EXPECT_TRUE(std::holds_alternative<Bind>(world.decide(live_pod("b", 1), {"n1"})));
  view.remove_node("n1", world.now);
  view.remove_pod("a", world.now);
  EXPECT_FALSE(view.find_node("n1").valid());
  node("n1", 4);
  EXPECT_EQ(world.free("n1"), 4);
}

TEST_F(ClusterViewTest, ANodeThatIsGoneLeavesWithTheReservationThatHeldIt) {
  node("n1", 8);
  ASSERT_EQ(world.hold(live_pod("a", 1), {"n1"}), "n1");
  view.remove_node("n1", world.now);
  EXPECT_TRUE(view.find_node("n1").valid());
  view.release(*view.find_pod("a"), world.now);
  EXPECT_FALSE(view.find_node("n1").valid());
}

TEST_F(ClusterViewTest, ANodeThatIsGoneLeavesWhenItsReservationTurnsOutElsewhere) {
  node("n1", 8);
  node("n2", 8);
  ASSERT_EQ(world.hold(live_pod("a", 1), {"n1"}), "n1");
  view.remove_node("n1", world.now);
  pod(live_pod("a", 1, "n2"));
  EXPECT_FALSE(view.find_node("n1").valid());
  EXPECT_EQ(world.used("n2"), 1);
}

TEST_F(ClusterViewTest, CordonedNotReadyAndTerminatingNodesTakeNothing) {
  NodeUpdate cordoned = gpu_node("n1", 8);
  cordoned.node.unschedulable = true;
  NodeUpdate down = gpu_node("n2", 8);
  down.node.ready = false;
  NodeUpdate leaving = gpu_node("n3", 8);
  leaving.terminating = true;
  for (const NodeUpdate& update : {cordoned, down, leaving}) {
    view.update_node(update, world.now);
  }
  EXPECT_FALSE(std::holds_alternative<Bind>(world.decide(live_pod("a", 1), {"n1", "n2", "n3"})));
  node("n1", 8);
  EXPECT_TRUE(std::holds_alternative<Bind>(world.decide(live_pod("a", 1), {"n1", "n2", "n3"})));
}

TEST_F(ClusterViewTest, PodsWaitForANodeThatIsNotSeenYet) {
  pod(live_pod("a", 2, "late"));
  pod(live_pod("a", 2, "late"));
  pod(live_pod("b", 1, "late"));
  EXPECT_EQ(view.counts().parked, 2);
  view.remove_pod("b", world.now);
  EXPECT_EQ(view.counts().parked, 1);
  node("late", 8);
  EXPECT_EQ(world.used("late"), 2);
  EXPECT_EQ(view.counts().parked, 0);
}

TEST_F(ClusterViewTest, TerminatingPodsHoldAndEndedOnesDoNot) {
  node("n1", 8);
  for (const char* const uid : {"a", "b", "c"}) {
    pod(live_pod(uid, 2, "n1"));
  }
  PodObject terminating = live_pod("a", 2, "n1");
  terminating.terminating = true;
  pod(terminating);
  EXPECT_EQ(world.used("n1"), 6);
  pod(ended(live_pod("b", 2, "n1")));
  pod(ended(live_pod("c", 2, "n1"), "Failed"));
  EXPECT_EQ(world.used("n1"), 2);
  view.remove_pod("a", world.now);
  EXPECT_EQ(world.used("n1"), 0);
  EXPECT_EQ(view.counts().pods, 0);
}

TEST_F(ClusterViewTest, ARecreatedPodIsAnotherPod) {
  node("n1", 8);
  PodObject first = live_pod("uid-1", 2, "n1");
  PodObject second = live_pod("uid-2", 3);
  second.name = first.name;
  pod(first);
  pod(second);  // before the first one's DELETED
  EXPECT_EQ(world.used("n1"), 2);
  ASSERT_EQ(world.hold(second, {"n1"}), "n1");
  view.remove_pod("uid-1", world.now);
  view.remove_pod("uid-1", world.now);
  EXPECT_EQ(world.used("n1"), 3);
}

TEST_F(ClusterViewTest, AFullListDropsWhatItDoesNotName) {
  node("n1", 8);
  node("n2", 8);
  pod(live_pod("a", 1, "n1"));
  pod(live_pod("b", 2, "n1"));
  view.begin_node_list();
  node("n1", 8);
  view.end_node_list(world.now);
  view.begin_pod_list();
  pod(live_pod("a", 1, "n1"));
  view.end_pod_list(world.now);
  EXPECT_FALSE(view.find_node("n2").valid());
  EXPECT_EQ(world.used("n1"), 1);
}

TEST_F(ClusterViewTest, ABrokenOffListDropsNothing) {
  node("n1", 8);
  pod(live_pod("a", 1, "n1"));
  pod(live_pod("b", 2, "n1"));
  view.begin_pod_list();
  pod(live_pod("a", 1, "n1"));
  view.abandon_pod_list();
  EXPECT_EQ(world.used("n1"), 3);
  view.begin_node_list();  // broken off too: the next one begins anew
  view.begin_node_list();
  node("n1", 8);
  view.end_node_list(world.now);
  view.begin_pod_list();
  pod(live_pod("b", 2, "n1"));
  view.end_pod_list(world.now);
  EXPECT_EQ(world.used("n1"), 2);
}

TEST_F(ClusterViewTest, AListLeavesPodsThatOnlyASchedulerSpokeOf) {
  node("n1", 8);
  ASSERT_EQ(world.hold(live_pod("a", 1), {"n1"}), "n1");
  view.begin_pod_list();
  view.end_pod_list(world.now);
  EXPECT_EQ(world.used("n1"), 1);
}

TEST_F(ClusterViewTest, APodThatWasBoundAndDeletedUnseenIsGivenUp) {
  node("n1", 8);
  ASSERT_EQ(world.hold(live_pod("a", 1), {"n1"}), "n1");
  view.start_binding(*view.find_pod("a"), world.now);
  view.confirm(*view.find_pod("a"), view.find_node("n1"), world.now);
  world.now += 1000 * ns_per_s;
  view.expire(world.now);
  EXPECT_EQ(world.used("n1"), 1) << "no list says yet that it is gone";
  view.begin_pod_list();  // the watch had been cut: created, bound and deleted meanwhile
  view.end_pod_list(world.now);
  view.expire(world.now);
  EXPECT_EQ(world.used("n1"), 1) << "the list may be older than the binding";
  world.now += view.options().unseen_pod_ns;
  view.expire(world.now);
  EXPECT_EQ(world.used("n1"), 0);
}

TEST_F(ClusterViewTest, APodThatTheWatchNamesLateIsKept) {
  node("n1", 8);
  ASSERT_EQ(world.hold(live_pod("a", 1), {"n1"}), "n1");
  view.start_binding(*view.find_pod("a"), world.now);
  view.confirm(*view.find_pod("a"), view.find_node("n1"), world.now);
  view.begin_pod_list();
  view.end_pod_list(world.now);
  pod(live_pod("a", 1, "n1"));
  world.now += 10 * view.options().unseen_pod_ns;
  view.expire(world.now);
  EXPECT_EQ(world.used("n1"), 1);
}

TEST_F(ClusterViewTest, NumbersOfPodsAreGivenAgain) {
  node("n1", 8);
  pod(live_pod("a", 1, "n1"));
  pod(live_pod("b", 2, "n1"));
  const PodId of_a = view.find_pod("a")->id;
  view.remove_pod("a", world.now);
  pod(live_pod("c", 3, "n1"));
  EXPECT_EQ(view.find_pod("c")->id, of_a);
  EXPECT_EQ(world.used("n1"), 5);
}

TEST_F(ClusterViewTest, HoldsEnd) {
  node("n1", 8);
  ASSERT_EQ(world.hold(live_pod("a", 1), {"n1"}), "n1");
  world.now = view.options().hold_ns - 1;
  EXPECT_EQ(view.expire(world.now), 0);
  world.now += 1;
  EXPECT_EQ(view.expire(world.now), 1);
  EXPECT_EQ(world.used("n1"), 0);
  EXPECT_EQ(world.stage("a"), PodStage::pending);
}

TEST_F(ClusterViewTest, ABindingHasADeadlineOfItsOwn) {
  node("n1", 8);
  ASSERT_EQ(world.hold(live_pod("a", 1), {"n1"}), "n1");
  world.now = 20 * ns_per_s;
  view.start_binding(*view.find_pod("a"), world.now);
  world.now = 79 * ns_per_s;
  EXPECT_EQ(view.expire(world.now), 0);
  world.now = 80 * ns_per_s;
  EXPECT_EQ(view.expire(world.now), 1);
  // It was written all the same.
  pod(live_pod("a", 1, "n1"));
  EXPECT_EQ(world.used("n1"), 1);
  EXPECT_EQ(view.expire(1000 * ns_per_s), 0);
}

TEST_F(ClusterViewTest, APodThatOnlyASchedulerSpokeOfIsForgotten) {
  node("n1", 8);
  view.submit(live_pod("a", 1), world.now);
  pod(live_pod("b", 1));
  world.now = view.options().unseen_pod_ns;
  view.expire(world.now);
  EXPECT_EQ(view.find_pod("a"), nullptr);
  EXPECT_NE(view.find_pod("b"), nullptr);
}

TEST_F(ClusterViewTest, RecordsDoNotOverlapAfterARestart) {
  node("n1", 8);
  std::vector<PodObject> objects;
  for (const char* const uid : {"a", "b", "c", "d"}) {
    PodObject object = live_pod(uid, 1);
    ASSERT_EQ(world.hold(object, {"n1"}), "n1");
    object.node_name = "n1";
    objects.push_back(
        with_record(object, "v1;node=n1;resource=nvidia.com/gpu;count=1;parts=" + std::to_string(world.gpus(uid)[0])));
    pod(objects.back());
  }
  view.remove_pod("b", world.now);
  objects.erase(objects.begin() + 1);
  LiveWorld restarted;
  restarted.view->update_node(gpu_node("n1", 8), 0);
  for (auto object = objects.rbegin(); object != objects.rend(); ++object) {
    restarted.view->update_pod(*object, 0);
  }
  EXPECT_EQ(restarted.used("n1"), 3);
  for (const PodObject& object : objects) {
    EXPECT_EQ(restarted.gpus(object.uid), world.gpus(object.uid));
  }
  ASSERT_EQ(restarted.hold(live_pod("e", 5), {"n1"}), "n1");
  EXPECT_TRUE(restarted.is_disjoint("n1"));
  restarted.expect_replays();
}

TEST_F(ClusterViewTest, RecordsOfOtherVersionsNodesAndDevicesAreAdoptedByCount) {
  node("n1", 8);
  pod(with_record(live_pod("a", 2, "n1"), "v2;gpus=0,1"));
  pod(with_record(live_pod("b", 1, "n1"), "v1;node=n9;resource=nvidia.com/gpu;count=1;parts=3"));
  pod(with_record(live_pod("c", 1, "n1"), "v1;node=n1;resource=nvidia.com/gpu;count=1;parts=77"));
  pod(with_record(live_pod("d", 1, "n1"), "no record"));
  EXPECT_EQ(world.used("n1"), 5);
  for (const char* const uid : {"a", "b", "c", "d"}) {
    EXPECT_TRUE(world.gpus(uid).empty()) << uid;
  }
  EXPECT_EQ(world.hold(live_pod("e", 4), {"n1"}), "");
  EXPECT_EQ(world.hold(live_pod("f", 3), {"n1"}), "n1");
}

TEST_F(ClusterViewTest, OfTwoRecordsForOneGpuTheSecondIsCountedOnly) {
  node("n1", 8);
  pod(with_record(live_pod("a", 1, "n1"), "v1;node=n1;resource=nvidia.com/gpu;count=1;parts=3"));
  pod(with_record(live_pod("b", 1, "n1"), "v1;node=n1;resource=nvidia.com/gpu;count=1;parts=3"));
  EXPECT_EQ(world.used("n1"), 2);
  EXPECT_TRUE(world.is_disjoint("n1"));
}

TEST_F(ClusterViewTest, APodReportedElsewhereThanHeldMoves) {
  node("n1", 8);
  node("n2", 8);
  ASSERT_EQ(world.hold(live_pod("a", 2), {"n1"}), "n1");
  pod(live_pod("a", 2, "n2"));
  EXPECT_EQ(world.used("n1"), 0);
  EXPECT_EQ(world.used("n2"), 2);
  EXPECT_EQ(view.expire(1000 * ns_per_s), 0);
  EXPECT_EQ(world.used("n2"), 2);
}

TEST_F(ClusterViewTest, APodReportedOnANodeNotSeenYetGivesUpItsHold) {
  node("n1", 8);
  ASSERT_EQ(world.hold(live_pod("a", 2), {"n1"}), "n1");
  pod(live_pod("a", 2, "late"));
  EXPECT_EQ(world.used("n1"), 0);
  node("late", 8);
  EXPECT_EQ(world.used("late"), 2);
}

TEST_F(ClusterViewTest, PodsWithoutGpusMatterWhenBoundOnly) {
  node("n1", 8);
  pod(live_pod("a", 0));
  EXPECT_EQ(view.counts().pods, 0);
  pod(live_pod("b", 0, "n1"));
  EXPECT_EQ(view.counts().bound, 1);
  EXPECT_EQ(world.used("n1"), 0);
}

TEST_F(ClusterViewTest, ADriftIsWhatAFullListSaysOtherwise) {
  node("n1", 8);
  view.begin_pod_list();
  pod(live_pod("a", 1, "n1"));
  pod(live_pod("b", 1));
  view.end_pod_list(world.now);
  EXPECT_EQ(view.counts().drift, 0) << "nothing was known before the first list";
  view.begin_pod_list();
  pod(live_pod("a", 1, "n1"));
  pod(live_pod("b", 1));
  view.end_pod_list(world.now);
  EXPECT_EQ(view.counts().drift, 0);
  view.begin_pod_list();
  pod(live_pod("b", 1, "n1"));  // its binding was not told, nor that "a" is gone, nor that "c" came
  pod(live_pod("c", 1, "n1"));
  view.end_pod_list(world.now);
  EXPECT_EQ(view.counts().drift, 3);
}

TEST_F(ClusterViewTest, MembersOfASchedulingGroupAreRefusedAndCounted) {
  node("n1", 8);
  PodObject member = live_pod("a", 2);
  member.has_scheduling_group = true;
  member.pod_group = "ring";
  EXPECT_NE(view.submit(member, world.now).problem, "");
  member.node_name = "n1";
  pod(member);
  EXPECT_EQ(world.used("n1"), 2);
  PodObject labelled = live_pod("b", 1);
  labelled.pod_group = "ring";  // by label: its members are placed one by one
  EXPECT_EQ(view.submit(labelled, world.now).problem, "");
}

TEST_F(ClusterViewTest, StaticMigIsCountedByProfile) {
  view.update_node(mig_node("m1", 14), world.now);
  pod(live_pod("a", 3, "m1", "nvidia.com/mig-1g.10gb"));
  const PodObject slice = live_pod("b", 11, {}, "nvidia.com/mig-1g.10gb");
  EXPECT_EQ(world.hold(slice, {"m1"}), "m1");
  EXPECT_EQ(world.hold(live_pod("c", 1, {}, "nvidia.com/mig-1g.10gb"), {"m1"}), "");
  EXPECT_EQ(world.hold(live_pod("d", 1), {"m1"}), "") << "no whole device there";
}

}  // namespace
}  // namespace gpusched::extender
