#include <optional>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "gpusched/engine/engine.hpp"

#include "cluster_builders.hpp"

namespace gpusched {
namespace {

using namespace test;

constexpr const char* model = "A100-80GB";
constexpr TimeNs cooldown = 100;

/// Nodes a and b with two GPUs each, and a 1g of class batch at unit 0 of the first.
class MoveRulesTest : public ::testing::Test {
 protected:
  MoveRulesTest() {
    engine.emplace(Engine::create({.policy = parse_policy("buddy").value(),
                                   .seed = 1,
                                   .target = {},
                                   .preemption = true,
                                   .reshape = {.cooldown_ns = cooldown}})
                       .value());
    observe({0, NodeAdded{gpu_node("a", model, 2)}});
    observe({0, NodeAdded{gpu_node("b", model, 2)}});
    pod = put(mig_request("1g.10gb"), 0, 0, 0);
  }
  void observe(const Event& event) {
    const Status applied = engine->observe(event);
    ASSERT_TRUE(applied.ok()) << applied.error().to_string();
  }
  PodId put(const GpuRequest& request, std::uint32_t node, std::uint16_t gpu, std::int16_t start) {
    const PodId put{next_pod++};
    observe({0, PodSubmitted{put, engine->intern(request), 0}});
    observe({0, PodBound{put, place_on(NodeId{node}, {instance_on(gpu, model, request.mig_profile, start)}), 0}});
    return put;
  }
  PodMove move_to(std::uint32_t node, std::uint16_t gpu, std::int16_t start) const {
    return {.pod = pod,
            .from = engine->state().pod(pod)->placement,
            .to = place_on(NodeId{node}, {instance_on(gpu, model, "1g.10gb", start)})};
  }

  std::optional<Engine> engine;
  std::uint32_t next_pod = 0;
  PodId pod;
};

TEST_F(MoveRulesTest, AFreePlaceOnAnotherNodeWillDo) { EXPECT_TRUE(engine->check_move(move_to(1, 0, 0), 0).ok()); }

TEST_F(MoveRulesTest, ATakenPlaceWillNot) {
  put(mig_request("4g.40gb"), 1, 0, 0);
  EXPECT_FALSE(engine->check_move(move_to(1, 0, 0), 0).ok());
  EXPECT_TRUE(engine->check_move(move_to(1, 0, 4), 0).ok());
}

TEST_F(MoveRulesTest, AGpuThatIsHeldTakesNobody) {
  observe({0, GpuHeld{.node = NodeId{1}, .gpu = 0}});
  EXPECT_FALSE(engine->check_move(move_to(1, 0, 0), 0).ok());
}

TEST_F(MoveRulesTest, ANodeThatIsDrainedTakesNobody) {
  observe({0, HealthChanged{.node = NodeId{1}, .health = NodeHealth::draining}});
  EXPECT_FALSE(engine->check_move(move_to(1, 0, 0), 0).ok());
}

TEST_F(MoveRulesTest, ANodeThatTheRequestRulesOutTakesNobody) {
  GpuRequest request = mig_request("1g.10gb");
  request.node_labels = {{"pool", "x"}};
  NodeSpec labelled = gpu_node("c", model, 1);
  labelled.labels = {{"pool", "x"}};
  observe({0, NodeAdded{labelled}});
  pod = put(request, 2, 0, 0);
  const Status refused = engine->check_move(move_to(1, 0, 0), 0);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message.find("labels"), std::string::npos) << refused.error().message;
}

TEST_F(MoveRulesTest, APodThatMovedStaysForItsCoolDown) {
  observe({10, PodMoved{move_to(1, 0, 0)}});
  EXPECT_FALSE(engine->may_move(pod, 10 + cooldown - 1));
  EXPECT_FALSE(engine->check_move(move_to(0, 0, 0), 10 + cooldown - 1).ok());
  EXPECT_TRUE(engine->may_move(pod, 10 + cooldown));
  EXPECT_TRUE(engine->check_move(move_to(0, 0, 0), 10 + cooldown).ok());
}

TEST_F(MoveRulesTest, AMoveFromElsewhereIsStale) {
  PodMove stale = move_to(1, 0, 0);
  stale.from.gpus[0].range.start = 1;
  const Status refused = engine->check_move(stale, 0);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().remedy, "");
}

