#include "gpusched/score/mig_scores.hpp"

#include <bit>
#include <vector>

#include <gtest/gtest.h>

#include "gpusched/model/gpu_catalog.hpp"

namespace gpusched {
namespace {

const MigLattice& lattice_of(const char* model) { return MigLattice::of(find_gpu_model(model).value()); }

// The seven-slice lattice: shapes 0..5 = 1g (starts 0-6), 1g double memory (0 2 4 6), 2g (0 2 4), 3g (0 4), 4g (0),
// 7g (0), in memory units 1 2 2 4 4 8.
const MigLattice& seven_slices() { return lattice_of("A100-80GB"); }

TEST(MigScoresTest, FreeUnitsAreThoseNotOccupied) {
  EXPECT_EQ(free_units(seven_slices(), 0), 8);
  EXPECT_EQ(free_units(seven_slices(), 0b1001'0110), 4);
  EXPECT_EQ(free_units(lattice_of("A30"), 0b0011), 2);
}

TEST(MigScoresTest, CreatableCountsEveryFreeStart) {
  EXPECT_EQ(creatable_count(seven_slices(), 0), 7 + 4 + 3 + 2 + 1 + 1);
  EXPECT_EQ(creatable_count(seven_slices(), 0xff), 0);
  // Unit 0 taken: 1g at 1..6, double at 2 4 6, 2g at 2 4, 3g at 4.
  EXPECT_EQ(creatable_count(seven_slices(), 0b1), 6 + 3 + 2 + 1);
  // Unit 6 taken: 1g at 0..5, double at 0 2 4, 2g at 0 2 4, 3g at 0, 4g at 0: the better place for a 1g.
  EXPECT_EQ(creatable_count(seven_slices(), 0b100'0000), 6 + 3 + 3 + 1 + 1);
  EXPECT_EQ(creatable_count(lattice_of("A30"), 0), 4 + 2 + 1);
}

TEST(MigScoresTest, CreatableCountAgreesWithTheLattice) {
  const MigLattice& lattice = seven_slices();
  for (MigLattice::StateId state = 0; state < lattice.state_count(); ++state) {
    ASSERT_EQ(creatable_count(lattice, lattice.occupancy(state)), lattice.creatable_count(state)) << state;
  }
}

TEST(MigScoresTest, MfiSumsTheSizesOfBlockedStarts) {
  EXPECT_EQ(mfi_fragmentation(seven_slices(), 0), 0);
  EXPECT_EQ(mfi_fragmentation(seven_slices(), 0xff), 0) << "nothing is smaller than nothing";
  // Unit 0 taken, 7 free: blocked are 1g@0 (1), double@0 (2), 2g@0 (2), 3g@0 (4), 4g@0 (4); 7g is too large to count.
  EXPECT_EQ(mfi_fragmentation(seven_slices(), 0b1), 13);
  // Unit 6 taken: 1g@6 (1), double@6 (2), 3g@4 (4).
  EXPECT_EQ(mfi_fragmentation(seven_slices(), 0b100'0000), 7);
  // Units 0-3 taken, 4 free: 1g x4 (4), double@0,2 (4), 2g@0,2 (4), 3g@0 (4), 4g@0 (4).
  EXPECT_EQ(mfi_fragmentation(seven_slices(), 0x0f), 20);
  // Units 0-6 taken, 1 free: only 1g count, all seven starts are blocked.
  EXPECT_EQ(mfi_fragmentation(seven_slices(), 0x7f), 7);
  // A30, unit 0 taken, 3 free: 1g@0 (1), 2g@0 (2).
  EXPECT_EQ(mfi_fragmentation(lattice_of("A30"), 0b1), 3);
}

TEST(MigScoresTest, BuddyPotentialWeighsFreeBlocks) {
  // W = units 0-7, L = 0-3, R = 4-7, pairs, the last pair (no 2g may start there), singles 0-6.
  constexpr std::int64_t W = 10'000, L = 1'000, R = 900, pair = 100, last_pair = 90, single = 10;
  const MigLattice& lattice = seven_slices();
  EXPECT_EQ(buddy_potential(lattice, 0), W + L + R + 3 * pair + last_pair + 7 * single);
  EXPECT_EQ(buddy_potential(lattice, 0xff), 0);
  EXPECT_EQ(buddy_potential(lattice, 0xf0), L + 2 * pair + 4 * single);
  EXPECT_EQ(buddy_potential(lattice, 0x0f), R + pair + last_pair + 3 * single);
  EXPECT_EQ(buddy_potential(lattice, 0b1), R + 2 * pair + last_pair + 6 * single);
  EXPECT_EQ(buddy_potential(lattice, 0b100'0000), L + 3 * pair + 6 * single);
  EXPECT_EQ(buddy_potential(lattice, 0x7f), 0) << "the eighth unit alone serves nobody";
  EXPECT_EQ(buddy_potential(lattice, 0b0011'1111), last_pair + single);
}

TEST(MigScoresTest, BuddyPotentialOfEveryOccupancyIsTheSumOfItsFreeBlocks) {
  struct Block {
    unsigned mask;
    std::int64_t weight;
  };
  std::vector<Block> blocks = {{0xff, 10'000}, {0x0f, 1'000}, {0xf0, 900}, {0x03, 100},
                               {0x0c, 100},    {0x30, 100},   {0xc0, 90}};
  for (unsigned unit = 0; unit < 7; ++unit) {
    blocks.push_back({1U << unit, 10});
  }
  for (unsigned occupancy = 0; occupancy < 256; ++occupancy) {
    std::int64_t expected = 0;
    for (const Block& block : blocks) {
      expected += (block.mask & occupancy) == 0 ? block.weight : 0;
    }
    ASSERT_EQ(buddy_potential(seven_slices(), static_cast<std::uint16_t>(occupancy)), expected) << occupancy;
  }
}

TEST(MigScoresTest, MaxCopiesCountsDisjointPlaces) {
  const MigLattice& lattice = seven_slices();
  EXPECT_EQ(max_copies(lattice, 0, 0), 7);
  EXPECT_EQ(max_copies(lattice, 1, 0), 4);
  EXPECT_EQ(max_copies(lattice, 2, 0), 3);
  EXPECT_EQ(max_copies(lattice, 3, 0), 2);
  EXPECT_EQ(max_copies(lattice, 4, 0), 1);
  EXPECT_EQ(max_copies(lattice, 5, 0), 1);
  EXPECT_EQ(max_copies(lattice, 2, 0b10), 2);
  EXPECT_EQ(max_copies(lattice, 3, 0b1000'0001), 0);
}

TEST(MigScoresTest, PlacesOfOneShapeNeverOverlapOnAnyModel) {
  // max_copies counts free places; that is right only where places of a shape are disjoint.
  for (std::uint32_t i = 0; i < gpu_catalog().size(); ++i) {
    if (!gpu_model(GpuModelId{i}).has_lattice()) {
      continue;
    }
    const MigLattice& lattice = MigLattice::of(GpuModelId{i});
    for (std::size_t shape = 0; shape < lattice.shapes().size(); ++shape) {
      std::uint16_t seen = 0;
      for (const MigPlacement& placement : lattice.placements_of(static_cast<int>(shape))) {
        EXPECT_EQ(seen & placement.range.mask(), 0) << gpu_model(GpuModelId{i}).name << " shape " << shape;
        seen |= placement.range.mask();
      }
    }
  }
}

TEST(MigScoresTest, FgdCountsFreeUnitsThatTheMixCannotUse) {
  const MigLattice& lattice = seven_slices();
  const std::vector<std::int64_t> only_1g = {1, 0, 0, 0, 0, 0};
  EXPECT_EQ(fgd_mig_fragmentation(lattice, only_1g, 0), 1) << "the eighth unit";
  EXPECT_EQ(fgd_mig_fragmentation(lattice, only_1g, 0x80), 0);
  const std::vector<std::int64_t> small_and_half = {2, 0, 0, 3, 0, 0};
  // Unit 0 taken: 1g use 6 of 7 free units, 3g use 4 of 7.
  EXPECT_EQ(fgd_mig_fragmentation(lattice, small_and_half, 0b1), 2 * 1 + 3 * 3);
  // Units 0 and 7 taken: 1g use 6 of 6, 3g none.
  EXPECT_EQ(fgd_mig_fragmentation(lattice, small_and_half, 0b1000'0001), 2 * 0 + 3 * 6);
  EXPECT_EQ(fgd_mig_fragmentation(lattice, small_and_half, 0xff), 0);
}

}  // namespace
}  // namespace gpusched
