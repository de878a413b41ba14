#include <algorithm>
#include <bit>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "gpusched/base/philox.hpp"
#include "gpusched/engine/engine.hpp"
#include "gpusched/model/mig_lattice.hpp"
#include "gpusched/score/mig_scores.hpp"

#include "cluster_builders.hpp"

namespace gpusched {
namespace {

using namespace test;

constexpr const char* model = "A100-80GB";

/// An engine that may move one pod, and pods put where we want them.
class OneMoveTest : public ::testing::Test {
 protected:
  void start(std::vector<NodeSpec> nodes, ReshapeOptions reshape = {.one_move_on_block = true}) {
    engine.emplace(
        Engine::create(
            {.policy = parse_policy("buddy").value(), .seed = 1, .target = {}, .preemption = true, .reshape = reshape})
            .value());
    for (NodeSpec& node : nodes) {
      ASSERT_TRUE(engine->observe({0, NodeAdded{std::move(node)}}).ok());
    }
    engine->decide(engine->intern(cpu_request(0)), 0);  // puts the nodes in order, so that states compare
  }
  PodId put(const GpuRequest& request, const std::string& node, std::uint16_t gpu, std::int16_t start) {
    const PodId pod{next_pod++};
    EXPECT_TRUE(engine->observe({0, PodSubmitted{pod, engine->intern(request), 0}}).ok());
    const Candidate place =
        place_on(engine->state().find_node(node), {instance_on(gpu, model, request.mig_profile, start)});
    EXPECT_TRUE(engine->observe({0, PodBound{pod, place, 0}}).ok());
    return pod;
  }
  Decision decide(const GpuRequest& request, TimeNs now = 0) { return engine->decide(engine->intern(request), now); }
  std::uint16_t occupancy(const std::string& node, std::size_t gpu) const {
    return engine->state().node(engine->state().find_node(node)).state.gpus[gpu].mig_occupancy;
  }

