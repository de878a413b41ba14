#include "gpusched/reshape/lattice_graph.hpp"

#include <bit>
#include <map>
#include <set>
#include <utility>

#include <gtest/gtest.h>

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

/// The cheapest cost by a search that knows nothing of targets: over what is placed and which instances hold a pod,
/// with pods that move, stop and start one by one, as often as they like. -1 where there is no way.
class ReferenceSearch {
 public:
  ReferenceSearch(const LatticeGraph& graph, StateId from, BusyInstances busy, int shape)
      : lattice_(graph.lattice()), pinned_(busy.pinned), shape_(shape) {
    reach({from, busy.movable | busy.pinned}, 0);
    pods_ = pods_by_shape(busy.movable | busy.pinned);
  }

  std::int64_t cheapest() {
    while (!open_.empty()) {
      const auto [cost, at] = *open_.begin();
      open_.erase(open_.begin());
      if (is_goal(at)) {
        return cost;
      }
      for (int p = 0; p < static_cast<int>(lattice_.placements().size()); ++p) {
        expand(at, cost, p);
      }
    }
    return -1;
  }

 private:
  using Vertex = std::pair<StateId, std::uint32_t>;  // placed instances, those that hold a pod

  int shape_of(int p) const { return lattice_.placements()[static_cast<std::size_t>(p)].shape; }
  std::vector<int> pods_by_shape(std::uint32_t busy) const {
    std::vector<int> pods(lattice_.shapes().size(), 0);
    for (; busy != 0; busy &= busy - 1) {
      ++pods[static_cast<std::size_t>(shape_of(std::countr_zero(busy)))];
    }
    return pods;
  }
  bool is_goal(const Vertex& at) const {
    bool has_room = false;
    for (std::uint32_t idle = lattice_.placed(at.first) & ~at.second; idle != 0; idle &= idle - 1) {
      has_room = has_room || shape_of(std::countr_zero(idle)) == shape_;
    }
    return has_room && pods_by_shape(at.second) == pods_;
  }
  void reach(const Vertex& vertex, std::int64_t cost) {
    const auto [known, is_new] = cost_.try_emplace(vertex, cost);
    if (!is_new && known->second <= cost) {
      return;
    }
    open_.erase({known->second, vertex});
    known->second = cost;
    open_.insert({cost, vertex});
  }
  void expand(const Vertex& at, std::int64_t cost, int p) {
    const LatticeCosts costs;
    const std::uint32_t bit = 1U << p;
    if ((lattice_.placed(at.first) & bit) == 0) {
      if (const StateId next = lattice_.after_create(at.first, p); next != MigLattice::no_state) {
        reach({next, at.second}, cost + costs.create);
      }
      return;
    }
    const auto shape = static_cast<std::size_t>(shape_of(p));
    if ((at.second & bit) == 0) {
      reach({lattice_.after_destroy(at.first, p), at.second}, cost + costs.destroy);
      if (pods_by_shape(at.second)[shape] < pods_[shape]) {
        reach({at.first, at.second | bit}, cost);  // a stopped pod starts
      }
    } else if ((pinned_ & bit) == 0) {
      const std::int64_t move = costs.move + costs.move_unit * lattice_.shapes()[shape].memory_units;
      reach({at.first, at.second & ~bit}, cost + move + costs.interruption);
      for (std::uint32_t idle = lattice_.placed(at.first) & ~at.second; idle != 0; idle &= idle - 1) {
        if (static_cast<std::size_t>(shape_of(std::countr_zero(idle))) == shape) {
          reach({at.first, (at.second & ~bit) | (idle & ~(idle - 1))}, cost + move);
        }
      }
    }
  }

  const MigLattice& lattice_;
  std::uint32_t pinned_;
  int shape_;
  std::vector<int> pods_;
  std::map<Vertex, std::int64_t> cost_;
  std::set<std::pair<std::int64_t, Vertex>> open_;
};

void expect_cheapest(const LatticeGraph& graph, StateId from, BusyInstances busy, int shape) {
  const auto path = graph.to_room(from, busy, shape, 16, {});
  ASSERT_EQ(path ? path->cost : -1, ReferenceSearch(graph, from, busy, shape).cheapest())
      << "state " << from << ", movable " << busy.movable << ", pinned " << busy.pinned << ", shape " << shape;
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
  const double pairs = static_cast<double>(states) * static_cast<double>(states);  // a state with itself included
  EXPECT_NEAR(static_cast<double>(sum) / pairs, 5.25, 0.005);
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
  const auto path = seven_slices().to_layout(state_of(three), {.movable = three, .pinned = 0}, state_of(swapped), {});
  ASSERT_TRUE(path.has_value());
  EXPECT_EQ(path->moves, 2);
  EXPECT_EQ(path->interruptions, 1);
  EXPECT_EQ(path->steps.size(), 4U);
}

TEST(LatticeGraphTest, NoOtherWayIsCheaperOnFourSlices) {
  const LatticeGraph& graph = LatticeGraph::of(model_named("A30-24GB"));
  for (StateId from = 0; from < graph.lattice().state_count(); ++from) {
    const std::uint32_t placed = graph.lattice().placed(from);
    for (std::uint32_t busy = placed;; busy = (busy - 1) & placed) {
      for (std::uint32_t pinned = busy;; pinned = (pinned - 1) & busy) {
        for (int shape = 0; shape < 3; ++shape) {
          expect_cheapest(graph, from, {.movable = busy & ~pinned, .pinned = pinned}, shape);
        }
        if (HasFatalFailure() || pinned == 0) break;
      }
      if (HasFatalFailure() || busy == 0) break;
    }
  }
}

TEST(LatticeGraphTest, NoOtherWayIsCheaperOnSevenSlices) {
  const MigLattice& lattice = seven_slices().lattice();
  for (std::uint32_t i = 0; i < 120 && !HasFatalFailure(); ++i) {
    const StateId from = i * 6 + 3;  // of all sizes: ids go by the number of instances
    const std::uint32_t busy = lattice.placed(from) & (i % 3 == 0 ? 0x2aaaaU : 0x3ffffU);
    const std::uint32_t pinned = busy & (i % 4 == 0 ? 0x00111U : i % 4 == 1 ? 0x24924U : 0U);
    expect_cheapest(seven_slices(), from, {.movable = busy & ~pinned, .pinned = pinned}, 2 + static_cast<int>(i % 3));
  }
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
