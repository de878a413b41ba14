#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "gpusched/sim/cluster_builder.hpp"
#include "gpusched/sim/simulator.hpp"

namespace gpusched::sim {
namespace {

constexpr TimeNs forever = -1;

/// A cluster and jobs written by hand; times in seconds.
class Story {
 public:
  explicit Story(std::string_view cluster = "1xT4:1") {
    trace.nodes = parse_cluster_shorthand(cluster).value();
    options.policy.name = "first_fit";
  }

  JobSpec& job(const std::string& id, TimeNs submit_s, TimeNs duration_s, std::int32_t num_gpu = 1,
               std::int32_t gpu_milli = 1000) {
    JobSpec spec;
    spec.request.num_gpu = num_gpu;
    spec.request.gpu_milli = gpu_milli;
    trace.specs.push_back(spec);
    TraceJob row;
    row.id = id;
    row.submit_ns = submit_s * ns_per_s;
    row.duration_ns = duration_s < 0 ? forever : duration_s * ns_per_s;
    row.spec = static_cast<std::uint32_t>(trace.specs.size() - 1);
    trace.jobs.push_back(row);
    return trace.specs.back();
  }
  /// A job of the same spec as the first.
  void job_like_first(const std::string& id, TimeNs submit_s, TimeNs duration_s) {
    job(id, submit_s, duration_s);
    trace.specs.pop_back();
    trace.jobs.back().spec = 0;
  }
  void event(TimeNs time_s, const std::string& node, const std::string& what, TimeNs duration_s = -1) {
    TraceEvent event;
    event.time_ns = time_s * ns_per_s;
    event.target = "node";
    event.target_id = node;
    event.event = what;
    event.duration_ns = duration_s < 0 ? forever : duration_s * ns_per_s;
    trace.events.push_back(event);
  }
  SimulationResult run(std::span<ReplayObserver* const> observers = {}) {
    const Result<SimulationResult> result = simulate(trace, options, observers);
    EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().to_string());
    return result.ok() ? result.value() : SimulationResult{};
  }

  Trace trace;
  SimulationOptions options;
};

/// "start-end outcome", seconds; '-' for never.
std::string fate(const JobResult& job) {
  const auto text = [](TimeNs ns) { return ns < 0 ? std::string("-") : std::to_string(ns / ns_per_s); };
  return text(job.start_ns) + ".." + text(job.end_ns) + " " + to_string(job.outcome);
}

std::vector<std::string> fates(const SimulationResult& result) {
  std::vector<std::string> all;
  for (const JobResult& job : result.jobs) {
    all.push_back(fate(job));
  }
  return all;
}

using Fates = std::vector<std::string>;

/// Counts events by kind.
class Counter final : public ReplayObserver {
 public:
  void on_event(const Engine&, const Event& event) override { ++events[event.what.index()]; }
  void on_decision(const Engine&, TimeNs, std::span<const PodId>, std::span<const Decision>) override { ++decisions; }
  void on_arrival(const ArrivalSample& sample) override { samples.push_back(sample); }
  std::int64_t started() { return events[Event{0, PodStarted{}}.what.index()]; }

