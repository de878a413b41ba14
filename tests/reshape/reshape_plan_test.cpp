#include "gpusched/reshape/reshape_plan.hpp"

#include <gtest/gtest.h>

#include "gpusched/reshape/reshape_planner.hpp"

#include "reshape/layout_builders.hpp"

namespace gpusched {
namespace {

using namespace test;

GpuLayout scattered() {
  GpuLayout layout = empty_gpu(model_named("A100-80GB"));
  place(layout, "1g.10gb", 0, PartitionUse::pinned, 1);
  place(layout, "1g.10gb", 5, PartitionUse::movable, 2);
  return layout;
}

ReshapePlan plan_for(const GpuLayout& layout) {
  return *plan_room({&layout, 1}, 0, find_mig_profile(layout.model, "3g.40gb").value(), {}).value().plan;
}

TEST(ReshapePlanTest, AStalePlanIsRefusedWithTheGpuThatChanged) {
  const GpuLayout before = scattered();
  const ReshapePlan plan = plan_for(before);
  EXPECT_TRUE(check_plan(plan, {&before, 1}).ok());
  std::vector<GpuLayout> changed(6, before);
  place(changed[0], "1g.10gb", 2, PartitionUse::idle);
  changed[1].partitions.pop_back();
  changed[2].partitions.back().pod = PodId{9};
  changed[3].drained = true;
  changed[4].mig_enabled = false;
  changed[5].gpu = 3;
  for (const GpuLayout& now : changed) {
    const Status status = check_plan(plan, {&now, 1});
    ASSERT_FALSE(status.ok());
    EXPECT_NE(status.error().message.find("stale"), std::string::npos);
    EXPECT_NE(status.error().message.find("GPU 0"), std::string::npos);
    EXPECT_NE(status.error().message.find("nothing was applied"), std::string::npos);
    EXPECT_NE(fingerprint({&now, 1}), plan.fingerprint);
  }
}

TEST(ReshapePlanTest, OtherGpusMayChange) {
  const ReshapePlan plan = plan_for(scattered());
  std::vector<GpuLayout> cluster{empty_gpu(model_named("A100-80GB"), 0, 1), scattered()};
  place(cluster[0], "7g.80gb", 0, PartitionUse::pinned, 8);
  EXPECT_TRUE(check_plan(plan, cluster).ok());
}

TEST(ReshapePlanTest, ATamperedPlanIsRefused) {
  const GpuLayout layout = scattered();
  const ReshapePlan plan = plan_for(layout);
  ReshapePlan without_move = plan;
  without_move.steps.erase(without_move.steps.begin() + 1);
  EXPECT_NE(check_plan(without_move, {&layout, 1}).error().message.find("in use"), std::string::npos);
  ReshapePlan pinned = plan;
  pinned.steps[1].at.range.start = 0;
  pinned.steps[1].pod = PodId{1};
  EXPECT_NE(check_plan(pinned, {&layout, 1}).error().message.find("pinned"), std::string::npos);
  ReshapePlan taken = plan;
  taken.steps[0].at.range.start = 5;
  EXPECT_NE(check_plan(taken, {&layout, 1}).error().message.find("taken"), std::string::npos);
  ReshapePlan other_print = plan;
  ++other_print.fingerprint;
  EXPECT_EQ(check_plan(other_print, {&layout, 1}).error().code, ErrorCode::data_loss);
  ReshapePlan stops = plan;
  stops.steps = {
      {.kind = ReshapeStepKind::stop_pod, .at = plan.steps[1].at, .to = {}, .pod = PodId{2}, .node_wide = false}};
  EXPECT_NE(check_plan(stops, {&layout, 1}).error().message.find("leaves pod 2 stopped"), std::string::npos);
}

TEST(ReshapePlanTest, AnIllegalStepChangesNothing) {
  ReshapeState state{.gpus = {scattered()}, .stopped = {}};
  const ReshapeState before = state;
  const PartitionPlace at_pod{.node = NodeId{0},
                              .gpu = 0,
                              .profile = find_mig_profile(before.gpus[0].model, "1g.10gb").value(),
                              .range = {.start = 5, .size = 1}};
  for (const ReshapeStepKind kind :
       {ReshapeStepKind::destroy_instance, ReshapeStepKind::create_instance, ReshapeStepKind::start_pod,
        ReshapeStepKind::resume_gpu, ReshapeStepKind::enable_mig, ReshapeStepKind::disable_mig}) {
    const ReshapeStep step{.kind = kind, .at = at_pod, .to = {}, .pod = PodId{2}, .node_wide = false};
    EXPECT_FALSE(apply_step(state, step, Actuation::per_instance).ok()) << to_string(kind);
    EXPECT_EQ(state, before);
  }
}

TEST(ReshapePlanTest, UndoOfAnUndoIsThePlan) {
  const GpuLayout layout = scattered();
  const ReshapePlan plan = plan_for(layout);
  const ReshapePlan back = undo(plan, plan.steps.size(), {});
  const ReshapePlan again = undo(back, back.steps.size(), {});
  EXPECT_EQ(again.steps, plan.steps);
  EXPECT_EQ(again.from, plan.from);
}

TEST(ReshapePlanTest, StepsReadAsSentences) {
  const ReshapePlan plan = plan_for(scattered());
  ASSERT_EQ(plan.steps.size(), 4U);
  EXPECT_EQ(to_text(plan.steps[1], plan.from.gpus),
            "node 0 GPU 0: move pod 2 from 1g.10gb@5 to 1g.10gb@1: start it there, then end it here");
  EXPECT_EQ(to_text(plan.steps[3], plan.from.gpus), "node 0 GPU 0: create 3g.40gb@4");
}

TEST(ReshapePlanTest, LayoutsComeOutOfTheClusterState) {
  const std::string model = "A100-80GB";
  ClusterState cluster;
  ASSERT_TRUE(cluster.apply({0, NodeAdded{gpu_node("n0", model, 3)}}).ok());
  ASSERT_TRUE(cluster.apply({0, PodSubmitted{PodId{0}, cluster.intern(mig_request("3g.40gb")), 1}}).ok());
  ASSERT_TRUE(cluster.apply({0, PodSubmitted{PodId{1}, cluster.intern(mig_request("1g.10gb")), 1}}).ok());
  ASSERT_TRUE(cluster.apply({0, PodSubmitted{PodId{2}, cluster.intern(whole_request(1)), 1}}).ok());
  const NodeId node{0};
  ASSERT_TRUE(cluster.apply({0, Reserved{PodId{0}, place_on(node, {instance_on(1, model, "3g.40gb", 4)})}}).ok());
  ASSERT_TRUE(cluster.apply({0, Reserved{PodId{1}, place_on(node, {instance_on(1, model, "1g.10gb", 2)})}}).ok());
  ASSERT_TRUE(cluster.apply({0, Reserved{PodId{2}, place_on(node, {share_on(2, 1000)})}}).ok());
  const auto may_move = [](PodId pod) { return pod.value == 1; };
  EXPECT_EQ(layout_of(cluster, node, 0, may_move), empty_gpu(model_named(model)));
  GpuLayout cut = empty_gpu(model_named(model), 0, 1);
  place(cut, "3g.40gb", 4, PartitionUse::pinned, 0);
  place(cut, "1g.10gb", 2, PartitionUse::movable, 1);
  EXPECT_EQ(layout_of(cluster, node, 1, may_move), cut);
  const GpuLayout whole = layout_of(cluster, node, 2, may_move);
  EXPECT_FALSE(whole.mig_enabled);
  ASSERT_EQ(whole.partitions.size(), 1U);
  EXPECT_EQ(whole.partitions[0].range.size, 0);
  EXPECT_FALSE(whole.drained);
  ASSERT_TRUE(cluster.apply({0, GpuHeld{node, 0}}).ok());
  EXPECT_TRUE(layout_of(cluster, node, 0, may_move).drained);
}

}  // namespace
}  // namespace gpusched
