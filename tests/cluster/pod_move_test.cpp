#include <string>

#include <gtest/gtest.h>

#include "gpusched/cluster/cluster_state.hpp"

#include "cluster_builders.hpp"

namespace gpusched {
namespace {

using namespace test;

constexpr const char* model = "A100-80GB";

/// One pod on GPU 0 of node a that may go to node b.
class PodMoveTest : public ::testing::Test {
 protected:
  PodMoveTest() {
    EXPECT_TRUE(state.apply({0, NodeAdded{gpu_node("a", model, 1)}}).ok());
    EXPECT_TRUE(state.apply({0, NodeAdded{gpu_node("b", model, 1)}}).ok());
    state.node_order();
    GpuRequest request = mig_request("2g.20gb");
    request.cpu_milli = 1000;
    EXPECT_TRUE(state.apply({0, PodSubmitted{pod, state.intern(request), 0}}).ok());
    EXPECT_TRUE(state.apply({0, PodBound{pod, move.from, 0}}).ok());
  }
  std::uint16_t occupancy(std::uint32_t node) const { return state.node(NodeId{node}).state.gpus[0].mig_occupancy; }
  std::int64_t cpu_used(std::uint32_t node) const { return 16'000 - state.node(NodeId{node}).state.cpu_free_milli; }
  void expect_refused(const Event& event) {
    const std::string before = visible_state(state);
    EXPECT_FALSE(state.apply(event).ok());
    EXPECT_EQ(visible_state(state), before);
  }
  void expect_ignored(const Event& event) {
    const std::string before = visible_state(state);
    EXPECT_TRUE(state.apply(event).ok());
    EXPECT_EQ(visible_state(state), before);
  }

  ClusterState state;
  PodId pod{0};
  PodMove move{.pod = pod,
               .from = place_on(NodeId{0}, {instance_on(0, model, "2g.20gb", 0)}),
               .to = place_on(NodeId{1}, {instance_on(0, model, "2g.20gb", 4)})};
};

TEST_F(PodMoveTest, WhileItMovesAPodHoldsBothPlaces) {
  ASSERT_TRUE(state.apply({1, PodMoveStarted{move}}).ok());
  EXPECT_EQ(occupancy(0), 0b00000011);
  EXPECT_EQ(occupancy(1), 0b00110000);
  EXPECT_EQ(cpu_used(0), 1000);
  EXPECT_EQ(cpu_used(1), 1000);
  EXPECT_EQ(state.moves_in_flight(), 1U);
  expect_ignored({1, PodMoveStarted{move}});
  ASSERT_TRUE(state.apply({2, PodMoved{move}}).ok());
  EXPECT_EQ(occupancy(0), 0);
  EXPECT_EQ(occupancy(1), 0b00110000);
  EXPECT_EQ(cpu_used(0), 0);
  EXPECT_EQ(state.pod(pod)->placement, move.to);
  EXPECT_EQ(state.pod(pod)->phase, PodPhase::bound);
  EXPECT_EQ(state.last_moved_ns(pod), 2);
  EXPECT_EQ(state.moves_in_flight(), 0U);
  expect_ignored({3, PodMoved{move}});
  expect_ignored({3, PodMoveStarted{move}});
  EXPECT_EQ(gpu_index_text(state), std::to_string(model_named(model).value) + "/0: 0 (1)\n" +
                                       std::to_string(model_named(model).value) + "/48: 1 (1)\n");
}

TEST_F(PodMoveTest, AMoveThatTakesNoTimeIsOneEvent) {
  ASSERT_TRUE(state.apply({1, PodMoved{move}}).ok());
  EXPECT_EQ(occupancy(0), 0);
  EXPECT_EQ(occupancy(1), 0b00110000);
}

TEST_F(PodMoveTest, AfterAFailureThePodIsWhereItWas) {
  const std::string before = visible_state(state);
  ASSERT_TRUE(state.apply({1, PodMoveStarted{move}}).ok());
  ASSERT_TRUE(state.apply({2, PodMoveFailed{move}}).ok());
  EXPECT_EQ(visible_state(state), before);
  EXPECT_EQ(state.last_moved_ns(pod), 2) << "a failed move starts the cool-down too";
  expect_ignored({3, PodMoveFailed{move}});
}

TEST_F(PodMoveTest, APodThatLeavesGivesBothPlacesBack) {
  ASSERT_TRUE(state.apply({1, PodMoveStarted{move}}).ok());
  ASSERT_TRUE(state.apply({2, PodEvicted{pod, 0}}).ok());
  EXPECT_EQ(occupancy(0), 0);
  EXPECT_EQ(occupancy(1), 0);
  EXPECT_EQ(cpu_used(1), 0);
  EXPECT_EQ(state.moves_in_flight(), 0U);
  EXPECT_EQ(state.used_mig_units(), 0);
  expect_refused({3, PodMoved{move}});
}

TEST_F(PodMoveTest, MovesFromElsewhereOrToWhereThereIsNoRoomAreRefused) {
  PodMove wrong = move;
  wrong.from.gpus[0].range.start = 2;
  expect_refused({1, PodMoved{wrong}});
  expect_refused({1, PodMoveStarted{wrong}});
  PodMove overlap = move;
  overlap.to = move.from;
  overlap.to.gpus[0].range.start = 1;  // an exchange creates beside the old instance
  expect_refused({1, PodMoved{overlap}});
  expect_refused({1, PodMoved{{.pod = PodId{9}, .from = move.from, .to = move.to}}});
  ASSERT_TRUE(state.apply({1, PodMoveStarted{move}}).ok());
  PodMove other = move;
  other.to.gpus[0].range.start = 0;
  expect_refused({2, PodMoved{other}});
  expect_refused({2, PodMoveStarted{other}});
}

TEST_F(PodMoveTest, ANodeToWhichAPodIsBeingMovedCannotBeRemoved) {
  ASSERT_TRUE(state.apply({1, PodMoveStarted{move}}).ok());
  expect_refused({2, NodeRemoved{NodeId{1}}});
}

TEST_F(PodMoveTest, APlaceMayCountOnAMove) {
  const GpuRequest large = mig_request("4g.40gb");
  const Candidate freed = place_on(NodeId{0}, {instance_on(0, model, "4g.40gb", 0)});
  EXPECT_FALSE(state.check_placement(large, freed, {}).ok());
  EXPECT_TRUE(state.check_placement(large, freed, {}, &move).ok());
  const Candidate taken = place_on(NodeId{1}, {instance_on(0, model, "3g.40gb", 4)});
  EXPECT_TRUE(state.check_placement(mig_request("3g.40gb"), taken, {}).ok());
  EXPECT_FALSE(state.check_placement(mig_request("3g.40gb"), taken, {}, &move).ok());
}

}  // namespace
}  // namespace gpusched
