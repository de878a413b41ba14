#include "gpusched/reshape/compaction.hpp"

#include <algorithm>
#include <bit>

#include <gtest/gtest.h>

#include "gpusched/base/philox.hpp"
#include "gpusched/model/mig_packing.hpp"

#include "reshape/layout_builders.hpp"

namespace gpusched {
namespace {

using namespace test;

/// GPUs in drawn states, two per node; each instance pinned, movable or idle by chance in thousandths.
std::vector<GpuLayout> drawn_gpus(GpuModelId model, std::size_t count, std::uint64_t seed, std::uint32_t pinned_milli,
                                  std::uint32_t idle_milli) {
  Philox random(seed, StreamPurpose::arrival, 0);
  const MigLattice& lattice = MigLattice::of(model);
  std::vector<GpuLayout> gpus;
  for (std::uint32_t g = 0; g < count; ++g) {
    const auto state = random.next_below(lattice.state_count());
    std::uint32_t pinned = 0, movable = 0;
    for (std::uint32_t bits = lattice.placed(state); bits != 0; bits &= bits - 1) {
      const auto draw = random.next_below(1000);
      const std::uint32_t bit = bits & ~(bits - 1);
      pinned |= draw < pinned_milli ? bit : 0U;
      movable |= draw >= pinned_milli + idle_milli ? bit : 0U;
    }
    gpus.push_back(layout_in_state(model, state, pinned, movable, 100 * g));
    gpus.back().node = NodeId{g / 2};
    gpus.back().gpu = static_cast<std::uint16_t>(g % 2);
  }
  return gpus;
}

std::uint16_t busy_mask(const GpuLayout& gpu) {
  std::uint16_t mask = 0;
  for (const PlacedPartition& part : gpu.partitions) {
    mask = static_cast<std::uint16_t>(mask | (part.use == PartitionUse::idle ? 0 : part.range.mask()));
  }
  return mask;
}

/// The plan carried out on all GPUs, with what must never happen checked on the way.
std::vector<GpuLayout> carry_out(const std::vector<GpuLayout>& gpus, const CompactionPlan& compaction) {
  EXPECT_TRUE(check_plan(compaction.plan, gpus).ok());
  ReshapeState state = compaction.plan.from;
  for (const ReshapeStep& step : compaction.plan.steps) {
    EXPECT_TRUE(apply_step(state, step, Actuation::per_instance).ok());
    EXPECT_TRUE(state.stopped.empty());
  }
  std::vector<GpuLayout> after = gpus;
  for (const GpuLayout& gpu : state.gpus) {
    const auto same = std::find_if(after.begin(), after.end(), [&](const GpuLayout& other) {
      return other.node == gpu.node && other.gpu == gpu.gpu;
    });
    *same = gpu;
  }
  return after;
}

void expect_sound(const std::vector<GpuLayout>& gpus, const CompactionPlan& compaction) {
  const std::vector<GpuLayout> after = carry_out(gpus, compaction);
  std::vector<std::uint32_t> pods_before, pods_after;
  for (std::size_t i = 0; i < gpus.size(); ++i) {
    const bool is_emptied =
        std::find(compaction.emptied.begin(), compaction.emptied.end(), i) != compaction.emptied.end();
    EXPECT_TRUE(!is_emptied || after[i].partitions.empty());
    EXPECT_TRUE(busy_mask(gpus[i]) != 0 || after[i] == gpus[i]) << "an empty GPU was opened";
    for (const PlacedPartition& part : gpus[i].partitions) {
      const auto& now = after[i].partitions;
      EXPECT_TRUE(part.use != PartitionUse::pinned || std::find(now.begin(), now.end(), part) != now.end());
      if (part.use != PartitionUse::idle) pods_before.push_back(part.pod.value);
    }
    for (const PlacedPartition& part : after[i].partitions) {
      if (part.use != PartitionUse::idle) pods_after.push_back(part.pod.value);
    }
  }
  std::sort(pods_before.begin(), pods_before.end());
  std::sort(pods_after.begin(), pods_after.end());
  EXPECT_EQ(pods_before, pods_after);
  const ReshapePlan back = undo(compaction.plan, compaction.plan.steps.size(), {});
  EXPECT_EQ(state_after(back, back.steps.size()).value(), compaction.plan.from);
}

/// The most GPUs that can be emptied onto the others in use, over all subsets, by the exact packing test.
int most_emptied(const std::vector<GpuLayout>& gpus) {
  const MigLattice& lattice = MigLattice::of(gpus[0].model);
  int best = 0;
  for (std::uint32_t subset = 1; subset < 1U << gpus.size(); ++subset) {
    MigFreeBlocks room = MigFreeBlocks::create(lattice).value();
    MigCounts pods{};
    bool allowed = true;
    for (std::size_t g = 0; g < gpus.size(); ++g) {
      const std::uint16_t mask = busy_mask(gpus[g]);
      if ((subset >> g & 1U) == 0) {
        if (mask != 0) room.add_gpu(mask);
        continue;
      }
      allowed = allowed && mask != 0;
      for (const PlacedPartition& part : gpus[g].partitions) {
        allowed = allowed && part.use != PartitionUse::pinned;
        if (part.use == PartitionUse::movable) {
          ++pods[static_cast<std::size_t>(lattice.shape_of(part.profile))];
        }
      }
    }
    if (allowed && room.fits(pods)) {
      best = std::max(best, std::popcount(subset));
    }
  }
  return best;
}

TEST(CompactionTest, NearlyAsManyGpusAsTheBestSubset) {
  int emptied = 0, best = 0;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    const auto gpus = drawn_gpus(model_named("A100-80GB"), 2 + seed % 7, seed, seed % 3 == 0 ? 0 : 100, 400);
    const CompactionPlan compaction = plan_compaction(gpus, {}).value();
    expect_sound(gpus, compaction);
    const int most = most_emptied(gpus);
    EXPECT_LE(static_cast<int>(compaction.emptied.size()), most) << "seed " << seed;
    emptied += static_cast<int>(compaction.emptied.size());
    best += most;
  }
  RecordProperty("emptied", emptied);
  RecordProperty("best", best);
  EXPECT_GT(best, 200);
  EXPECT_GE(emptied * 100, best * 99) << emptied << " of " << best;
}

TEST(CompactionTest, OtherLatticesToo) {
  for (const char* name : {"A30-24GB", "RTX-PRO-6000-Blackwell-96GB", "A100-40GB"}) {
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
      const auto gpus = drawn_gpus(model_named(name), 12, seed, 50, 400);
      const CompactionPlan compaction = plan_compaction(gpus, {}).value();
      expect_sound(gpus, compaction);
    }
  }
}

