#include "gpusched/reshape/lattice_graph.hpp"

#include <gtest/gtest.h>

#include <bit>

#include "reshape/layout_builders.hpp"

namespace gpusched {
namespace {

using test::model_named;
using StateId = MigLattice::StateId;

const LatticeGraph& seven_slices() { return LatticeGraph::of(model_named("A100-80GB")); }

/// State and bit of an instance.
std::uint32_t bit_of(int shape, int start) {
  const MigLattice& lattice = seven_slices().lattice();
  const auto size = static_cast<std::int16_t>(lattice.shapes()[static_cast<std::size_t>(shape)].memory_units);
  const int index = placement_index(lattice, shape, {.start = static_cast<std::int16_t>(start), .size = size});
  return 1U << index;
}

StateId state_of(std::uint32_t bits) {
  const MigLattice& lattice = seven_slices().lattice();
  StateId state = 0;
  for (; bits != 0; bits &= bits - 1) {
    state = lattice.after_create(state, std::countr_zero(bits));
  }
  return state;
}

// Counts of the published lattice: 2,585 creations, as many destructions; diameter 11, mean distance 5.25.
TEST(LatticeGraphTest, SevenSlicesHaveThePublishedEdgesAndDistances) {
  const LatticeGraph& graph = seven_slices();
  EXPECT_EQ(graph.edge_count(), 2U * 2585U);
  const std::uint32_t states = graph.lattice().state_count();
  int diameter = 0;
  std::int64_t sum = 0;
  for (StateId from = 0; from < states; from += 1) {
    for (StateId to = 0; to < states; to += 1) {
      // All pairs by the lattice's structure; the graph itself on a sample, as each answer is one search.
      const int apart = std::popcount(graph.lattice().placed(from) ^ graph.lattice().placed(to));
      if ((from * 31 + to) % 997 == 0) {
        EXPECT_EQ(graph.distance(from, to), apart);
      }
      diameter = std::max(diameter, apart);
      sum += apart;
    }
  }
  EXPECT_EQ(diameter, 11);
  const double pairs = static_cast<double>(states) * static_cast<double>(states - 1);
  EXPECT_NEAR(static_cast<double>(sum) / pairs, 5.25, 0.02);
}

TEST(LatticeGraphTest, NeedsNoStepsWhereAnIdleInstanceIsThere) {
  const auto path = seven_slices().to_room(state_of(bit_of(3, 4)), {}, 3, 0, {});
  ASSERT_TRUE(path.has_value());
  EXPECT_TRUE(path->steps.empty());
  EXPECT_EQ(path->cost, 0);
}

TEST(LatticeGraphTest, MovesOnePodOutOfTheWayAndCreatesBeforeItDestroys) {
  const std::uint32_t pods = bit_of(0, 0) | bit_of(0, 1) | bit_of(0, 5);
  const auto path = seven_slices().to_room(state_of(pods), {.movable = pods, .pinned = 0}, 3, 7, {});
  ASSERT_TRUE(path.has_value());
  EXPECT_EQ(path->moves, 1);
  EXPECT_EQ(path->interruptions, 0);
  ASSERT_EQ(path->steps.size(), 3U);
  EXPECT_TRUE(path->steps[0].create);
  EXPECT_EQ(path->steps[1], (LatticeStep{.create = false, .placement = std::countr_zero(bit_of(0, 5))}));
  EXPECT_EQ(path->steps[2], (LatticeStep{.create = true, .placement = std::countr_zero(bit_of(3, 4))}));
}

TEST(LatticeGraphTest, PinnedInstancesAndTheBudgetLimitWhatIsFound) {
  const std::uint32_t pods = bit_of(0, 0) | bit_of(0, 1) | bit_of(0, 5);
  const StateId from = state_of(pods);
  EXPECT_FALSE(seven_slices().to_room(from, {.movable = 0, .pinned = pods}, 3, 7, {}).has_value());
  EXPECT_FALSE(seven_slices().to_room(from, {.movable = pods, .pinned = 0}, 3, 0, {}).has_value());
  // The one at 5 is pinned: both at 0 and 1 go to the other half.
  const auto path = seven_slices().to_room(from, {.movable = pods & ~bit_of(0, 5), .pinned = bit_of(0, 5)}, 3, 7, {});
  ASSERT_TRUE(path.has_value());
  EXPECT_EQ(path->moves, 2);
}

// 3g at 0 and 2g at 4 with a 1g at 6: a 4g needs the left half, and no other 3g place is free until the 2g is gone.
TEST(LatticeGraphTest, AnInterruptionIsCountedWhereNoOrderAvoidsIt) {
  const std::uint32_t pods = bit_of(3, 0) | bit_of(3, 4);
  EXPECT_FALSE(seven_slices().to_room(state_of(pods), {.movable = pods, .pinned = 0}, 4, 7, {}).has_value());
  const std::uint32_t three = bit_of(3, 0) | bit_of(2, 4);
  const std::uint32_t swapped = bit_of(3, 4) | bit_of(2, 0);
  const auto path =
      seven_slices().to_layout(state_of(three), {.movable = three, .pinned = 0}, state_of(swapped), {});
  ASSERT_TRUE(path.has_value());
  EXPECT_EQ(path->moves, 2);
  EXPECT_EQ(path->interruptions, 1);
  EXPECT_EQ(path->steps.size(), 4U);
}

TEST(LatticeGraphTest, ALayoutWithoutRoomForThePodsIsNoTarget) {
  const std::uint32_t pods = bit_of(3, 0) | bit_of(3, 4);
  EXPECT_FALSE(
      seven_slices().to_layout(state_of(pods), {.movable = pods, .pinned = 0}, state_of(bit_of(3, 0)), {}).has_value());
  EXPECT_FALSE(seven_slices()
                   .to_layout(state_of(pods), {.movable = 0, .pinned = bit_of(3, 4)}, state_of(bit_of(4, 0)), {})
                   .has_value());
}

}  // namespace
}  // namespace gpusched
