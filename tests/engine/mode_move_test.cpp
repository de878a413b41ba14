#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "gpusched/engine/engine.hpp"
#include "gpusched/model/job_profile.hpp"

#include "cluster_builders.hpp"

namespace gpusched {
namespace {

using namespace test;

constexpr const char* model = "A100-80GB";

JobProfile profile(const std::string& name, double engine_active, std::int64_t memory_mib) {
  JobProfile made;
  made.name = name;
  made.gpu_model = model_named(model);
  made.engine_active.mean = engine_active;
  made.sm_active = Activity{.mean = 0.3};
  made.dram_active.mean = 0.1;
  made.memory_peak_mib = memory_mib;
  made.source = "test";
  return made;
}

GpuRequest job(JobClass job_class, const std::string& profile, double max_slowdown) {
  GpuRequest request = whole_request(1);
  request.job_class = job_class;
  request.job_profile = profile;
  request.max_slowdown = max_slowdown;
  return request;
}

GpuRequest whole_job() {
  GpuRequest request = job(JobClass::batch, "light", 1.2);
  request.mode = SharingMode::whole;
  return request;
}

GpuAssignment share_of(std::uint16_t gpu, PartitionSharing sharing) {
  GpuAssignment part;
  part.gpu = gpu;
  part.sharing = sharing;
  part.share_milli = milli_per_unit / 8;
  part.memory_mib = 8 * 1024;
  return part;
}

/// Two GPUs, and pods put where we want them.
class ModeMoveTest : public ::testing::Test {
 protected:
  void start(const std::string& policy = "auto:class_lead=1", ReshapeOptions reshape = {.one_move_on_block = true}) {
    engine.emplace(
        Engine::create(
            {.policy = parse_policy(policy).value(), .seed = 1, .target = {}, .preemption = true, .reshape = reshape})
            .value());
    for (const JobProfile& known : {profile("light", 0.2, 6 * 1024), profile("heavy", 0.9, 40 * 1024)}) {
      ASSERT_TRUE(engine->observe({0, ProfileLoaded{known}}).ok());
    }
    ASSERT_TRUE(engine->observe({0, NodeAdded{gpu_node("a", model, 2)}}).ok());
  }
  PodId put(const GpuRequest& request, const GpuAssignment& part) {
    const PodId pod{next_pod++};
    EXPECT_TRUE(engine->observe({0, PodSubmitted{pod, engine->intern(request), 0}}).ok());
    EXPECT_TRUE(engine->observe({0, PodBound{pod, place_on(NodeId{0}, {part}), 0}}).ok());
    return pod;
  }
  Decision decide(const GpuRequest& request, TimeNs now = 0) { return engine->decide(engine->intern(request), now); }