  std::optional<Engine> engine;
  std::uint32_t next_pod = 0;
};

TEST_F(OneMoveTest, NothingMovesUnlessAskedFor) {
  start({gpu_node("a", model, 1)}, {});
  put(mig_request("1g.10gb"), "a", 0, 0);
  EXPECT_STREQ(outcome_name(decide(mig_request("4g.40gb"))), "wait");
}

TEST_F(OneMoveTest, AnInstanceMovesInsideItsGpu) {
  start({gpu_node("a", model, 1)});
  const PodId small = put(mig_request("1g.10gb"), "a", 0, 0);
  const Decision decision = decide(mig_request("4g.40gb"));
  ASSERT_TRUE(std::holds_alternative<ReshapeThenBind>(decision));
  const auto& reshape = std::get<ReshapeThenBind>(decision);
  EXPECT_EQ(reshape.move.pod, small);
  EXPECT_EQ(reshape.move.to, place_on(NodeId{0}, {instance_on(0, model, "1g.10gb", 6)}));
  EXPECT_EQ(reshape.candidate, place_on(NodeId{0}, {instance_on(0, model, "4g.40gb", 0)}));

  const PodId large{next_pod};
  ASSERT_TRUE(engine->observe({5, PodSubmitted{large, engine->intern(mig_request("4g.40gb")), 0}}).ok());
  std::vector<Action> actions;
  ASSERT_TRUE(engine->commit(large, decision, 5, actions).ok());
  ASSERT_EQ(actions.size(), 2U);
  EXPECT_EQ(std::get<MovePod>(actions[0]).move, reshape.move);
  EXPECT_EQ(std::get<BindPod>(actions[1]).placement, reshape.candidate);
  EXPECT_EQ(occupancy("a", 0), 0b01001111);
  EXPECT_EQ(engine->state().last_moved_ns(small), 5);
}

TEST_F(OneMoveTest, AnInstanceMovesToAnotherGpuWhereItsOwnHasNoRoom) {
  start({gpu_node("a", model, 2)});
  const PodId small = put(mig_request("1g.10gb"), "a", 0, 0);
  put(mig_request("3g.40gb"), "a", 0, 4);
  put(mig_request("4g.40gb"), "a", 1, 0);
  put(mig_request("2g.20gb"), "a", 1, 4);
  const Decision decision = decide(mig_request("4g.40gb"));
  ASSERT_TRUE(std::holds_alternative<ReshapeThenBind>(decision));
  const auto& reshape = std::get<ReshapeThenBind>(decision);
  EXPECT_EQ(reshape.move.pod, small);
  EXPECT_EQ(reshape.move.to, place_on(NodeId{0}, {instance_on(1, model, "1g.10gb", 6)}));
  EXPECT_EQ(reshape.candidate, place_on(NodeId{0}, {instance_on(0, model, "4g.40gb", 0)}));
}

TEST_F(OneMoveTest, WhereTwoWouldHaveToMoveItWaits) {
  start({gpu_node("a", model, 1)});
  put(mig_request("1g.10gb"), "a", 0, 0);
  put(mig_request("1g.10gb"), "a", 0, 2);
  EXPECT_STREQ(outcome_name(decide(mig_request("4g.40gb"))), "wait");
}

TEST_F(OneMoveTest, DevAndBurstPodsNeverMove) {
  for (const auto& [job_class, outcome] :
       {std::pair(JobClass::dev, "wait"), std::pair(JobClass::burst, "wait"), std::pair(JobClass::batch, "reshape"),
        std::pair(JobClass::always_on, "reshape")}) {
    start({gpu_node("a", model, 1)});
    next_pod = 0;
    GpuRequest small = mig_request("1g.10gb");
    small.job_class = job_class;
    put(small, "a", 0, 0);
    EXPECT_STREQ(outcome_name(decide(mig_request("4g.40gb"))), outcome) << static_cast<int>(job_class);
  }
}

TEST_F(OneMoveTest, APodThatMovedStaysForTheCoolDown) {
  start({gpu_node("a", model, 1)}, {.one_move_on_block = true, .cooldown_ns = 100});
  const PodId small = put(mig_request("1g.10gb"), "a", 0, 2);
  const Candidate from = engine->state().pod(small)->placement;
  const Candidate to = place_on(NodeId{0}, {instance_on(0, model, "1g.10gb", 1)});
  ASSERT_TRUE(engine->observe({10, PodMoved{{.pod = small, .from = from, .to = to}}}).ok());
  EXPECT_STREQ(outcome_name(decide(mig_request("4g.40gb"), 109)), "wait");
  EXPECT_STREQ(outcome_name(decide(mig_request("4g.40gb"), 110)), "reshape");
}

TEST_F(OneMoveTest, TheBudgetLimitsMovesInFlight) {
  start({gpu_node("a", model, 2)}, {.one_move_on_block = true, .most_moves_in_flight = 1});
  const PodId small = put(mig_request("1g.10gb"), "a", 0, 0);
  const PodId other = put(mig_request("1g.10gb"), "a", 1, 0);
  EXPECT_STREQ(outcome_name(decide(mig_request("4g.40gb"))), "reshape");
  const Candidate from = engine->state().pod(other)->placement;
  const Candidate to = place_on(NodeId{0}, {instance_on(1, model, "1g.10gb", 1)});
  ASSERT_TRUE(engine->observe({0, PodMoveStarted{{.pod = other, .from = from, .to = to}}}).ok());
  EXPECT_STREQ(outcome_name(decide(mig_request("4g.40gb"))), "wait");
  EXPECT_TRUE(engine->state().pod(small)->holds_resources());
}

TEST_F(OneMoveTest, APodInFlightIsNotMovedAgain) {
  start({gpu_node("a", model, 1)});
  const PodId small = put(mig_request("1g.10gb"), "a", 0, 0);
  const Candidate from = engine->state().pod(small)->placement;
  const Candidate to = place_on(NodeId{0}, {instance_on(0, model, "1g.10gb", 4)});
  ASSERT_TRUE(engine->observe({0, PodMoveStarted{{.pod = small, .from = from, .to = to}}}).ok());
  EXPECT_STREQ(outcome_name(decide(mig_request("4g.40gb"))), "wait");
}

TEST_F(OneMoveTest, MovingGoesBeforeEvicting) {
  start({gpu_node("a", model, 1)});
  put(mig_request("1g.10gb"), "a", 0, 0);
  EXPECT_STREQ(outcome_name(decide(with_priority(mig_request("4g.40gb"), 5))), "reshape");
  EXPECT_STREQ(outcome_name(decide(with_priority(mig_request("7g.80gb"), 5))), "preempt");
}

TEST_F(OneMoveTest, TheMovedPodNeedsCpuAtBothPlaces) {
  NodeSpec node = gpu_node("a", model, 1);
  node.cpu_milli = 1500;
  start({node});
  GpuRequest small = mig_request("1g.10gb");
  small.cpu_milli = 1000;
  put(small, "a", 0, 0);
  EXPECT_STREQ(outcome_name(decide(mig_request("4g.40gb"))), "wait");
}

TEST_F(OneMoveTest, OnlyNodesOfTheScopeTakePart) {
  start({gpu_node("a", model, 1), gpu_node("b", model, 1)});
  put(mig_request("1g.10gb"), "a", 0, 0);
  put(mig_request("7g.80gb"), "b", 0, 0);
  const std::vector<NodeId> only_b = {engine->state().find_node("b")};
  const Decision decision = engine->decide(engine->intern(mig_request("4g.40gb")), 0, only_b);
  EXPECT_STREQ(outcome_name(decision), "wait");
}

TEST_F(OneMoveTest, DrainingAGpuNeedsEverybodyOnItToBeMovable) {
  for (const Actuation actuation : {Actuation::per_instance, Actuation::drain_gpu}) {
    start({gpu_node("a", model, 1)}, {.one_move_on_block = true, .actuation = actuation});
    next_pod = 0;
    put(mig_request("1g.10gb"), "a", 0, 0);
    GpuRequest dev = mig_request("1g.10gb");
    dev.job_class = JobClass::dev;
    put(dev, "a", 0, 6);
    EXPECT_STREQ(outcome_name(decide(mig_request("4g.40gb"))), actuation == Actuation::drain_gpu ? "wait" : "reshape");
  }
}

TEST_F(OneMoveTest, AStaleDecisionIsAnErrorAndChangesNothing) {
  start({gpu_node("a", model, 1)});
  const PodId small = put(mig_request("1g.10gb"), "a", 0, 0);
  const Decision decision = decide(mig_request("4g.40gb"));
  ASSERT_TRUE(std::holds_alternative<ReshapeThenBind>(decision));
  const PodId large{next_pod++};
  ASSERT_TRUE(engine->observe({0, PodSubmitted{large, engine->intern(mig_request("4g.40gb")), 0}}).ok());
  const PodId other = put(mig_request("1g.10gb"), "a", 0, 3);  // takes a unit that the newcomer was promised
  std::vector<Action> actions;
  std::string before = visible_state(engine->state());
  EXPECT_FALSE(engine->commit(large, decision, 1, actions).ok());
  EXPECT_EQ(visible_state(engine->state()), before);
  ASSERT_TRUE(engine->observe({1, PodFinished{other, 0}}).ok());
  ASSERT_TRUE(engine->observe({1, PodFinished{small, 0}}).ok());
  before = visible_state(engine->state());
  EXPECT_FALSE(engine->commit(large, decision, 1, actions).ok());
  EXPECT_EQ(visible_state(engine->state()), before);
  EXPECT_TRUE(actions.empty());
}

/// The least loss of BUDDY potential over every pod, every place it may go to and every window of the newcomer.
std::optional<std::int64_t> cheapest_by_brute_force(const ClusterState& state, int shape) {
  const MigLattice& lattice = MigLattice::of(model_named(model));
  const auto value = [&](std::uint16_t occupied) { return buddy_potential(lattice, occupied); };
  std::optional<std::int64_t> best;
  const GpuStates& gpus = state.node(NodeId{0}).state.gpus;
  for (const PodId pod : state.node(NodeId{0}).pods) {
    const GpuAssignment& held = state.pod(pod)->placement.gpus[0];
    const std::uint16_t source = gpus[held.gpu].mig_occupancy;
    for (const MigPlacement& window : lattice.placements_of(shape)) {
      const auto without = static_cast<std::uint16_t>(source & ~held.range.mask());
      if ((window.range.mask() & without) != 0) {
        continue;
      }
      const auto with_newcomer = static_cast<std::uint16_t>(without | window.range.mask());
      for (std::size_t to = 0; to < gpus.size(); ++to) {
        const std::uint16_t before = to == held.gpu ? with_newcomer : gpus[to].mig_occupancy;
        const int held_shape = lattice.shape_of(held.profile);
        for (const MigPlacement& target : lattice.placements_of(held_shape)) {
          if ((target.range.mask() & before) != 0 || (to == held.gpu && (target.range.mask() & source) != 0)) {
            continue;
          }
          const auto after = static_cast<std::uint16_t>(before | target.range.mask());
          const std::int64_t loss = value(source) - value(with_newcomer) + value(before) - value(after);
          best = std::min(best.value_or(loss), loss);
        }
      }
    }
  }
  return best;
}

TEST_F(OneMoveTest, TheMoveIsTheCheapestThereIs) {
  const std::vector<std::string> profiles = {"1g.10gb", "1g.20gb", "2g.20gb", "3g.40gb", "4g.40gb", "7g.80gb"};
  Philox draws(7, StreamPurpose::request);
  int moves = 0;
  for (int round = 0; round < 300; ++round) {
    start({gpu_node("a", model, 3)});
    next_pod = 0;
    for (int i = 0; i < 14; ++i) {
      const std::string& profile = profiles[draws.next_below(5)];
      const auto gpu = static_cast<std::uint16_t>(draws.next_below(3));
      const auto& starts =
          gpu_model(model_named(model)).profiles[find_mig_profile(model_named(model), profile).value().value].starts;
      const std::int16_t at = starts[draws.next_below(static_cast<std::uint32_t>(starts.size()))];
      const GpuAssignment part = instance_on(gpu, model, profile, at);
      if ((occupancy("a", gpu) & part.range.mask()) == 0) {
        put(mig_request(profile), "a", gpu, at);
      }
    }
    for (int shape = 0; shape < 6; ++shape) {
      const Decision decision = decide(mig_request(profiles[static_cast<std::size_t>(shape)]));
      if (std::holds_alternative<Bind>(decision)) {
        continue;
      }
      const std::optional<std::int64_t> expected = cheapest_by_brute_force(engine->state(), shape);
      ASSERT_EQ(std::holds_alternative<ReshapeThenBind>(decision), expected.has_value());
      if (expected) {
        EXPECT_EQ(std::get<ReshapeThenBind>(decision).cost, *expected);
        ++moves;
      }
    }
  }
  EXPECT_GT(moves, 200);
}

}  // namespace
}  // namespace gpusched