TEST(CompactionTest, MovesOnePodAndPrefersItsOwnNode) {
  std::vector<GpuLayout> gpus;
  for (std::uint32_t g = 0; g < 3; ++g) {
    gpus.push_back(empty_gpu(model_named("A100-80GB"), g == 1 ? 1 : 0, static_cast<std::uint16_t>(g)));
    place(gpus.back(), "3g.40gb", 0, g == 2 ? PartitionUse::movable : PartitionUse::pinned, g);
  }
  const CompactionPlan compaction = plan_compaction(gpus, {}).value();
  EXPECT_EQ(compaction.emptied, std::vector<std::size_t>{2});
  ASSERT_EQ(compaction.plan.steps.size(), 3U);
  EXPECT_EQ(compaction.plan.steps[1].kind, ReshapeStepKind::move_pod);
  EXPECT_EQ(compaction.plan.steps[1].to.node, NodeId{0});
  EXPECT_EQ(compaction.plan.steps[1].to.range.start, 4);
  std::swap(gpus[0].node, gpus[1].node);
  EXPECT_EQ(plan_compaction(gpus, {}).value().plan.steps[1].to.gpu, 1);
}

TEST(CompactionTest, TakesThePlaceThatBreaksLeast) {
  std::vector<GpuLayout> gpus{empty_gpu(model_named("A100-80GB"), 0, 0), empty_gpu(model_named("A100-80GB"), 0, 1),
                              empty_gpu(model_named("A100-80GB"), 0, 2)};
  place(gpus[0], "4g.40gb", 0, PartitionUse::pinned, 1);
  place(gpus[1], "1g.10gb", 2, PartitionUse::pinned, 2);
  place(gpus[2], "1g.10gb", 6, PartitionUse::movable, 3);
  const CompactionPlan compaction = plan_compaction(gpus, {}).value();
  ASSERT_EQ(compaction.plan.steps.size(), 3U);
  EXPECT_EQ(compaction.plan.steps[1].to.gpu, 1);
  EXPECT_EQ(compaction.plan.steps[1].to.range.start, 3);
}

