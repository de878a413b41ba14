#include "gpusched/model/mig_packing.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <unordered_set>
#include <vector>

#include <gtest/gtest.h>

#include "gpusched/base/check.hpp"
#include "gpusched/base/philox.hpp"
#include "gpusched/model/gpu_catalog.hpp"

namespace gpusched {
namespace {

/// Packable count vectors, one 64-bit key each, so that the sum of two vectors is the sum of their keys.
using Keys = std::unordered_set<std::uint64_t>;

std::uint64_t key_of(const MigCounts& counts) {
  std::uint64_t key = 0;
  for (const std::int64_t count : counts) {
    key = (key << 8) + static_cast<std::uint64_t>(count);
  }
  return key;
}

const MigLattice& seven_slice() { return MigLattice::of(find_gpu_model("A100-80GB").value()); }

MigCounts instances_of(const MigLattice& lattice, MigLattice::StateId state) {
  MigCounts counts{};
  for (std::size_t p = 0; p < lattice.placements().size(); ++p) {
    counts[static_cast<std::size_t>(lattice.placements()[p].shape)] += (lattice.placed(state) >> p) & 1U;
  }
  return counts;
}

/// Brute force: every set of instances that finds room on one GPU beside the occupied units.
Keys beside(std::uint16_t mask) {
  Keys keys;
  const MigLattice& lattice = seven_slice();
  for (MigLattice::StateId state = 0; state < lattice.state_count(); ++state) {
    if ((lattice.occupancy(state) & mask) == 0) {
      keys.insert(key_of(instances_of(lattice, state)));
    }
  }
  return keys;
}

Keys sums(const Keys& a, const Keys& b) {
  Keys keys;
  for (const std::uint64_t x : a) {
    for (const std::uint64_t y : b) {
      keys.insert(x + y);
    }
  }
  return keys;
}

std::set<std::uint16_t> all_masks() {
  std::set<std::uint16_t> masks;
  for (MigLattice::StateId state = 0; state < seven_slice().state_count(); ++state) {
    masks.insert(seven_slice().occupancy(state));
  }
  return masks;
}

/// Most instances of one shape on one GPU, in the order of the shapes.
constexpr MigCounts most_on_one{7, 4, 3, 2, 1, 1};

template <typename Visit>
void for_every_vector(std::int64_t gpus, const Visit& visit) {
  MigCounts counts{};
  for (;;) {
    visit(counts);
    std::size_t digit = 0;
    while (digit < counts.size() && counts[digit] > most_on_one[digit] * gpus) {
      counts[digit++] = 0;  // one more than fits was visited, too
    }
    if (digit == counts.size()) {
      return;
    }
    ++counts[digit];
  }
}

TEST(MigPackingTest, ClosedFormEqualsBruteForceOnEveryVectorUpToFourGpus) {
  const Keys one = beside(0);
  ASSERT_EQ(one.size(), 78U);
  Keys packable{0};
  int vectors = 0, mismatches = 0;
  for (std::int64_t gpus = 1; gpus <= 4; ++gpus) {
    packable = sums(packable, one);
    for_every_vector(gpus, [&](const MigCounts& counts) {
      ++vectors;
      mismatches += packs(counts, gpus) == packable.contains(key_of(counts)) ? 0 : 1;
    });
  }
  EXPECT_EQ(packable.size(), 14110U);
  EXPECT_EQ(vectors, 3562600);
  EXPECT_EQ(mismatches, 0);
}

TEST(MigPackingTest, InequalitiesEqualTheGreedyUpToTwoThousandGpus) {
  Philox random(2, StreamPurpose::request);
  std::map<bool, int> seen;
  for (int i = 0; i < 20000; ++i) {
    const std::int64_t gpus = 1 + random.next_below(2000);
    MigCounts counts{};
    for (std::size_t shape = 0; shape < counts.size(); ++shape) {
      // Every shape alone asks for a sixth of the GPUs on average, all together for about all of them.
      counts[shape] = random.next_below(static_cast<std::uint32_t>(gpus * most_on_one[shape] / 3 + 1));
    }
    const std::int64_t least = min_gpus(counts);
    for (const std::int64_t tried : {gpus, std::max<std::int64_t>(least - 1, 0), least}) {
      MigFreeBlocks empty = MigFreeBlocks::create(seven_slice()).value();
      empty.add_gpu(0, tried);
      ASSERT_EQ(empty.fits(counts), packs(counts, tried));
      ++seen[packs(counts, tried)];
    }
  }
  EXPECT_GT(seen[true], 1000);
  EXPECT_GT(seen[false], 1000);
}

TEST(MigPackingTest, KnownOptima) {
  EXPECT_EQ(min_gpus({0, 0, 0, 0, 0, 0}), 0);
  EXPECT_EQ(min_gpus({7, 0, 0, 0, 0, 0}), 1);
  EXPECT_EQ(min_gpus({8, 0, 0, 0, 0, 0}), 2);
  EXPECT_EQ(min_gpus({0, 0, 0, 1, 1, 0}), 1);  // 4g + 3g
  EXPECT_EQ(min_gpus({0, 0, 0, 2, 1, 0}), 2);
  EXPECT_EQ(min_gpus({0, 0, 0, 0, 2, 0}), 2);  // a second 4g never fits
  EXPECT_EQ(min_gpus({0, 1, 3, 0, 0, 0}), 1);
  EXPECT_EQ(min_gpus({1, 0, 2, 1, 0, 0}), 2);  // 3g + 2g + 2g fills the GPU
  EXPECT_EQ(min_gpus({0, 0, 0, 0, 0, 1000000}), 1000000);
}

TEST(MigPackingTest, NegativeNumbersAreABugOfTheCaller) {
  EXPECT_THROW(min_gpus({-1, 0, 0, 0, 0, 0}), InvariantError);
  EXPECT_THROW(min_gpus({0, 0, 0, 0, 0, std::int64_t{1} << 60}), InvariantError);
}

TEST(MigPackingTest, OtherLatticesAreRefused) {
  for (const char* model : {"A30-24GB", "RTX-PRO-6000-Blackwell-96GB"}) {
    const MigLattice& lattice = MigLattice::of(find_gpu_model(model).value());
    EXPECT_EQ(check_seven_slice(lattice).error().code, ErrorCode::unsupported);
    EXPECT_EQ(MigFreeBlocks::create(lattice).error().code, ErrorCode::unsupported);
    EXPECT_EQ(MigFreeBlocks::from_masks(lattice, {}).error().code, ErrorCode::unsupported);
  }
}

TEST(MigPackingTest, SevenSliceModelsOfTheCatalogueAreAccepted) {
  for (std::uint32_t i = 0; i < gpu_catalog().size(); ++i) {
    if (gpu_catalog()[i].has_lattice() && gpu_catalog()[i].compute_slices == 7) {
      EXPECT_TRUE(check_seven_slice(MigLattice::of(GpuModelId{i})).ok()) << gpu_catalog()[i].name;
    }
  }
}

TEST(MigFreeBlocksTest, CountersEqualBruteForceBesideEveryMask) {
  const Keys on_an_empty_gpu = beside(0);
  for (const std::uint16_t mask : all_masks()) {
    const Keys expected = beside(mask);
    const MigFreeBlocks blocks = MigFreeBlocks::from_masks(seven_slice(), {&mask, 1}).value();
    int packable = 0;
    for (const std::uint64_t key : on_an_empty_gpu) {
      MigCounts counts{};
      for (std::size_t shape = 0; shape < counts.size(); ++shape) {
        counts[shape] = static_cast<std::int64_t>((key >> (8 * (5 - shape))) & 0xff);
      }
      ASSERT_EQ(blocks.fits(counts), expected.contains(key)) << mask;
      packable += expected.contains(key) ? 1 : 0;
    }
    EXPECT_EQ(packable, static_cast<int>(expected.size()));
  }
}

TEST(MigFreeBlocksTest, CountersEqualBruteForceBesideRandomPairsOfMasks) {
  const std::set<std::uint16_t> ordered = all_masks();
  ASSERT_EQ(ordered.size(), 192U);
  const std::vector<std::uint16_t> masks(ordered.begin(), ordered.end());
  Philox random(3, StreamPurpose::request);
  std::map<bool, int> seen;
  for (int i = 0; i < 300; ++i) {
    const std::vector<std::uint16_t> pair{masks[random.next_below(192)], masks[random.next_below(192)]};
    const Keys expected = sums(beside(pair[0]), beside(pair[1]));
    const MigFreeBlocks blocks = MigFreeBlocks::from_masks(seven_slice(), pair).value();
    for (int j = 0; j < 200; ++j) {
      MigCounts counts{};
      for (std::size_t shape = 0; shape < counts.size(); ++shape) {
        // Most vectors sparse: what is free beside two random masks is little.
        counts[shape] =
            random.next_below(3) == 0 ? random.next_below(static_cast<std::uint32_t>(most_on_one[shape]) + 1) : 0;
      }
      const bool fits = expected.contains(key_of(counts));
      ASSERT_EQ(blocks.fits(counts), fits);
      ++seen[fits];
    }
  }
  EXPECT_GT(seen[true], 5000);
  EXPECT_GT(seen[false], 5000);
}

TEST(MigFreeBlocksTest, ScatteredInstancesBlockWhatTheirNumberWouldAllow) {
  MigFreeBlocks blocks = MigFreeBlocks::create(seven_slice()).value();
  blocks.add_gpu(0b0010'0011);  // 1g at 0, 1 and 5
  EXPECT_FALSE(blocks.fits({0, 0, 0, 1, 0, 0}));
  EXPECT_TRUE(blocks.fits({1, 1, 1, 0, 0, 0}));
  EXPECT_FALSE(blocks.fits({2, 1, 1, 0, 0, 0}));
}

TEST(MigFreeBlocksTest, TakingAGpuBackForgetsIt) {
  MigFreeBlocks blocks = MigFreeBlocks::create(seven_slice()).value();
  blocks.add_gpu(0x0f, 2);
  EXPECT_TRUE(blocks.fits({0, 0, 0, 2, 0, 0}));
  blocks.add_gpu(0x0f, -1);
  EXPECT_FALSE(blocks.fits({0, 0, 0, 2, 0, 0}));
  EXPECT_TRUE(blocks.fits({0, 0, 0, 1, 0, 0}));
}

TEST(MigFreeBlocksTest, MaskOfAnotherGpuIsABugOfTheCaller) {
  MigFreeBlocks blocks = MigFreeBlocks::create(seven_slice()).value();
  EXPECT_THROW(blocks.add_gpu(0x100), InvariantError);
}

}  // namespace
}  // namespace gpusched