  std::optional<Engine> engine;
  std::uint32_t next_pod = 0;
};

TEST_F(ModeMoveTest, NothingMovesUnlessAskedFor) {
  start("auto:class_lead=1", {});
  put(job(JobClass::always_on, "light", 4), share_of(0, PartitionSharing::time_slice));
  put(job(JobClass::always_on, "light", 4), share_of(1, PartitionSharing::time_slice));
  EXPECT_STREQ(outcome_name(decide(whole_job())), "wait");
}

TEST_F(ModeMoveTest, ATenantJoinsAnotherGpuAndItsOwnBecomesWhole) {
  start();
  const PodId first = put(job(JobClass::always_on, "light", 4), share_of(0, PartitionSharing::time_slice));
  put(job(JobClass::always_on, "light", 4), share_of(1, PartitionSharing::time_slice));
  const Decision decision = decide(whole_job());
  ASSERT_STREQ(outcome_name(decision), "reshape");
  const auto& reshape = std::get<ReshapeThenBind>(decision);
  EXPECT_EQ(reshape.move.pod, first) << "equal costs: the first GPU in node order";
  EXPECT_EQ(reshape.move.to.gpus[0].gpu, 1);
  EXPECT_EQ(reshape.candidate.gpus[0].gpu, 0);
  EXPECT_EQ(reshape.candidate.gpus[0].share_milli, milli_per_unit);
  ASSERT_TRUE(reshape.mode);
  EXPECT_EQ(reshape.mode->mode, ModeKind::whole);

  const PodId newcomer{next_pod};
  ASSERT_TRUE(engine->observe({5, PodSubmitted{newcomer, engine->intern(whole_job()), 0}}).ok());
  std::vector<Action> actions;
  ASSERT_TRUE(engine->commit(newcomer, decision, 5, actions).ok());
  ASSERT_EQ(actions.size(), 2U);
  EXPECT_EQ(std::get<MovePod>(actions[0]).move, reshape.move);
  const NodeState& node = engine->state().node(NodeId{0}).state;
  EXPECT_EQ(node.gpus[0].sharing, PartitionSharing::exclusive);
  EXPECT_EQ(node.gpus[1].tenants, 2);
}

TEST_F(ModeMoveTest, AnInstanceMakesWayForALargerOne) {
  start();
  GpuRequest isolated = job(JobClass::always_on, "light", 4);
  isolated.isolation = Isolation::memory;
  for (const std::uint16_t gpu : {std::uint16_t{0}, std::uint16_t{1}}) {
    put(isolated, instance_on(gpu, model, "1g.10gb", 0));
  }
  GpuRequest large = job(JobClass::always_on, "heavy", 1.05);  // too fast for anything but all of a GPU
  large.isolation = Isolation::memory;
  const Decision decision = decide(large);
  ASSERT_STREQ(outcome_name(decision), "reshape");
  const auto& reshape = std::get<ReshapeThenBind>(decision);
  EXPECT_EQ(reshape.move.from.gpus[0].range.size, 1);
  EXPECT_NE(reshape.move.to.gpus[0].gpu, reshape.move.from.gpus[0].gpu);
  EXPECT_EQ(reshape.candidate.gpus[0].gpu, reshape.move.from.gpus[0].gpu);
}

TEST_F(ModeMoveTest, SessionsAndBurstsStay) {
  for (const JobClass stays : {JobClass::dev, JobClass::burst}) {
    start();
    put(job(stays, "light", 4), share_of(0, PartitionSharing::time_slice));
    put(job(stays, "light", 4), share_of(1, PartitionSharing::time_slice));
    EXPECT_STREQ(outcome_name(decide(whole_job())), "wait");
  }
}

TEST_F(ModeMoveTest, WhoWasMovedStaysForAWhile) {
  start("auto:class_lead=1", {.one_move_on_block = true, .cooldown_ns = 100});
  const PodId first = put(job(JobClass::always_on, "light", 4), share_of(0, PartitionSharing::time_slice));
  put(job(JobClass::dev, "light", 4), share_of(1, PartitionSharing::time_slice));
  const Decision decision = decide(whole_job());
  ASSERT_STREQ(outcome_name(decision), "reshape");
  PodMove move = std::get<ReshapeThenBind>(decision).move;
  ASSERT_EQ(move.pod, first);
  ASSERT_TRUE(engine->observe({10, PodMoved{move}}).ok());
  put(job(JobClass::dev, "light", 4), share_of(0, PartitionSharing::time_slice));
  std::swap(move.from, move.to);
  EXPECT_STREQ(outcome_name(decide(whole_job(), 50)), "wait");
}

TEST_F(ModeMoveTest, NobodyIsMovedWherePoolsOrEmptyGpusAreNeeded) {
  for (const auto& [policy, actuation] : {std::pair("pools:mig=1,time_slice=1,guard=slowdown", Actuation::per_instance),
                                          std::pair("auto:class_lead=1", Actuation::drain_gpu)}) {
    start(policy, {.one_move_on_block = true, .actuation = actuation});
    put(job(JobClass::always_on, "light", 4), share_of(0, PartitionSharing::time_slice));
    put(job(JobClass::always_on, "light", 4), share_of(1, PartitionSharing::time_slice));
    EXPECT_STREQ(outcome_name(decide(whole_job())), "wait") << policy;
  }
}

TEST_F(ModeMoveTest, ATenantThatNobodyElseTakesStays) {
  start();
  put(job(JobClass::always_on, "light", 4), share_of(0, PartitionSharing::time_slice));
  put(job(JobClass::batch, "heavy", 1.05), [] {
    GpuAssignment whole;
    whole.gpu = 1;
    whole.share_milli = milli_per_unit;
    return whole;
  }());
  EXPECT_STREQ(outcome_name(decide(whole_job())), "wait");
}

}  // namespace
}  // namespace gpusched