TEST_F(MoveRulesTest, ClassesThatSufferStay) {
  for (const JobClass job_class : {JobClass::dev, JobClass::burst}) {
    GpuRequest request = mig_request("1g.10gb");
    request.job_class = job_class;
    EXPECT_FALSE(engine->may_move(put(request, 0, 1, static_cast<std::int16_t>(job_class)), 0));
  }
}

TEST_F(MoveRulesTest, FreeUnitsOfOneModelCountTogether) {
  for (std::uint32_t node : {0, 1}) {
    for (std::uint16_t gpu : {0, 1}) {
      put(mig_request("3g.40gb"), node, gpu, 4);
    }
  }
  // 15 units are left, four or three on each GPU.
  EXPECT_TRUE(engine->free_units_suffice(engine->intern(mig_request("7g.80gb"))));
  put(mig_request("3g.40gb"), 0, 1, 0);
  put(mig_request("3g.40gb"), 1, 0, 0);
  EXPECT_FALSE(engine->free_units_suffice(engine->intern(mig_request("7g.80gb"))));
  EXPECT_TRUE(engine->free_units_suffice(engine->intern(mig_request("4g.40gb"))));
  EXPECT_FALSE(engine->free_units_suffice(engine->intern(mig_request("1g.6gb")))) << "a profile of another model";
}

TEST_F(MoveRulesTest, WhoNamesNoProfileWantsWholeGpus) {
  for (std::uint32_t node : {0, 1}) {
    put(mig_request("4g.40gb"), node, 1, 0);
    put(mig_request("3g.40gb"), node, 1, 4);
    put(mig_request("3g.40gb"), node, 0, 4);
  }
  // 7 units are left: the 1g of the fixture has one of the two halves.
  EXPECT_FALSE(engine->free_units_suffice(engine->intern(whole_request(1))));
  observe({0, PodFinished{pod, 0}});
  EXPECT_TRUE(engine->free_units_suffice(engine->intern(whole_request(1))));
  EXPECT_FALSE(engine->free_units_suffice(engine->intern(whole_request(2))));
  GpuRequest elsewhere = whole_request(1);
  elsewhere.gpu_models = {"H100-80GB-SXM5"};
  EXPECT_FALSE(engine->free_units_suffice(engine->intern(elsewhere)));
  EXPECT_FALSE(engine->free_units_suffice(engine->intern(cpu_request(1000))));
}

/// A pod that states intent and was given an instance by a policy that chooses modes.
class ChosenInstanceTest : public ::testing::TestWithParam<std::pair<const char*, bool>> {};

TEST_P(ChosenInstanceTest, MovesWhereNeitherALayoutNorPoolsSayWhereItLies) {
  Engine engine = Engine::create({.policy = parse_policy(GetParam().first).value(),
                                  .seed = 1,
                                  .target = {},
                                  .preemption = true,
                                  .reshape = {}})
                      .value();
  ASSERT_TRUE(engine.observe({0, NodeAdded{gpu_node("a", model, 2)}}).ok());
  GpuRequest intent = whole_request(1);
  intent.job_class = JobClass::batch;
  intent.isolation = Isolation::memory;
  intent.gpu_memory_mib = 4096;
  ASSERT_TRUE(states_intent(intent));
  const PodId pod{0};
  ASSERT_TRUE(engine.observe({0, PodSubmitted{pod, engine.intern(intent), 0}}).ok());
  const Candidate place = place_on(NodeId{0}, {instance_on(0, model, "1g.10gb", 6)});
  ASSERT_TRUE(engine.observe({0, PodBound{pod, place, 0}}).ok());
  EXPECT_EQ(engine.may_move(pod, 0), GetParam().second) << GetParam().first;
  const PodMove move{.pod = pod, .from = place, .to = place_on(NodeId{0}, {instance_on(1, model, "1g.10gb", 6)})};
  EXPECT_EQ(engine.check_move(move, 0).ok(), GetParam().second);
}

INSTANTIATE_TEST_SUITE_P(Policies, ChosenInstanceTest,
                         ::testing::Values(std::pair("auto", true), std::pair("mig_dynamic", true),
                                           std::pair("mig_static:layout=smallest", false), std::pair("buddy", false)));

}  // namespace
}  // namespace gpusched