// One 3g per GPU at 0, so that each GPU that stays has one place of the same loss: the fewest pods that leave their
// node are, node by node, those beyond its own places.
TEST(CompactionTest, AsFewPodsAsPossibleLeaveTheirNode) {
  int leaving = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Philox random(seed, StreamPurpose::order);
    std::vector<GpuLayout> gpus;
    for (std::uint32_t g = 0; g < 30; ++g) {
      gpus.push_back(empty_gpu(model_named("A100-80GB"), random.next_below(5), static_cast<std::uint16_t>(g)));
      place(gpus.back(), "3g.40gb", 0, random.next_below(2) == 0 ? PartitionUse::movable : PartitionUse::pinned, g);
    }
    const CompactionPlan compaction = plan_compaction(gpus, {}).value();
    std::vector<int> spare(5, 0);
    for (std::size_t g = 0; g < gpus.size(); ++g) {
      const bool goes = std::find(compaction.emptied.begin(), compaction.emptied.end(), g) != compaction.emptied.end();
      spare[gpus[g].node.value] += goes ? -1 : 1;
    }
    int fewest = 0, left = 0;
    for (const int places : spare) {
      fewest += std::max(0, -places);
    }
    for (const ReshapeStep& step : compaction.plan.steps) {
      left += step.kind == ReshapeStepKind::move_pod && step.at.node != step.to.node ? 1 : 0;
    }
    EXPECT_EQ(left, fewest) << "seed " << seed;
    leaving += left;
  }
  EXPECT_GT(leaving, 20);
}

TEST(CompactionTest, TheBudgetOfMovesHolds) {
  const auto gpus = drawn_gpus(model_named("A100-80GB"), 60, 7, 0, 500);
  const std::size_t all = plan_compaction(gpus, {}).value().emptied.size();
  CompactionOptions options;
  for (const int most : {0, 1, 5, 20}) {
    options.most_moved_pods = most;
    const CompactionPlan compaction = plan_compaction(gpus, options).value();
    EXPECT_LE(compaction.plan.moved_pods(), most);
    EXPECT_LE(compaction.emptied.size(), all);
    expect_sound(gpus, compaction);
  }
}

TEST(CompactionTest, PrefixesLeaveWholeGpusEmpty) {
  const auto gpus = drawn_gpus(model_named("A100-80GB"), 40, 3, 0, 500);
  const CompactionPlan compaction = plan_compaction(gpus, {}).value();
  ASSERT_GT(compaction.emptied.size(), 2U);
  const GpuLayout& first = gpus[compaction.emptied[0]];
  ReshapeState state = compaction.plan.from;
  std::size_t steps_on_first = 0;
  for (std::size_t i = 0; i < compaction.plan.steps.size(); ++i) {
    const ReshapeStep& step = compaction.plan.steps[i];
    steps_on_first = step.at.node == first.node && step.at.gpu == first.gpu ? i : steps_on_first;
  }
  for (std::size_t i = 0; i <= steps_on_first; ++i) {
    const ReshapeStep& step = compaction.plan.steps[i];
    EXPECT_TRUE(step.kind != ReshapeStepKind::move_pod || (step.at.node == first.node && step.at.gpu == first.gpu));
  }
}

TEST(CompactionTest, LeavesOtherGpusAlone) {
  std::vector<GpuLayout> gpus;
  for (std::uint16_t g = 0; g < 5; ++g) {
    gpus.push_back(empty_gpu(model_named(g == 4 ? "T4-16GB" : "A100-80GB"), 0, g));
  }
  place(gpus[0], "1g.10gb", 0, PartitionUse::movable, 1);
  place(gpus[1], "1g.10gb", 0, PartitionUse::movable, 2);
  place(gpus[2], "1g.10gb", 0, PartitionUse::movable, 3);
  gpus[0].drained = true;
  gpus[3].mig_enabled = false;
  EXPECT_EQ(plan_compaction(gpus, {}).value().emptied.size(), 1U) << "of the two that may take part";
  gpus[2].partitions[0].range.start = 7;
  EXPECT_FALSE(plan_compaction(gpus, {}).ok());
}

}  // namespace
}  // namespace gpusched
