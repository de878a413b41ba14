#include "gpusched/model/mig_lattice.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "gpusched/base/check.hpp"
#include "gpusched/model/gpu_catalog.hpp"

namespace gpusched {
namespace {

const MigLattice& lattice_of(const char* model) { return MigLattice::of(find_gpu_model(model).value()); }

struct Census {
  std::uint32_t states = 0, masks = 0;
  int maximal = 0, suboptimal = 0, edges = 0;
  std::vector<int> by_instances{};

  friend bool operator==(const Census&, const Census&) = default;
};

Census census_of(const MigLattice& lattice) {
  Census census{.states = lattice.state_count(), .masks = lattice.mask_count()};
  for (MigLattice::StateId state = 0; state < lattice.state_count(); ++state) {
    census.maximal += lattice.is_maximal(state) ? 1 : 0;
    census.suboptimal += lattice.is_suboptimal(state) ? 1 : 0;
    census.edges += lattice.creatable_count(state);
    const auto instances = static_cast<std::size_t>(std::popcount(lattice.placed(state)));
    census.by_instances.resize(std::max(census.by_instances.size(), instances + 1));
    ++census.by_instances[instances];
  }
  return census;
}

/// The state with these instances, each a (shape, start); no_state where two of them collide.
MigLattice::StateId state_with(const MigLattice& lattice, const std::vector<std::pair<int, int>>& instances) {
  MigLattice::StateId state = 0;
  for (const auto& [shape, start] : instances) {
    const auto& all = lattice.placements();
    const auto found = std::find_if(all.begin(), all.end(), [&, s = shape, b = start](const MigPlacement& placement) {
      return placement.shape == s && placement.range.start == b;
    });
    if (found == all.end()) {
      return MigLattice::no_state;
    }
    state = lattice.after_create(state, static_cast<int>(found - all.begin()));
    if (state == MigLattice::no_state) {
      return state;
    }
  }
  return state;
}

constexpr int shape_1g = 0, shape_1g_double = 1, shape_2g = 2, shape_3g = 3, shape_4g = 4, shape_7g = 5;

// The expected numbers of all counting tests: docs/models/mig-lattice.md.
TEST(MigLatticeTest, SevenSliceModelsHaveThePublishedCounts) {
  const MigLattice& lattice = lattice_of("A100-80GB");
  EXPECT_EQ(lattice.shapes().size(), 6U);
  EXPECT_EQ(lattice.placements().size(), 18U);
  EXPECT_EQ(census_of(lattice), (Census{.states = 723,
                                        .masks = 192,
                                        .maximal = 78,
                                        .suboptimal = 482,
                                        .edges = 2585,
                                        .by_instances = {1, 18, 97, 226, 239, 115, 25, 2}}));
}

TEST(MigLatticeTest, FiveProfilesOfTheFirstA100HaveNineteenMaximalLayouts) {
  std::vector<MigShape> shapes;
  for (const MigShape& shape : lattice_of("A100-40GB").shapes()) {
    if (shape.compute_slices != 1 || shape.memory_units != 2) {
      shapes.push_back(shape);
    }
  }
  EXPECT_EQ(census_of(MigLattice(shapes, 8, 7)), (Census{.states = 298,
                                                         .masks = 144,
                                                         .maximal = 19,
                                                         .suboptimal = 202,
                                                         .edges = 1005,
                                                         .by_instances = {1, 14, 55, 94, 83, 40, 10, 1}}));
}

TEST(MigLatticeTest, FourSliceModelsHaveThePublishedCounts) {
  const Census expected{
      .states = 26, .masks = 16, .maximal = 5, .suboptimal = 4, .edges = 51, .by_instances = {1, 7, 11, 6, 1}};
  EXPECT_EQ(census_of(lattice_of("A30-24GB")), expected);
  EXPECT_EQ(census_of(lattice_of("RTX-PRO-6000-Blackwell-96GB")), expected);
}

TEST(MigLatticeTest, ShapesAreSortedByMemoryThenCompute) {
  const auto shapes = lattice_of("H200-141GB").shapes();
  std::vector<std::pair<int, int>> sizes;
  for (const MigShape& shape : shapes) {
    sizes.emplace_back(shape.memory_units, shape.compute_slices);
  }
  EXPECT_EQ(sizes, (std::vector<std::pair<int, int>>{{1, 1}, {2, 1}, {2, 2}, {4, 3}, {4, 4}, {8, 7}}));
}

TEST(MigLatticeTest, PlacementsAreGroupedByShape) {
  const MigLattice& lattice = lattice_of("A100-80GB");
  std::vector<int> starts;
  for (const MigPlacement& placement : lattice.placements_of(shape_1g_double)) {
    EXPECT_EQ(placement.shape, shape_1g_double);
    EXPECT_EQ(placement.range.size, 2);
    starts.push_back(placement.range.start);
  }
  EXPECT_EQ(starts, (std::vector<int>{0, 2, 4, 6}));
}

TEST(MigLatticeTest, LabelProfilesShareTheShapeOfTheirInstance) {
  const GpuModelId model = find_gpu_model("RTX-PRO-6000-Blackwell-96GB").value();
  const MigLattice& lattice = MigLattice::of(model);
  EXPECT_EQ(lattice.shapes().size(), 3U);
  const auto shape_of = [&](const char* name) { return lattice.shape_of(find_mig_profile(model, name).value()); };
  for (const char* name : {"1g.24gb+me", "1g.24gb+gfx", "1g.24gb+me.all", "1g.24gb-me"}) {
    EXPECT_EQ(shape_of(name), shape_of("1g.24gb")) << name;
  }
  EXPECT_NE(shape_of("2g.48gb-me"), shape_of("1g.24gb-me"));
}

TEST(MigLatticeTest, StateIdsFollowBreadthFirstOrder) {
  const MigLattice& lattice = lattice_of("A100-80GB");
  EXPECT_EQ(lattice.occupancy(0), 0);
  for (int p = 0; p < 18; ++p) {
    EXPECT_EQ(lattice.after_create(0, p), static_cast<MigLattice::StateId>(p + 1));
  }
  const MigLattice again(gpu_model(find_gpu_model("A100-80GB").value()));
  for (MigLattice::StateId state = 0; state < lattice.state_count(); ++state) {
    EXPECT_EQ(again.placed(state), lattice.placed(state));
    EXPECT_LE(state == 0 ? 0 : std::popcount(lattice.placed(state - 1)), std::popcount(lattice.placed(state)));
  }
}

TEST(MigLatticeTest, CreateAndDestroyAreInverse) {
  const MigLattice& lattice = lattice_of("A100-80GB");
  for (MigLattice::StateId state = 0; state < lattice.state_count(); ++state) {
    for (int p = 0; p < static_cast<int>(lattice.placements().size()); ++p) {
      const bool placed = ((lattice.placed(state) >> p) & 1U) != 0;
      EXPECT_EQ(lattice.after_destroy(state, p) != MigLattice::no_state, placed);
      const MigLattice::StateId next = lattice.after_create(state, p);
      if (next != MigLattice::no_state) {
        const std::uint16_t mask = lattice.placements()[static_cast<std::size_t>(p)].range.mask();
        EXPECT_EQ(lattice.occupancy(state) & mask, 0);
        EXPECT_EQ(lattice.occupancy(next), lattice.occupancy(state) | mask);
        EXPECT_EQ(lattice.after_destroy(next, p), state);
      }
    }
  }
}

TEST(MigLatticeTest, FitIsAMaskTestBecauseComputeNeverBinds) {
  for (const char* model : {"A30-24GB", "A100-80GB", "RTX-PRO-6000-Blackwell-96GB"}) {
    const MigLattice& lattice = lattice_of(model);
    for (MigLattice::StateId state = 0; state < lattice.state_count(); ++state) {
      for (int p = 0; p < static_cast<int>(lattice.placements().size()); ++p) {
        const bool is_free =
            (lattice.occupancy(state) & lattice.placements()[static_cast<std::size_t>(p)].range.mask()) == 0;
        EXPECT_EQ(lattice.after_create(state, p) != MigLattice::no_state, is_free) << model;
      }
    }
  }
}

TEST(MigLatticeTest, ComputeLimitRefusesWhatMemoryWouldAllow) {
  const MigLattice lattice({{.compute_slices = 2, .memory_units = 1, .starts = {0, 1}}}, 2, 3);
  EXPECT_EQ(lattice.state_count(), 3U);
  EXPECT_TRUE(lattice.is_maximal(1));
}

TEST(MigLatticeTest, ScatteredSmallInstancesBlockBothHalves) {
  const MigLattice& lattice = lattice_of("A100-80GB");
  const auto scattered = state_with(lattice, {{shape_1g, 0}, {shape_1g, 1}, {shape_1g, 5}});
  ASSERT_NE(scattered, MigLattice::no_state);
  EXPECT_EQ(std::popcount(lattice.occupancy(scattered)), 3);
  EXPECT_EQ(state_with(lattice, {{shape_1g, 0}, {shape_1g, 1}, {shape_1g, 5}, {shape_3g, 0}}), MigLattice::no_state);
  EXPECT_EQ(state_with(lattice, {{shape_1g, 0}, {shape_1g, 1}, {shape_1g, 5}, {shape_3g, 4}}), MigLattice::no_state);
  EXPECT_TRUE(lattice.is_suboptimal(scattered));
}

TEST(MigLatticeTest, BestLayoutOfAnInstanceSetIsNotSuboptimal) {
  const MigLattice& lattice = lattice_of("A100-80GB");
  EXPECT_FALSE(lattice.is_suboptimal(0));
  EXPECT_FALSE(lattice.is_suboptimal(state_with(lattice, {{shape_1g, 6}})));
  EXPECT_TRUE(lattice.is_suboptimal(state_with(lattice, {{shape_1g, 0}})));
  EXPECT_FALSE(lattice.is_suboptimal(state_with(lattice, {{shape_2g, 4}})));
  EXPECT_TRUE(lattice.is_suboptimal(state_with(lattice, {{shape_3g, 0}})));
}

TEST(MigLatticeTest, MaximalStatesTakeNothingMore) {
  const MigLattice& lattice = lattice_of("A100-80GB");
  EXPECT_TRUE(lattice.is_maximal(state_with(lattice, {{shape_7g, 0}})));
  EXPECT_TRUE(lattice.is_maximal(state_with(lattice, {{shape_4g, 0}, {shape_3g, 4}})));
  const auto four_alone = state_with(lattice, {{shape_4g, 0}});
  EXPECT_FALSE(lattice.is_maximal(four_alone));
  EXPECT_EQ(lattice.creatable_count(four_alone), 7);  // 1g at 4, 5, 6; double-memory 1g at 4, 6; 2g at 4; 3g at 4
}

TEST(MigLatticeTest, SharedLatticeIsOneObjectPerModel) {
  EXPECT_EQ(&lattice_of("A30-24GB"), &lattice_of("A30-24GB"));
  EXPECT_NE(&lattice_of("A30-24GB"), &lattice_of("A100-40GB"));
}

TEST(MigLatticeTest, ModelWithoutLatticeIsABugOfTheCaller) {
  EXPECT_THROW(lattice_of("T4-16GB"), InvariantError);
  EXPECT_THROW(MigLattice(gpu_model(find_gpu_model("RTX-PRO-5000-Blackwell-48GB").value())), InvariantError);
}

TEST(MigLatticeTest, PlacementOutsideTheGpuIsABugOfTheCaller) {
  EXPECT_THROW(MigLattice({{.compute_slices = 1, .memory_units = 2, .starts = {3}}}, 4, 4), InvariantError);
  EXPECT_THROW(MigLattice({{.compute_slices = 1, .memory_units = 1, .starts = {-1}}}, 4, 4), InvariantError);
}

}  // namespace
}  // namespace gpusched
