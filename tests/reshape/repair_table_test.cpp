#include "gpusched/reshape/repair_table.hpp"

#include <array>
#include <bit>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <gtest/gtest.h>

#include "gpusched/model/gpu_catalog.hpp"

namespace gpusched {
namespace {

using Placed = std::uint32_t;  // bits over placements()

/// Brute force on sets of instances, without the lattice's transitions: is this set legal? The compute limit never
/// binds.
bool is_legal(const MigLattice& lattice, Placed placed) {
  std::uint16_t occupied = 0;
  for (std::size_t p = 0; p < lattice.placements().size(); ++p) {
    if (((placed >> p) & 1U) == 0) {
      continue;
    }
    const MigPlacement& placement = lattice.placements()[p];
    if ((occupied & placement.range.mask()) != 0) {
      return false;
    }
    occupied |= placement.range.mask();
  }
  return true;
}

bool takes(const MigLattice& lattice, Placed placed, int shape) {
  for (std::size_t p = 0; p < lattice.placements().size(); ++p) {
    if (lattice.placements()[p].shape == shape && ((placed >> p) & 1U) == 0 && is_legal(lattice, placed | 1U << p)) {
      return true;
    }
  }
  return false;
}

/// Tries every set of places for the instances of `start` beside each other: calls visit(placed) once per layout.
template <typename Visit>
void for_each_layout(const MigLattice& lattice, Placed start, Placed so_far, const Visit& visit) {
  if (start == 0) {
    visit(so_far);
    return;
  }
  const int shape = lattice.placements()[static_cast<std::size_t>(std::countr_zero(start))].shape;
  for (std::size_t to = 0; to < lattice.placements().size(); ++to) {
    const Placed next = so_far | 1U << to;
    if (lattice.placements()[to].shape == shape && next != so_far && is_legal(lattice, next)) {
      for_each_layout(lattice, start & (start - 1), next, visit);
    }
  }
}

/// (instances moved, units moved) of the cheapest repair; nothing where no layout of the instances has a place.
std::optional<std::pair<int, int>> brute_force(const MigLattice& lattice, Placed start, int shape) {
  std::optional<std::pair<int, int>> best;
  for_each_layout(lattice, start, 0, [&](Placed layout) {
    if (takes(lattice, layout, shape)) {
      int units = 0;
      for (std::size_t p = 0; p < lattice.placements().size(); ++p) {
        units += ((start & ~layout) >> p & 1U) != 0 ? lattice.placements()[p].range.size : 0;
      }
      const std::pair cost(std::popcount(start & ~layout), units);
      best = best ? std::min(*best, cost) : cost;
    }
  });
  return best;
}

void expect_repair_is_exact(const MigLattice& lattice, const RepairTable& table, MigLattice::StateId state, int shape) {
  const Repair& repair = table.at(state, shape);
  const auto expected = brute_force(lattice, lattice.placed(state), shape);
  ASSERT_EQ(repair.verdict == RepairVerdict::fits || repair.verdict == RepairVerdict::repairable, expected.has_value());
  if (!expected) {
    const int free = lattice.units() - std::popcount(lattice.occupancy(state));
    const int wanted = lattice.shapes()[static_cast<std::size_t>(shape)].memory_units;
    EXPECT_EQ(repair.verdict == RepairVerdict::no_capacity, free < wanted);
    return;
  }
  EXPECT_EQ(std::pair(int{repair.moves}, int{repair.units}), *expected);
  // The moves it names do what they cost and lead to the target; by exchange every layout on the way is legal.
  Placed placed = lattice.placed(state);
  Placed left = placed;
  Placed arrived = 0;
  int units = 0;
  const std::vector<InstanceMove> moves = table.moves(state, shape);
  for (const InstanceMove& move : moves) {
    ASSERT_NE(left >> move.from & 1U, 0U);
    ASSERT_EQ(arrived >> move.to & 1U, 0U);
    if (repair.by_exchange) {
      ASSERT_TRUE(is_legal(lattice, placed | 1U << move.to));
    }
    placed = (placed | 1U << move.to) & ~(1U << move.from);
    left &= ~(1U << move.from);
    arrived |= 1U << move.to;
    const MigPlacement& from = lattice.placements()[static_cast<std::size_t>(move.from)];
    ASSERT_EQ(from.shape, lattice.placements()[static_cast<std::size_t>(move.to)].shape);
    units += from.range.size;
  }
  EXPECT_EQ(std::pair(static_cast<int>(moves.size()), units), *expected);
  EXPECT_EQ(left | arrived, lattice.placed(repair.target));
  EXPECT_TRUE(is_legal(lattice, left | arrived));
  EXPECT_TRUE(takes(lattice, left | arrived, shape));
}

TEST(RepairTableTest, AgreesWithBruteForceForEveryLayoutAndRequestOfEveryLattice) {
  std::set<std::vector<std::pair<int, int>>> lattices_done;  // many models have the same lattice
  for (std::uint32_t id = 0; id < gpu_catalog().size(); ++id) {
    if (!gpu_catalog()[id].has_lattice()) {
      continue;
    }
    const MigLattice& lattice = MigLattice::of(GpuModelId{id});
    std::vector<std::pair<int, int>> key = {std::pair(lattice.units(), 0)};
    for (const MigPlacement& placement : lattice.placements()) {
      key.emplace_back(placement.range.start, placement.range.size);
      key.emplace_back(placement.shape, lattice.shapes()[static_cast<std::size_t>(placement.shape)].compute_slices);
    }
    if (!lattices_done.insert(key).second) {
      continue;
    }
    SCOPED_TRACE(gpu_catalog()[id].name);
    for (MigLattice::StateId state = 0; state < lattice.state_count(); ++state) {
      for (int shape = 0; shape < static_cast<int>(lattice.shapes().size()); ++shape) {
        expect_repair_is_exact(lattice, RepairTable::of(GpuModelId{id}), state, shape);
      }
    }
  }
  EXPECT_GE(lattices_done.size(), 3U) << "seven-slice with and without 1g double memory, and four-slice";
}

TEST(RepairTableTest, CountsOfTheSevenSliceLatticeAreTheKnownOnes) {
  const GpuModelId model = find_gpu_model("H100-SXM5-80GB").value();
  const MigLattice& lattice = MigLattice::of(model);
  std::map<RepairVerdict, int> by_verdict;
  std::array<int, 8> by_moves{}, by_exchange{};
  for (MigLattice::StateId state = 0; state < lattice.state_count(); ++state) {
    for (int shape = 0; shape < static_cast<int>(lattice.shapes().size()); ++shape) {
      const Repair& repair = RepairTable::of(model).at(state, shape);
      ++by_verdict[repair.verdict];
      ++by_moves[repair.moves];
      by_exchange[repair.moves] += repair.by_exchange ? 1 : 0;
    }
  }
  // Source: docs/models/repair-table.md; 723 states x 6 shapes.
  EXPECT_EQ(by_verdict[RepairVerdict::no_capacity], 2033);
  EXPECT_EQ(by_verdict[RepairVerdict::repairable] + by_verdict[RepairVerdict::fragmented], 869);
  EXPECT_EQ(by_verdict[RepairVerdict::fragmented], 115);
  EXPECT_EQ(by_moves[1], 566);
  EXPECT_EQ((std::array{by_moves[2], by_moves[3], by_moves[4], by_moves[5]}), (std::array{159, 28, 1, 0}));
  EXPECT_EQ(by_exchange[1], 566) << "one move alone never needs an instance to be without a place";
}

}  // namespace
}  // namespace gpusched