  std::map<std::size_t, std::int64_t> events;
  std::int64_t decisions = 0;
  std::vector<ArrivalSample> samples;
};

TEST(ReplayTest, AJobThatFitsStartsAtOnce) {
  Story story;
  story.job("a", 5, 10);
  const SimulationResult result = story.run();
  EXPECT_EQ(fates(result), (Fates{"5..15 finished"}));
  EXPECT_EQ(result.summary.jobs, 1);
  EXPECT_EQ(result.summary.accepted, 1);
  EXPECT_EQ(result.summary.finished, 1);
  EXPECT_EQ(result.summary.running, 0);
  EXPECT_EQ(result.summary.decisions, 1);
  EXPECT_DOUBLE_EQ(result.summary.acceptance, 1);
  EXPECT_DOUBLE_EQ(result.summary.span_s, 15);
}

TEST(ReplayTest, TimeMeansRunToTheLastArrival) {
  Story story;
  story.job("a", 0, 10);
  story.job("b", 20, 30);
  const SimulationResult result = story.run();
  EXPECT_DOUBLE_EQ(result.summary.span_s, 50);
  EXPECT_NEAR(result.summary.gpu_allocation, 10.0 / 20, 1e-12);
}

TEST(ReplayTest, TheLastJobInTheQueueRunsToItsEnd) {
  Story story;
  story.job("a", 0, 10);
  story.job("b", 1, 10);
  const SimulationResult result = story.run();
  EXPECT_EQ(fates(result), (Fates{"0..10 finished", "10..20 finished"}));
  EXPECT_DOUBLE_EQ(result.summary.wait_s_mean, 4.5);
  EXPECT_DOUBLE_EQ(result.summary.wait_s_p99, 9);
}

TEST(ReplayTest, ALongQueueDrainsOneByOne) {
  Story story;
  for (int i = 0; i < 6; ++i) {
    story.job("j" + std::to_string(i), 0, 10);
  }
  EXPECT_EQ(fates(story.run()), (Fates{"0..10 finished", "10..20 finished", "20..30 finished", "30..40 finished",
                                       "40..50 finished", "50..60 finished"}));
}

TEST(ReplayTest, RejectDropsWhatDoesNotFitAtOnce) {
  Story story;
  story.options.queue = QueueDiscipline::reject;
  story.job("a", 0, 10);
  story.job("b", 1, 10);
  story.job("c", 10, 10);
  const SimulationResult result = story.run();
  EXPECT_EQ(fates(result), (Fates{"0..10 finished", "-..1 rejected", "10..20 finished"}));
  EXPECT_EQ(result.jobs[1].reason, RejectReason::insufficient_gpus);
  EXPECT_EQ(result.summary.rejected, 1);
  EXPECT_EQ(result.summary.rejected_by_reason[static_cast<std::size_t>(RejectReason::insufficient_gpus)], 1);
  EXPECT_NEAR(result.summary.acceptance, 2.0 / 3, 1e-12);
}

TEST(ReplayTest, BackfillOvertakesAndFifoDoesNot) {
  const auto run = [](QueueDiscipline queue) {
    Story story("1xT4:2");
    story.options.queue = queue;
    story.job("half", 0, 10);
    story.job("both", 1, 10, 2);
    story.job("small", 2, 3);
    story.job("end", 50, 1);
    return fates(story.run());
  };
  EXPECT_EQ(run(QueueDiscipline::backfill),
            (Fates{"0..10 finished", "10..20 finished", "2..5 finished", "50..51 finished"}));
  EXPECT_EQ(run(QueueDiscipline::fifo),
            (Fates{"0..10 finished", "10..20 finished", "20..23 finished", "50..51 finished"}));
}

TEST(ReplayTest, TheQueueServesHighPrioritiesFirst) {
  for (const QueueDiscipline queue : {QueueDiscipline::fifo, QueueDiscipline::backfill}) {
    Story story;
    story.options.queue = queue;
    story.options.preemption = false;
    story.job("first", 0, 10);
    story.job("low", 1, 10);
    story.job("high", 2, 10).request.priority = 5;
    story.job("end", 50, 1);
    EXPECT_EQ(fates(story.run()), (Fates{"0..10 finished", "20..30 finished", "10..20 finished", "50..51 finished"}));
  }
}

TEST(ReplayTest, AHighPriorityPreempts) {
  Story story;
  story.job("low", 0, 10);
  story.job("high", 4, 10).request.priority = 5;
  story.job("end", 50, 1);
  const SimulationResult result = story.run();
  EXPECT_EQ(fates(result), (Fates{"14..24 finished", "4..14 finished", "50..51 finished"}))
      << "the victim starts anew, from the beginning";
  EXPECT_EQ(result.jobs[0].evictions, 1);
  EXPECT_EQ(result.summary.preemptions, 1);
  EXPECT_EQ(result.summary.evictions, 1);
  EXPECT_EQ(result.summary.accepted, 3) << "a second start is no second acceptance";
}

TEST(ReplayTest, DeparturesComeBeforeArrivalsOfTheSameTime) {
  Story story;
  story.options.queue = QueueDiscipline::reject;
  story.job("a", 0, 10);
  story.job("b", 10, 5);
  story.job("c", 15, 5);
  EXPECT_EQ(fates(story.run()), (Fates{"0..10 finished", "10..15 finished", "15..20 finished"}));
}

TEST(ReplayTest, AJobWithoutDurationStays) {
  Story story;
  story.job("a", 0, -1);
  story.job("b", 1, 5);
  const SimulationResult result = story.run();
  EXPECT_EQ(fates(result), (Fates{"0..- running", "-..- waiting"}));
  EXPECT_EQ(result.summary.running, 1);
  EXPECT_EQ(result.summary.waiting, 1);
}

TEST(ReplayTest, WhatFitsNoNodeIsInfeasibleAndDoesNotWait) {
  Story story;
  story.job("big", 0, 10, 2);
  story.job("a", 1, 10);
  const SimulationResult result = story.run();
  EXPECT_EQ(fates(result), (Fates{"-..0 infeasible", "1..11 finished"}));
  EXPECT_EQ(result.jobs[0].reason, RejectReason::too_large);
  EXPECT_EQ(result.summary.infeasible, 1);
}

TEST(ReplayTest, AJobLeavesTheQueueAfterItsLongestWait) {
  Story story;
  story.job("a", 0, 100);
  story.job("b", 1, 10);
  story.trace.jobs[1].max_wait_ns = 20 * ns_per_s;
  story.job("c", 2, 10);
  story.trace.jobs[2].max_wait_ns = 99 * ns_per_s;
  story.job("end", 200, 1);
  const SimulationResult result = story.run();
  EXPECT_EQ(fates(result), (Fates{"0..100 finished", "-..21 abandoned", "100..110 finished", "200..201 finished"}))
      << "a place that comes free just in time is taken";
  EXPECT_EQ(result.summary.abandoned, 1);
  EXPECT_EQ(result.summary.waiting, 0);
}

TEST(ReplayTest, ANodeThatGoesDownEvictsAndItsJobsStartAnewWhenItIsBack) {
  Story story;
  story.job("a", 0, 10);
  story.event(4, "node-000000", "down", 6);
  story.job("end", 50, 1);
  const SimulationResult result = story.run();
  EXPECT_EQ(fates(result), (Fates{"10..20 finished", "50..51 finished"}));
  EXPECT_EQ(result.jobs[0].evictions, 1);
  EXPECT_EQ(result.summary.evictions, 1);
}

TEST(ReplayTest, AnEvictedJobMovesToAnotherNodeAtOnce) {
  Story story("2xT4:1");
  story.job("a", 0, 10);
  story.event(4, "node-000000", "down");
  story.job("end", 50, 1);
  const SimulationResult result = story.run();
  EXPECT_EQ(fates(result), (Fates{"4..14 finished", "50..51 finished"}));
  EXPECT_EQ(result.jobs[0].node, 1U);
}

TEST(ReplayTest, DrainEmptiesTheNodeAndUpOpensIt) {
  Story story;
  story.job("a", 0, 10);
  story.event(4, "node-000000", "drain");
  story.event(30, "node-000000", "up");
  story.job("end", 50, 1);
  EXPECT_EQ(fates(story.run()), (Fates{"30..40 finished", "50..51 finished"}));
}

TEST(ReplayTest, UnderRejectAnEvictedJobThatFindsNoPlaceIsLost) {
  Story story;
  story.options.queue = QueueDiscipline::reject;
  story.job("a", 0, 10);
  story.event(4, "node-000000", "down", 6);
  story.job("end", 50, 1);
  const SimulationResult result = story.run();
  EXPECT_EQ(fate(result.jobs[0]), "0..4 lost");
  EXPECT_EQ(result.summary.lost, 1);
  EXPECT_EQ(result.summary.waiting, 0);
}

TEST(ReplayTest, UnderRejectEveryEvictedJobOfAKindIsLost) {
  Story story("1xT4:2");
  story.options.queue = QueueDiscipline::reject;
  story.job("a", 0, 10);
  story.job_like_first("b", 0, 10);
  story.event(4, "node-000000", "down", 6);
  story.job("end", 50, 1);
  const SimulationResult result = story.run();
  EXPECT_EQ(fate(result.jobs[0]), "0..4 lost");
  EXPECT_EQ(fate(result.jobs[1]), "0..4 lost");
}

TEST(ReplayTest, ANodeTakesPodsOnlyWhileItIsAvailable) {
  Story story;
  story.trace.nodes[0].available_from_ns = 10 * ns_per_s;
  story.trace.nodes[0].available_to_ns = 40 * ns_per_s;
  story.job("a", 0, 5);
  story.job("b", 38, 5);
  story.job("c", 39, 1);
  const SimulationResult result = story.run();
  EXPECT_EQ(fate(result.jobs[0]), "10..15 finished");
  EXPECT_EQ(result.jobs[1].evictions, 1);
  EXPECT_EQ(result.jobs[1].outcome, JobOutcome::waiting);
  EXPECT_EQ(result.jobs[2].outcome, JobOutcome::waiting);
}

TEST(ReplayTest, AGangOfRowsStartsTogetherOrNotAtAll) {
  Story story("2xT4:1");
  story.trace.gangs = {"pair"};
  story.job("other", 0, 10);
  story.job("left", 1, 10);
  story.job("right", 3, 20);
  story.trace.jobs[1].gang = story.trace.jobs[2].gang = 0;
  story.job("end", 50, 1);
  const SimulationResult result = story.run();
  EXPECT_EQ(fates(result), (Fates{"0..10 finished", "10..30 finished", "10..30 finished", "50..51 finished"}))
      << "together they end with the longest";
}

TEST(ReplayTest, AGangOfReplicasNeedsItsMinimum) {
  Story story("3xT4:1");
  story.job("other", 0, 10, 1);
  JobSpec& gang = story.job("gang", 1, 10);
  gang.replicas = 3;
  gang.gang_min = 3;
  story.job("end", 50, 1);
  Counter counter;
  ReplayObserver* const observers[] = {&counter};
  const SimulationResult result = story.run(observers);
  EXPECT_EQ(fates(result), (Fates{"0..10 finished", "10..20 finished", "50..51 finished"}));
  EXPECT_EQ(counter.started(), 5);
}

TEST(ReplayTest, ReplicasWithoutAGangStartOneByOne) {
  Story story;
  story.job("twins", 0, 10).replicas = 2;
  story.job("end", 50, 1);
  Counter counter;
  ReplayObserver* const observers[] = {&counter};
  story.run(observers);
  EXPECT_EQ(counter.started(), 3) << "the second replica waits for the first to end";
}

TEST(ReplayTest, AGangThatLosesAMemberWaitsAsAWhole) {
  Story story("2xT4:1");
  JobSpec& gang = story.job("gang", 0, 10);
  gang.replicas = 2;
  gang.gang_min = 2;
  story.event(4, "node-000001", "down", 2);
  story.job("end", 50, 1);
  const SimulationResult result = story.run();
  EXPECT_EQ(fates(result), (Fates{"6..16 finished", "50..51 finished"}));
  EXPECT_EQ(result.summary.evictions, 2);
}

TEST(ReplayTest, UntilStopsTheClock) {
  Story story;
  story.options.until_ns = 15 * ns_per_s;
  story.job("a", 0, 10);
  story.job("b", 12, 10);
  story.job("c", 20, 10);
  const SimulationResult result = story.run();
  EXPECT_EQ(fates(result), (Fates{"0..10 finished", "12..- running", "-..- waiting"}));
  EXPECT_DOUBLE_EQ(result.summary.span_s, 15);
  EXPECT_NEAR(result.summary.gpu_allocation, 13.0 / 15, 1e-12);
}

TEST(ReplayTest, WhatCameFreeBeforeTheEndIsTakenThen) {
  Story story;
  story.options.until_ns = 15 * ns_per_s;
  story.job("a", 0, 10);
  story.job("b", 1, 10);
  story.job("c", 20, 10);
  const SimulationResult result = story.run();
  EXPECT_EQ(fate(result.jobs[1]), "10..- running");
}

TEST(ReplayTest, TheWarmUpIsLeftOutOfAcceptance) {
  Story story;
  story.options.queue = QueueDiscipline::reject;
  story.options.warmup_fraction = 0.5;
  story.job("a", 0, 10);
  story.job("b", 1, 10);
  story.job("c", 10, 10);
  story.job("d", 20, 10);
  const SimulationResult result = story.run();
  EXPECT_EQ(result.summary.rejected, 1);
  EXPECT_DOUBLE_EQ(result.summary.acceptance, 1) << "the rejected job arrived during the warm-up";
}

TEST(ReplayTest, WhoArrivedDuringTheWarmUpIsNotCountedLater) {
  Story story;
  story.options.warmup_fraction = 0.5;
  story.job("a", 0, 10);
  story.job_like_first("b", 1, 10);
  story.job_like_first("c", 2, 10);
  story.job_like_first("d", 30, 10);
  const SimulationResult result = story.run();
  EXPECT_EQ(result.summary.finished, 4);
  EXPECT_DOUBLE_EQ(result.summary.acceptance, 1.0);
  ASSERT_EQ(result.summary.acceptance_by_kind.size(), 1U);
  EXPECT_EQ(result.summary.acceptance_by_kind[0].arrived, 2);
  EXPECT_EQ(result.summary.acceptance_by_kind[0].accepted, 2);
}

TEST(ReplayTest, CostsAreGpuHoursTimesPrice) {
  Story story("1xT4:2");
  story.trace.nodes[0].price_per_hour = 3.6;
  story.job("a", 0, 1000);
  story.job("b", 0, 500, 1, 500);
  const SimulationResult result = story.run();
  EXPECT_NEAR(result.summary.cluster_cost, 2 * 3.6 * 1000 / 3600, 1e-9);
  EXPECT_NEAR(result.summary.allocated_cost, 3.6 * (1000 + 0.5 * 500) / 3600, 1e-9);
}

TEST(ReplayTest, EveryReplicaCosts) {
  Story story("1xT4:2");
  story.trace.nodes[0].price_per_hour = 3.6;
  JobSpec& gang = story.job("gang", 0, 1000);
  gang.replicas = 2;
  gang.gang_min = 2;
  EXPECT_NEAR(story.run().summary.allocated_cost, 2.0, 1e-9);
}

TEST(ReplayTest, AllocationAndActiveGpusAreTimeMeans) {
  Story story("1xT4:4");
  story.job("share", 0, 10, 1, 500);
  story.job("two", 5, 15, 2);
  story.job("end", 20, 0, 0, 0);
  const SimulationResult result = story.run();
  // Over 20 s of 4 GPUs: 10 x 0.5 + 15 x 2 GPU seconds; active: 5 x 1 + 5 x 3 + 10 x 2.
  EXPECT_NEAR(result.summary.gpu_allocation, 35.0 / 80, 1e-12);
  EXPECT_NEAR(result.summary.active_gpus, 40.0 / 20, 1e-12);
  EXPECT_NEAR(result.summary.utilisation_active, (5 * 0.5 + 5 * (2.5 / 3) + 10 * 1.0) / 20, 1e-12);
  EXPECT_DOUBLE_EQ(result.summary.final_gpu_allocation, 0);
}

TEST(ReplayTest, InstancesCountByTheirUnits) {
  Story story("1xA100-80GB:1@mig");
  JobSpec& spec = story.job("a", 0, 10);
  spec.request.mig_profile = "3g.40gb";
  spec.request.mode = SharingMode::mig;
  const SimulationResult result = story.run();
  EXPECT_NEAR(result.summary.mig_allocation, 0.5, 1e-12);
  EXPECT_NEAR(result.summary.gpu_allocation, 0.5, 1e-12);
  ASSERT_EQ(result.summary.acceptance_by_kind.size(), 1U);
  EXPECT_EQ(result.summary.acceptance_by_kind[0].kind, "3g.40gb");
}

TEST(ReplayTest, AcceptanceIsCountedByKindAndSize) {
  Story story("1xT4:4");
  story.options.queue = QueueDiscipline::reject;
  story.job("cpu", 0, 10, 0, 0);
  story.job("share", 0, 10, 1, 250);
  story.job("three", 0, 10, 3);
  story.job("two", 1, 10, 2);
  const SimulationResult result = story.run();
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> kinds;
  for (const AcceptanceRow& row : result.summary.acceptance_by_kind) {
    kinds[row.kind] = {row.arrived, row.accepted};
  }
  EXPECT_EQ(kinds, (std::map<std::string, std::pair<std::int64_t, std::int64_t>>{
                       {"cpu", {1, 1}}, {"share", {1, 1}}, {"3", {1, 1}}, {"2", {1, 0}}}));
  EXPECT_NEAR(result.summary.acceptance, 0.75, 1e-12);
  EXPECT_NEAR(result.summary.acceptance_by_size, 3.25 / 5.25, 1e-12);
}

TEST(ReplayTest, AGivenOrderArrivesOnePerSecondAndStays) {
  Story story("1xT4:2");
  story.options.queue = QueueDiscipline::reject;
  story.job("a", 100, 1);
  story.job("b", 200, 1);
  story.options.arrival_order = {1, 0, 1};
  const SimulationResult result = story.run();
  ASSERT_EQ(result.jobs.size(), 3U);
  EXPECT_EQ(result.jobs[0].row, 1U);
  EXPECT_EQ(fates(result), (Fates{"0..- running", "1..- running", "-..2 rejected"}));
  EXPECT_DOUBLE_EQ(result.summary.gpu_allocation, 1) << "without departures the final value counts";
}

TEST(ReplayTest, ObserversSeeEveryArrivalWithItsState) {
  Story story("1xT4:2");
  story.options.queue = QueueDiscipline::reject;
  story.job("a", 0, 10);
  story.job("b", 1, 10, 2);
  story.job("c", 2, 10, 1, 300);
  Counter counter;
  ReplayObserver* const observers[] = {&counter};
  story.run(observers);
  ASSERT_EQ(counter.samples.size(), 3U);
  EXPECT_EQ(counter.decisions, 3);
  EXPECT_EQ(counter.samples[1].arrived_gpu_milli, 3000) << "demand counts whether accepted or not";
  EXPECT_EQ(counter.samples[1].used_gpu_milli, 1000);
  EXPECT_EQ(counter.samples[2].used_gpu_milli, 1300);
  EXPECT_EQ(counter.samples[2].free_gpu_milli, 700);
  EXPECT_EQ(counter.samples[2].total_gpu_milli, 2000);
}

TEST(ReplayTest, RanksOverruleNames) {
  Story story("2xT4:1");
  story.options.node_ranks = {1, 0};
  story.job("a", 0, 10);
  EXPECT_EQ(story.run().jobs[0].node, 1U);
}

TEST(ReplayTest, SameTraceSameResult) {
  const auto run = [](std::uint64_t seed) {
    Story story("3xT4:2,2xA100-80GB:2@mig");
    story.options.policy.name = "random";
    story.options.seed = seed;
    for (int i = 0; i < 60; ++i) {
      story.job("j" + std::to_string(i), i, 7 + i % 5, 1, i % 2 == 0 ? 300 : 1000);
    }
    std::string text;
    for (const JobResult& job : story.run().jobs) {
      text += fate(job) + " " + std::to_string(job.node) + ";";
    }
    return text;
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
}

TEST(ReplayTest, BadClustersAreErrors) {
  Story twice("2xT4:1");
  twice.trace.nodes[1].id = twice.trace.nodes[0].id;
  const auto repeated = simulate(twice.trace, twice.options);
  ASSERT_FALSE(repeated.ok());
  EXPECT_EQ(repeated.error().code, ErrorCode::already_exists);

  Story unknown;
  unknown.trace.nodes[0].gpu_model = "Voodoo2";
  const auto no_model = simulate(unknown.trace, unknown.options);
  ASSERT_FALSE(no_model.ok());
  EXPECT_NE(no_model.error().message.find("Voodoo2"), std::string::npos);

  Story policy;
  policy.options.policy.name = "nonesuch";
  EXPECT_FALSE(simulate(policy.trace, policy.options).ok());
}

}  // namespace
}  // namespace gpusched::sim
