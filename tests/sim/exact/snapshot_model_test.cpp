#include "gpusched/sim/exact/snapshot_model.hpp"

#include <map>
#include <string>

#include <gtest/gtest.h>

#include "gpusched/base/philox.hpp"
#include "gpusched/model/mig_packing.hpp"
#include "gpusched/sim/exact/snapshot_generator.hpp"

#include "cluster_builders.hpp"
#include "sim/exact/snapshot_brute_force.hpp"

namespace gpusched::sim {
namespace {

using gpusched::test::gpu_node;
using gpusched::test::instance_on;
using gpusched::test::mig_request;
using gpusched::test::place_on;
using gpusched::test::share_on;
using gpusched::test::share_request;
using gpusched::test::whole_request;

SnapshotJob job(std::string id, std::vector<SnapshotAlternative> alternatives,
                std::int64_t reject_cost_milli = 10'000) {
  return {.id = std::move(id), .alternatives = std::move(alternatives), .reject_cost_milli = reject_cost_milli};
}

SnapshotJob resident(SnapshotJob job, Candidate placement, std::int64_t move_cost_milli, bool pinned = false) {
  job.residence = {.alternative = 0, .placement = placement, .pinned = pinned, .move_cost_milli = move_cost_milli};
  return job;
}

SnapshotOptimum optimum_of(const Snapshot& snapshot) {
  Result<SnapshotOptimum> optimum = solve_snapshot(snapshot, {});
  EXPECT_TRUE(optimum.ok()) << optimum.error().to_string();
  EXPECT_EQ(optimum.value().status, SolverStatus::optimal);
  return std::move(optimum).value();
}

GpuRequest with_mode(GpuRequest request, SharingMode mode) {
  request.mode = mode;
  return request;
}

// cbc is installed by tools/setup: its absence is a failure, never a skip.
TEST(SnapshotModelTest, OptimumEqualsBruteForceOnSmallSnapshots) {
  std::map<std::string, int> seen;
  const SnapshotSize sizes[] = {{2, 4}, {2, 6}, {3, 4}, {3, 5}};
  for (std::uint64_t seed = 0; seed < 120; ++seed) {
    const SnapshotSize size = sizes[seed % 4];
    const Snapshot snapshot = generate_snapshot(size, 5000 + seed);
    test::SnapshotBruteForce brute_force(snapshot);
    const std::int64_t least = brute_force.least_cost_milli();
    const SnapshotOptimum optimum = optimum_of(snapshot);
    ASSERT_EQ(optimum.cost.total_milli(), least) << "seed " << 5000 + seed;
    ASSERT_EQ(optimum.bound_milli, least);
    seen["moved"] += optimum.cost.moved > 0 ? 1 : 0;
    seen["rejected"] += optimum.cost.rejected > 0 ? 1 : 0;
    for (std::size_t i = 0; i < snapshot.jobs.size(); ++i) {
      const SnapshotJob& of = snapshot.jobs[i];
      seen["pinned"] += of.residence && of.residence->pinned ? 1 : 0;
      const std::int32_t alternative = optimum.plan->choices[i].alternative;
      if (alternative >= 0) {
        const GpuRequest& request = of.alternatives[static_cast<std::size_t>(alternative)].request;
        seen[request.mode == SharingMode::mig   ? "mig"
             : request.mode == SharingMode::mps ? "mps"
             : request.gpu_milli == 1000        ? "whole"
                                                : "time slice"] += 1;
      }
    }
  }
  for (const char* kind : {"moved", "rejected", "pinned", "mig", "mps", "whole", "time slice"}) {
    EXPECT_GE(seen[kind], 5) << kind;  // the comparison covers it
  }
}

TEST(SnapshotModelTest, PatternsAndSingleGpusHaveTheSameOptimum) {
  int with_shares = 0;
  for (std::uint64_t seed = 0; seed < 24; ++seed) {
    const Snapshot snapshot = generate_snapshot({8, 30}, seed);
    const SnapshotOptimum optimum = optimum_of(snapshot);
    const SnapshotModel model = SnapshotModel::build(snapshot, 0).value();
    const SolverAnswer answer = solve(model.program(), {}).value();
    ASSERT_EQ(answer.status, SolverStatus::optimal);
    EXPECT_EQ(answer.cost, optimum.cost.total_milli());
    const Result<SnapshotCost> cost = check_plan(snapshot, model.plan_of(answer.values));
    ASSERT_TRUE(cost.ok()) << cost.error().to_string();
    EXPECT_EQ(cost.value().total_milli(), answer.cost);
    with_shares +=
        model.program().variables.size() != SnapshotModel::build(snapshot).value().program().variables.size();
  }
  EXPECT_GT(with_shares, 12);
}

TEST(SnapshotModelTest, FixedProfilesNeedAsManyGpusAsTheClosedForm) {
  const char* profiles[] = {"1g.10gb", "1g.20gb", "2g.20gb", "3g.40gb", "4g.40gb", "7g.80gb"};
  Philox random(11, StreamPurpose::request);
  for (int i = 0; i < 20; ++i) {
    MigCounts counts{};
    Snapshot snapshot;
    for (std::size_t shape = 0; shape < counts.size(); ++shape) {
      counts[shape] = random.next_below(i % 2 == 0 ? 12 : 40);
      for (std::int64_t n = 0; n < counts[shape]; ++n) {
        snapshot.jobs.push_back(job(profiles[shape] + std::to_string(n), {{mig_request(profiles[shape]), 0}}));
      }
    }
    for (int node = 0; node < 30; ++node) {
      snapshot.nodes.push_back({gpu_node("node" + std::to_string(node), "A100-80GB", 8), 1000});
    }
    const SnapshotOptimum optimum = optimum_of(snapshot);
    EXPECT_EQ(optimum.cost.gpus, min_gpus(counts));
    EXPECT_EQ(optimum.cost.rejected, 0);
  }
}

TEST(SnapshotModelTest, AMoveIsWorthItWhenItSavesMoreThanItCosts) {
  // A 1g at unit 0 stands in the way of a 4g; the other GPU costs 2,000 to open.
  Snapshot snapshot;
  snapshot.nodes.push_back({gpu_node("a", "A100-80GB", 2), 2000});
  snapshot.jobs.push_back(resident(job("small", {{mig_request("1g.10gb"), 0}}),
                                   place_on(NodeId{0}, {instance_on(0, "A100-80GB", "1g.10gb", 0)}), 1999));
  snapshot.jobs.push_back(job("large", {{mig_request("4g.40gb"), 0}}));
  SnapshotOptimum optimum = optimum_of(snapshot);
  EXPECT_EQ(optimum.cost.moved, 1);
  EXPECT_EQ(optimum.cost.total_milli(), 2000 + 1999);
  snapshot.jobs[0].residence->move_cost_milli = 2001;
  optimum = optimum_of(snapshot);
  EXPECT_EQ(optimum.cost.moved, 0);
  EXPECT_EQ(optimum.cost.gpus, 2);
  snapshot.jobs[0].residence->move_cost_milli = 0;
  snapshot.jobs[0].residence->pinned = true;
  EXPECT_EQ(optimum_of(snapshot).cost.gpus, 2);
}

TEST(SnapshotModelTest, CpuLimitsHoldPerNode) {
  Snapshot snapshot;
  for (const char* name : {"a", "b"}) {
    snapshot.nodes.push_back({gpu_node(name, "A100-80GB", 1), 1000});
    snapshot.nodes.back().spec.cpu_milli = 5000;
  }
  for (int i = 0; i < 4; ++i) {
    snapshot.jobs.push_back(job("j" + std::to_string(i), {{mig_request("1g.10gb"), 0}}));
    snapshot.jobs.back().alternatives[0].request.cpu_milli = 3000;
  }
  const SnapshotOptimum optimum = optimum_of(snapshot);  // 10 cores hold three, two nodes of 5 hold two
  EXPECT_EQ(optimum.cost.rejected, 2);
  EXPECT_EQ(optimum.cost.gpus, 2);
}

TEST(SnapshotModelTest, TimeSlicesAndMpsNeverShareAGpu) {
  Snapshot snapshot;
  snapshot.nodes.push_back({gpu_node("a", "L40S-48GB", 2), 1000});
  snapshot.jobs.push_back(job("turns", {{with_mode(share_request(250), SharingMode::time_slice), 0}}));
  snapshot.jobs.push_back(job("mps", {{with_mode(share_request(250), SharingMode::mps), 0}}));
  EXPECT_EQ(optimum_of(snapshot).cost.gpus, 2);
  snapshot.jobs[1].alternatives.push_back({with_mode(share_request(250), SharingMode::time_slice), 999});
  const SnapshotOptimum optimum = optimum_of(snapshot);
  EXPECT_EQ(optimum.cost.gpus, 1);
  EXPECT_EQ(optimum.cost.penalties_milli, 999);
}

TEST(SnapshotModelTest, SharedGpusHaveMemoryAndSeats) {
  Snapshot snapshot;
  snapshot.nodes.push_back({gpu_node("a", "L40S-48GB", 4), 1000});
  snapshot.nodes[0].spec.replicas = 3;
  for (int i = 0; i < 4; ++i) {
    snapshot.jobs.push_back(job("j" + std::to_string(i), {{share_request(100, 4096), 0}}));
  }
  EXPECT_EQ(optimum_of(snapshot).cost.gpus, 2);  // seats
  for (SnapshotJob& of : snapshot.jobs) {
    of.alternatives[0].request.gpu_memory_mib = 30'000;
  }
  EXPECT_EQ(optimum_of(snapshot).cost.gpus, 4);  // memory
}

TEST(SnapshotModelTest, JobsWithSeveralPartsStayOrMoveAsAWhole) {
  // Two instances of one job lie on both GPUs; a whole GPU is wanted. Moving the job costs less than rejecting.
  Snapshot snapshot;
  snapshot.nodes.push_back({gpu_node("a", "A100-80GB", 2), 0});
  snapshot.jobs.push_back(resident(
      job("two", {{mig_request("1g.10gb", 2), 0}}),
      place_on(NodeId{0}, {instance_on(0, "A100-80GB", "1g.10gb", 3), instance_on(1, "A100-80GB", "1g.10gb", 3)}),
      500));
  snapshot.jobs.push_back(job("whole", {{whole_request(1), 0}}));
  SnapshotOptimum optimum = optimum_of(snapshot);
  EXPECT_EQ(optimum.cost.total_milli(), 500);
  EXPECT_EQ(optimum.cost.moved, 1);
  snapshot.jobs[0] = resident(job("pair", {{whole_request(2), 0}}),
                              place_on(NodeId{0}, {share_on(0, 1000), share_on(1, 1000)}), 20'000);
  optimum = optimum_of(snapshot);
  EXPECT_EQ(optimum.cost.rejections_milli, 10'000);
  EXPECT_EQ(optimum.plan->choices[0].placement, snapshot.jobs[0].residence->placement);
}

TEST(SnapshotModelTest, JobsWithoutGpusTakeCpuOnly) {
  Snapshot snapshot;
  snapshot.nodes.push_back({gpu_node("a", "A100-80GB", 1), 1000});
  snapshot.jobs.push_back(
      resident(job("cpu", {{gpusched::test::cpu_request(12'000), 0}}), place_on(NodeId{0}), 100, true));
  snapshot.jobs.push_back(job("more", {{gpusched::test::cpu_request(5'000), 0}}, 50));
  const SnapshotOptimum optimum = optimum_of(snapshot);
  EXPECT_EQ(optimum.cost.total_milli(), 50);
  EXPECT_EQ(optimum.cost.gpus, 0);
}

TEST(SnapshotModelTest, SizeDoesNotGrowWithTheNumberOfEqualJobs) {
  const auto size_with = [](int jobs, int gpus) {
    Snapshot snapshot;
    snapshot.nodes.push_back({gpu_node("a", "A100-80GB", gpus), 1000});
    for (int i = 0; i < jobs; ++i) {
      const char* profile = i % 2 == 0 ? "2g.20gb" : "3g.40gb";
      snapshot.jobs.push_back(job("j" + std::to_string(i), {{mig_request(profile), 0}, {share_request(500), 7}}));
    }
    const SnapshotModel model = SnapshotModel::build(snapshot).value();
    return std::pair(model.program().variables.size(), model.program().rows.size());
  };
  EXPECT_EQ(size_with(10, 4), size_with(10'000, 4000));
}

TEST(SnapshotModelTest, NobodyToPlaceCostsNothing) {
  const Result<SnapshotOptimum> optimum = solve_snapshot(generate_snapshot({.gpus = 4, .jobs = 0}, 1), {});
  ASSERT_TRUE(optimum.ok()) << optimum.error().to_string();
  EXPECT_EQ(optimum.value().status, SolverStatus::optimal);
  ASSERT_TRUE(optimum.value().plan);
  EXPECT_EQ(optimum.value().cost.total_milli(), 0);
}

}  // namespace
}  // namespace gpusched::sim
