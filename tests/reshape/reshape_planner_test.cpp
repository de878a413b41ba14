#include "gpusched/reshape/reshape_planner.hpp"

#include <algorithm>
#include <bit>

#include <gtest/gtest.h>

#include "reshape/layout_builders.hpp"

namespace gpusched {
namespace {

using test::empty_gpu;
using test::layout_in_state;
using test::model_named;
using test::place;
using Kind = ReshapeStepKind;
using StateId = MigLattice::StateId;

MigProfileId profile(GpuModelId model, const char* name) { return find_mig_profile(model, name).value(); }

std::vector<Kind> kinds(const ReshapePlan& plan) {
  std::vector<Kind> all;
  for (const ReshapeStep& step : plan.steps) {
    all.push_back(step.kind);
  }
  return all;
}

/// A second opinion on every prefix, on nothing but masks: no two instances overlap, pinned ones are where they were
/// and no step names them.
void expect_legal_prefixes(const ReshapePlan& plan, const MigLattice& lattice) {
  const GpuLayout& start = plan.from.gpus.front();
  ReshapeState state = plan.from;
  for (const ReshapeStep& step : plan.steps) {
    const auto is_touched = [&](const PlacedPartition& part) {
      return part.use == PartitionUse::pinned && (step.at.range == part.range || step.to.range == part.range);
    };
    ASSERT_TRUE(std::none_of(start.partitions.begin(), start.partitions.end(), is_touched));
    ASSERT_TRUE(apply_step(state, step, plan.actuation).ok());
    std::uint32_t occupied = 0;
    std::size_t pods = state.stopped.size();
    for (const PlacedPartition& part : state.gpus.front().partitions) {
      ASSERT_GE(placement_index(lattice, lattice.shape_of(part.profile), part.range), 0);
      ASSERT_EQ(occupied & part.range.mask(), 0U);
      occupied |= part.range.mask();
      pods += part.use == PartitionUse::idle ? 0 : 1;
    }
    const auto was_busy = [](const PlacedPartition& part) { return part.use != PartitionUse::idle; };
    ASSERT_EQ(pods,
              static_cast<std::size_t>(std::count_if(start.partitions.begin(), start.partitions.end(), was_busy)));
    for (const PlacedPartition& part : start.partitions) {
      const auto& now = state.gpus.front().partitions;
      ASSERT_TRUE(part.use != PartitionUse::pinned || std::find(now.begin(), now.end(), part) != now.end());
    }
  }
}

void expect_undo_returns(const ReshapePlan& plan) {
  for (std::size_t done = 0; done <= plan.steps.size(); ++done) {
    const ReshapePlan back = undo(plan, done, {});
    const Result<ReshapeState> end = state_after(back, back.steps.size());
    ASSERT_TRUE(end.ok());
    ASSERT_EQ(end.value(), plan.from);
  }
}

/// The fewest moves after which an instance of `shape` is idle, over all states; -1 where none is possible.
int fewest_moves(const MigLattice& lattice, std::uint32_t pinned, std::uint32_t movable, int shape) {
  int best = -1;
  for (StateId state = 0; state < lattice.state_count(); ++state) {
    std::vector<int> spare(lattice.shapes().size(), 0);
    --spare[static_cast<std::size_t>(shape)];
    for (std::size_t p = 0; p < lattice.placements().size(); ++p) {
      spare[static_cast<std::size_t>(lattice.placements()[p].shape)] +=
          static_cast<int>(lattice.placed(state) >> p & 1U) - static_cast<int>((pinned | movable) >> p & 1U);
    }
    const int moves = std::popcount(movable & ~lattice.placed(state));
    if ((pinned & ~lattice.placed(state)) == 0 && *std::min_element(spare.begin(), spare.end()) >= 0 &&
        (best < 0 || moves < best)) {
      best = moves;
    }
  }
  return best;
}

void expect_sound_plan(GpuModelId model, StateId state, std::uint32_t pinned, std::uint32_t movable, int shape) {
  const MigLattice& lattice = MigLattice::of(model);
  const GpuLayout layout = layout_in_state(model, state, pinned, movable);
  const MigProfileId need = plain_profile(model, shape);
  const Result<ReshapeAnswer> answer = plan_room({&layout, 1}, 0, need, {});
  ASSERT_TRUE(answer.ok());
  const int moves = fewest_moves(lattice, pinned, movable, shape);
  ASSERT_EQ(answer.value().plan.has_value(), moves >= 0);
  if (moves < 0) {
    return;
  }
  const ReshapePlan& plan = *answer.value().plan;
  ASSERT_EQ(plan.moved_pods(), moves);
  ASSERT_TRUE(check_plan(plan, {&layout, 1}).ok());
  expect_legal_prefixes(plan, lattice);
  expect_undo_returns(plan);
  const GpuLayout end = state_after(plan, plan.steps.size()).value().gpus.front();
  ASSERT_TRUE(std::any_of(end.partitions.begin(), end.partitions.end(), [&](const PlacedPartition& part) {
    return part.profile == need && part.use == PartitionUse::idle;
  }));
}

/// Every subset of the instances of every state of the seven-slice lattice: 11,593 pairs of (state, pinned set).
template <typename Visit>
int for_each_pinned_set(const MigLattice& lattice, Visit visit) {
  int pairs = 0;
  for (StateId state = 0; state < lattice.state_count(); ++state) {
    const std::uint32_t placed = lattice.placed(state);
    std::uint32_t pinned = placed;
    while (true) {
      ++pairs;
      visit(state, pinned);
      if (::testing::Test::HasFatalFailure() || pinned == 0) {
        break;
      }
      pinned = (pinned - 1) & placed;
    }
  }
  return pairs;
}

TEST(ReshapePlannerTest, EveryPinnedSetOfEveryStateWithAllOthersMovable) {
  const GpuModelId model = model_named("A100-80GB");
  const MigLattice& lattice = MigLattice::of(model);
  const int pairs = for_each_pinned_set(lattice, [&](StateId state, std::uint32_t pinned) {
    for (int shape = 0; shape < 6; ++shape) {
      expect_sound_plan(model, state, pinned, lattice.placed(state) & ~pinned, shape);
    }
  });
  EXPECT_EQ(pairs, 11593);
}

TEST(ReshapePlannerTest, EveryPinnedSetOfEveryStateWithSomeOthersIdle) {
  const GpuModelId model = model_named("A100-80GB");
  const MigLattice& lattice = MigLattice::of(model);
  const int pairs = for_each_pinned_set(lattice, [&](StateId state, std::uint32_t pinned) {
    const std::uint32_t movable = lattice.placed(state) & ~pinned & (0x15555U << (state % 2));
    expect_sound_plan(model, state, pinned, movable, static_cast<int>(state % 6));
  });
  EXPECT_EQ(pairs, 11593);
}

TEST(ReshapePlannerTest, EveryPinnedSetReachesOtherLayouts) {
  const GpuModelId model = model_named("A100-80GB");
  const MigLattice& lattice = MigLattice::of(model);
  int plans = 0;
  const auto try_target = [&](StateId state, std::uint32_t pinned, std::uint32_t movable, StateId to) {
    const GpuLayout layout = layout_in_state(model, state, pinned, movable);
    const GpuLayout target = layout_in_state(model, to, 0, 0);
    const Result<ReshapeAnswer> answer = plan_layout({&layout, 1}, 0, target.partitions, {});
    ASSERT_TRUE(answer.ok());
    if (answer.value().plan) {
      ++plans;
      const ReshapePlan& plan = *answer.value().plan;
      expect_legal_prefixes(plan, lattice);
      expect_undo_returns(plan);
      ASSERT_EQ(lattice_state(state_after(plan, plan.steps.size()).value().gpus.front()).value(), to);
    }
  };
  const int pairs = for_each_pinned_set(lattice, [&](StateId state, std::uint32_t pinned) {
    // Four targets that hold what is pinned; half of the others hold pods.
    int tried = 0;
    for (std::uint32_t i = 0; i < lattice.state_count() && tried < 4; ++i) {
      const StateId to = (state * 37 + pinned * 11 + i * 5) % lattice.state_count();
      if ((pinned & ~lattice.placed(to)) == 0) {
        ++tried;
        try_target(state, pinned, lattice.placed(state) & ~pinned & 0x2aaaaU, to);
      }
    }
  });
  EXPECT_EQ(pairs, 11593);
  EXPECT_GT(plans, 10000);
}

TEST(ReshapePlannerTest, SmallLatticesToo) {
  for (const char* name : {"A30-24GB", "RTX-PRO-6000-Blackwell-96GB"}) {
    const GpuModelId model = model_named(name);
    const MigLattice& lattice = MigLattice::of(model);
    for_each_pinned_set(lattice, [&](StateId state, std::uint32_t pinned) {
      for (int shape = 0; shape < 3; ++shape) {
        expect_sound_plan(model, state, pinned, lattice.placed(state) & ~pinned, shape);
      }
    });
  }
}

TEST(ReshapePlannerTest, StartsThePodInItsNewInstanceBeforeTheOldOneGoes) {
  GpuLayout layout = empty_gpu(model_named("A100-80GB"));
  place(layout, "1g.10gb", 0, PartitionUse::pinned, 1);
  place(layout, "1g.10gb", 5, PartitionUse::movable, 2);
  const auto answer = plan_room({&layout, 1}, 0, profile(layout.model, "3g.40gb"), {}).value();
  ASSERT_TRUE(answer.plan.has_value());
  EXPECT_EQ(kinds(*answer.plan),
            (std::vector{Kind::create_instance, Kind::move_pod, Kind::destroy_instance, Kind::create_instance}));
  EXPECT_EQ(answer.plan->interrupted_pods(), 0);
  const ReshapeDurations times;
  const ReshapeTerms& elapsed = answer.plan->cost.elapsed;
  EXPECT_EQ(elapsed.geometry_ns, 2 * times.create_ns + times.destroy_ns);
  EXPECT_EQ(elapsed.job_restart_ns, times.job_restart_ns);
  EXPECT_EQ(elapsed.drain_ns + elapsed.mode_toggle_ns + elapsed.operator_restart_ns, 0);
  EXPECT_EQ(answer.plan->cost.lost_gpu.job_restart_ns, times.job_restart_ns / 8);
}

TEST(ReshapePlannerTest, SaysWhyThereIsNoPlan) {
  GpuLayout layout = empty_gpu(model_named("A100-80GB"));
  place(layout, "1g.10gb", 0, PartitionUse::pinned, 1);
  const auto answer = plan_room({&layout, 1}, 0, profile(layout.model, "4g.40gb"), {}).value();
  EXPECT_FALSE(answer.plan.has_value());
  EXPECT_NE(answer.reason.find("4g.40gb"), std::string::npos);
  EXPECT_NE(answer.reason.find("pinned"), std::string::npos);
}

TEST(ReshapePlannerTest, TheBudgetOfMovesHolds) {
  GpuLayout layout = empty_gpu(model_named("A100-80GB"));
  place(layout, "1g.10gb", 0, PartitionUse::movable, 1);
  place(layout, "1g.10gb", 1, PartitionUse::movable, 2);
  ReshapePlanOptions options;
  options.most_moved_pods = 1;
  const MigProfileId need = profile(layout.model, "4g.40gb");
  EXPECT_FALSE(plan_room({&layout, 1}, 0, need, options).value().plan.has_value());
  options.most_moved_pods = 2;
  EXPECT_EQ(plan_room({&layout, 1}, 0, need, options).value().plan->moved_pods(), 2);
}

TEST(ReshapePlannerTest, CappedLabelsStayWhereTheyAre) {
  GpuLayout layout = empty_gpu(model_named("A100-80GB"));
  place(layout, "1g.10gb+me", 0, PartitionUse::movable, 1);
  EXPECT_FALSE(plan_room({&layout, 1}, 0, profile(layout.model, "4g.40gb"), {}).value().plan.has_value());
  const auto labelled = plan_room({&layout, 1}, 0, profile(layout.model, "1g.10gb+me"), {});
  ASSERT_FALSE(labelled.ok());
  EXPECT_EQ(labelled.error().code, ErrorCode::unsupported);
}

TEST(ReshapePlannerTest, TargetsKeepTheLabelsThatAreThere) {
  GpuLayout layout = empty_gpu(model_named("A100-80GB"));
  place(layout, "1g.10gb+me", 6, PartitionUse::movable, 1);
  GpuLayout target = layout;
  place(target, "4g.40gb", 0, PartitionUse::idle);
  EXPECT_TRUE(plan_layout({&layout, 1}, 0, target.partitions, {}).value().plan.has_value());
  GpuLayout plain = empty_gpu(layout.model);
  place(plain, "1g.10gb", 6, PartitionUse::idle);
  for (const auto& [from, to] : {std::pair(layout, plain), std::pair(plain, layout)}) {
    const auto answer = plan_layout({&from, 1}, 0, to.partitions, {});
    ASSERT_FALSE(answer.ok());
    EXPECT_NE(answer.error().message.find("1g.10gb+me@6"), std::string::npos);
  }
}

TEST(ReshapePlannerTest, NoPlainInstanceBesideAllMediaEngines) {
  GpuLayout layout = empty_gpu(model_named("RTX-PRO-6000-Blackwell-96GB"));
  place(layout, "1g.24gb+me.all", 0, PartitionUse::movable, 1);
  const auto answer = plan_room({&layout, 1}, 0, profile(layout.model, "2g.48gb"), {}).value();
  EXPECT_FALSE(answer.plan.has_value());
  EXPECT_NE(answer.reason.find("+me.all"), std::string::npos);
}

TEST(ReshapePlannerTest, DrainsTheWholeGpuForMigParted) {
  GpuLayout layout = empty_gpu(model_named("H100-80GB-SXM5"));
  place(layout, "1g.10gb", 0, PartitionUse::movable, 1);
  place(layout, "3g.40gb", 4, PartitionUse::movable, 2);
  ReshapePlanOptions options;
  options.actuation = Actuation::drain_gpu;
  const auto answer = plan_room({&layout, 1}, 0, profile(layout.model, "2g.20gb"), options).value();
  ASSERT_TRUE(answer.plan.has_value());
  EXPECT_EQ(kinds(*answer.plan),
            (std::vector{Kind::drain_gpu, Kind::stop_pod, Kind::stop_pod, Kind::destroy_instance,
                         Kind::destroy_instance, Kind::create_instance, Kind::create_instance, Kind::create_instance,
                         Kind::restart_operator, Kind::start_pod, Kind::start_pod, Kind::resume_gpu}));
  EXPECT_TRUE(check_plan(*answer.plan, {&layout, 1}).ok());
  expect_undo_returns(*answer.plan);
  const ReshapeDurations times;
  const ReshapeTerms& elapsed = answer.plan->cost.elapsed;
  EXPECT_EQ(elapsed.drain_ns, times.drain_ns);
  EXPECT_EQ(elapsed.geometry_ns, times.apply_geometry_ns);
  EXPECT_EQ(elapsed.operator_restart_ns, times.operator_restart_ns);
  EXPECT_EQ(elapsed.job_restart_ns, times.job_restart_ns);

  layout.partitions.front().use = PartitionUse::pinned;
  const auto refused = plan_room({&layout, 1}, 0, profile(layout.model, "2g.20gb"), options).value();
  EXPECT_FALSE(refused.plan.has_value());
  EXPECT_NE(refused.reason.find("pinned"), std::string::npos);
}

TEST(ReshapePlannerTest, EveryStateDrainsAndUndoes) {
  const GpuModelId model = model_named("A100-80GB");
  const MigLattice& lattice = MigLattice::of(model);
  ReshapePlanOptions options;
  options.actuation = Actuation::drain_gpu;
  for (StateId state = 0; state < lattice.state_count(); ++state) {
    const GpuLayout layout = layout_in_state(model, state, 0, lattice.placed(state));
    for (int shape = 0; shape < 6; ++shape) {
      const auto answer = plan_room({&layout, 1}, 0, plain_profile(model, shape), options).value();
      ASSERT_EQ(answer.plan.has_value(), fewest_moves(lattice, 0, lattice.placed(state), shape) >= 0);
      if (answer.plan) {
        ASSERT_TRUE(check_plan(*answer.plan, {&layout, 1}).ok());
        expect_undo_returns(*answer.plan);
      }
    }
  }
}

TEST(ReshapePlannerTest, EnablingMigOnAmpereDrainsTheWholeNode) {
  std::vector<GpuLayout> node{empty_gpu(model_named("A100-80GB"), 0, 0), empty_gpu(model_named("A100-80GB"), 0, 1)};
  node[0].mig_enabled = false;
  place(node[1], "3g.40gb", 0, PartitionUse::movable, 7);
  ReshapePlanOptions options;
  const MigProfileId need = profile(node[0].model, "7g.80gb");
  const auto by_driver = plan_room(node, 0, need, options).value();
  EXPECT_FALSE(by_driver.plan.has_value());
  EXPECT_NE(by_driver.reason.find("reset"), std::string::npos);

  options.actuation = Actuation::drain_gpu;
  const auto answer = plan_room(node, 0, need, options).value();
  ASSERT_TRUE(answer.plan.has_value());
  EXPECT_EQ(kinds(*answer.plan),
            (std::vector{Kind::drain_gpu, Kind::drain_gpu, Kind::stop_pod, Kind::destroy_instance, Kind::enable_mig,
                         Kind::create_instance, Kind::create_instance, Kind::restart_operator, Kind::start_pod,
                         Kind::resume_gpu, Kind::resume_gpu}));
  const ReshapeDurations times;
  EXPECT_EQ(answer.plan->cost.elapsed.mode_toggle_ns, times.mode_toggle_ns + times.reset_ns);
  EXPECT_TRUE(check_plan(*answer.plan, node).ok());
  expect_undo_returns(*answer.plan);

  node.push_back(empty_gpu(model_named("A100-80GB"), 0, 2));
  EXPECT_NE(check_plan(*answer.plan, node).error().message.find("GPU 2"), std::string::npos)
      << "a GPU that the plan does not know would be reset";
  node[1].partitions.front().use = PartitionUse::pinned;
  EXPECT_FALSE(plan_room(node, 0, need, options).value().plan.has_value());
}

TEST(ReshapePlannerTest, HopperEnablesMigOnTheIdleGpuAlone) {
  GpuLayout layout = empty_gpu(model_named("H100-80GB-SXM5"));
  layout.mig_enabled = false;
  const auto answer = plan_room({&layout, 1}, 0, profile(layout.model, "3g.40gb"), {}).value();
  ASSERT_TRUE(answer.plan.has_value());
  EXPECT_EQ(kinds(*answer.plan), (std::vector{Kind::enable_mig, Kind::create_instance}));
  EXPECT_FALSE(answer.plan->steps.front().node_wide);

  layout.partitions.push_back({.profile = {}, .range = {}, .use = PartitionUse::movable, .pod = PodId{3}});
  EXPECT_FALSE(plan_room({&layout, 1}, 0, profile(layout.model, "3g.40gb"), {}).value().plan.has_value());
}

TEST(ReshapePlannerTest, MigPartedCannotMoveInstancesOfTheSameCounts) {
  GpuLayout layout = empty_gpu(model_named("A100-80GB"));
  place(layout, "1g.10gb", 0, PartitionUse::idle);
  GpuLayout target = empty_gpu(layout.model);
  place(target, "1g.10gb", 6, PartitionUse::idle);
  ReshapePlanOptions options;
  options.actuation = Actuation::drain_gpu;
  const auto answer = plan_layout({&layout, 1}, 0, target.partitions, options).value();
  EXPECT_FALSE(answer.plan.has_value());
  EXPECT_NE(answer.reason.find("counts"), std::string::npos);
}

TEST(ReshapePlannerTest, IllegalLayoutsAndModelsWithoutMigAreErrors) {
  GpuLayout layout = empty_gpu(model_named("A100-80GB"));
  place(layout, "3g.40gb", 1, PartitionUse::idle);
  const auto misplaced = plan_room({&layout, 1}, 0, profile(layout.model, "1g.10gb"), {});
  ASSERT_FALSE(misplaced.ok());
  EXPECT_NE(misplaced.error().message.find("3g.40gb@1"), std::string::npos);
  layout.partitions.clear();
  place(layout, "3g.40gb", 0, PartitionUse::idle);
  place(layout, "2g.20gb", 2, PartitionUse::idle);
  EXPECT_FALSE(plan_room({&layout, 1}, 0, profile(layout.model, "1g.10gb"), {}).ok());
  const GpuLayout t4 = empty_gpu(model_named("T4-16GB"));
  EXPECT_EQ(plan_room({&t4, 1}, 0, MigProfileId{0}, {}).error().code, ErrorCode::unsupported);
}

}  // namespace
}  // namespace gpusched
