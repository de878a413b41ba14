#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "gpusched/io/event_log.hpp"
#include "gpusched/sim/cluster_builder.hpp"
#include "gpusched/sim/generators/trace_generators.hpp"
#include "gpusched/sim/simulator.hpp"

#include "sim/replay_world.hpp"

namespace gpusched::sim {
namespace {

using Counts = std::array<std::int64_t, reshape_trigger_count>;

/// Two A100 under first_fit. From 100 s on each holds one 3g for ever, of "left" and "right": a 7g fits only where one
/// of them goes to the other's GPU. Every 600 s GPUs are emptied; a move takes 20 s.
class ReplayCompactionTest : public ReplayWorld {
 protected:
  ReplayCompactionTest() : ReplayWorld("1xA100-80GB:2@mig") {
    options.reshape.compaction.every_ns = 600 * ns_per_s;
    job("filler", 0, 100, "4g.40gb");
    job("left", 1, 20'000, "3g.40gb");
    job("right", 2, 20'000, "3g.40gb");
  }
  const ReshapeTriggerCounts& triggers() const { return result.summary.triggers; }
};

TEST_F(ReplayCompactionTest, WithoutTriggersNobodyIsMoved) {
  options.reshape.compaction = {};
  job("large", 700, 100, "7g.80gb");
  run();
  EXPECT_EQ(fate(3), "20001..20101 finished");
  EXPECT_EQ(triggers().compactions, 0);
}

TEST_F(ReplayCompactionTest, EmptiesAGpuForALaterJob) {
  job("large", 700, 100, "7g.80gb");
  run();
  EXPECT_EQ(fate(3), "700..800 finished");
  EXPECT_EQ(triggers().compactions, 1);
  EXPECT_EQ(triggers().emptied_gpus, 1);
  EXPECT_EQ(triggers().moved_pods, (Counts{0, 1, 0}));
  EXPECT_EQ(result.summary.reshapes, 1);
}

TEST_F(ReplayCompactionTest, WhoWaitsStartsWhenTheGpuIsEmpty) {
  job("large", 200, 100, "7g.80gb");
  job("last", 1000, 1, "1g.10gb");
  run();
  EXPECT_EQ(fate(3), "620..720 finished");
}

TEST_F(ReplayCompactionTest, BatchJobsLoseTheTimeOfARestart) {
  trace.specs[1].request.job_class = JobClass::batch;
  trace.specs[2].request.job_class = JobClass::batch;
  job("last", 1000, 1, "1g.10gb");
  run();
  EXPECT_EQ(result.summary.reshape_restarts, 1);
  EXPECT_EQ(std::max(result.jobs[1].end_ns, result.jobs[2].end_ns), 20'031 * ns_per_s);
}

TEST_F(ReplayCompactionTest, TheGpuTakesNoNewcomersWhileItIsEmptied) {
  job("beside", 610, 5000, "1g.10gb");
  job("large", 700, 100, "7g.80gb");
  run();
  EXPECT_EQ(fate(3), "620..5620 finished") << "the other GPU is full: both places of the move are held";
  EXPECT_EQ(triggers().emptied_gpus, 1);
}

TEST_F(ReplayCompactionTest, AFailedMoveLeavesTheGpuAsItIs) {
  options.reshape.failure = 1;
  job("last", 1000, 1, "1g.10gb");
  run();
  EXPECT_EQ(triggers().compactions, 1);
  EXPECT_EQ(triggers().emptied_gpus, 0);
  EXPECT_EQ(triggers().moved_pods, (Counts{0, 0, 0}));
  EXPECT_EQ(result.summary.reshapes_failed, 1);
  EXPECT_EQ(result.summary.finished, 4);
}

TEST_F(ReplayCompactionTest, PodsAreMovedOneAfterTheOther) {
  trace.jobs.pop_back();  // instead of "right" two jobs on its GPU
  trace.specs.pop_back();
  job("right", 2, 20'000, "1g.10gb");
  job("beside", 3, 20'000, "2g.20gb");
  job("large", 610, 100, "7g.80gb");
  run();
  EXPECT_EQ(triggers().moved_pods, (Counts{0, 2, 0}));
  EXPECT_EQ(fate(4), "640..740 finished") << "two moves of 20 s";
}

TEST_F(ReplayCompactionTest, APodThatEndsDuringItsMoveIsNotInTheWay) {
  trace.jobs[1].duration_ns = 609 * ns_per_s;
  trace.jobs[2].duration_ns = 608 * ns_per_s;  // both at 610 s
  job("last", 1000, 1, "7g.80gb");
  run();
  EXPECT_EQ(triggers().moved_pods, (Counts{0, 0, 0}));
  EXPECT_EQ(triggers().emptied_gpus, 1);
  EXPECT_EQ(result.summary.finished, 4);
}

TEST_F(ReplayCompactionTest, ANodeThatGoesDownBreaksItOff) {
  TraceEvent down;
  down.time_ns = 605 * ns_per_s;
  down.target = "node";
  down.target_id = trace.nodes[0].id;
  down.event = "down";
  down.duration_ns = 100 * ns_per_s;
  trace.events.push_back(down);
  job("last", 1000, 1, "1g.10gb");
  run();
  EXPECT_EQ(triggers().moved_pods, (Counts{0, 0, 0}));
  EXPECT_EQ(result.summary.finished, 4);
}

TEST_F(ReplayCompactionTest, DevelopersAreNotMoved) {
  trace.specs[1].request.job_class = JobClass::dev;
  trace.specs[2].request.job_class = JobClass::dev;
  job("last", 1000, 1, "1g.10gb");
  run();
  EXPECT_EQ(triggers().compactions, 0);
}

TEST_F(ReplayCompactionTest, TheBudgetLimitsMovedPods) {
  options.reshape.compaction.limits.most_pods_per_window = 0;
  job("last", 1000, 1, "1g.10gb");
  run();
  EXPECT_EQ(triggers().compactions, 0);
}

TEST_F(ReplayCompactionTest, AMoveThatTakesNoTimeIsDoneAtOnce) {
  options.reshape.delay_ns = 0;
  job("large", 200, 100, "7g.80gb");
  job("last", 1000, 1, "1g.10gb");
  run();
  EXPECT_EQ(fate(3), "600..700 finished");
}

TEST_F(ReplayCompactionTest, NothingIsEmptiedAfterTheLastArrival) {
  job("large", 599, 100, "7g.80gb");
  run();
  EXPECT_EQ(triggers().compactions, 0);
  EXPECT_EQ(fate(3), "20001..20101 finished");
}

TEST_F(ReplayCompactionTest, DrainingActuationIsRefused) {
  options.reshape.rules.actuation = Actuation::drain_gpu;
  const Result<SimulationResult> refused = simulate(trace, options);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::unsupported);
  EXPECT_NE(refused.error().remedy, "");
}

TEST_F(ReplayCompactionTest, TheGateStaysShutWhileNobodyIsBlocked) {
  options.reshape.gate.emplace();
  job("last", 1000, 1, "1g.10gb");
  run();
  EXPECT_EQ(triggers().compactions, 0);
  EXPECT_EQ(triggers().gate_refusals, 1);
}

TEST_F(ReplayCompactionTest, TheGateOpensWhenEnoughWasLost) {
  options.reshape.gate.emplace();
  job("large", 590, 100, "7g.80gb");  // by 600 s it has lost 10 s of a GPU; the move costs 15 s of one
  job("last", 1500, 1, "1g.10gb");
  run();
  EXPECT_EQ(fate(3), "1220..1320 finished");
  EXPECT_EQ(triggers().gate_refusals, 1);
}

TEST_F(ReplayCompactionTest, WhatMovesCannotCureOpensNoGate) {
  options.reshape.gate.emplace();
  job("more", 150, 20'000, "4g.40gb");  // beside "left": four units are free, and eight are wanted
  job("large", 200, 100, "7g.80gb");
  job("last", 2000, 1, "1g.10gb");
  run();
  EXPECT_EQ(triggers().compactions, 0);
  EXPECT_EQ(triggers().gate_refusals, 0) << "there is nothing to empty either";
}

TEST_F(ReplayCompactionTest, ADriftOfTheDemandEmptiesGpus) {
  options.reshape.compaction.every_ns = 0;
  options.reshape.compaction.on_drift = true;
  options.reshape.compaction.drift_window = 3;
  job("other", 200, 10, "1g.10gb");
  job("another", 300, 10, "1g.10gb");
  job("large", 400, 10, "7g.80gb");
  run();
  EXPECT_GE(triggers().drifts, 1);
  EXPECT_EQ(triggers().compactions, 1);
  EXPECT_EQ(triggers().moved_pods, (Counts{0, 0, 1}));
  EXPECT_EQ(fate(5), "420..430 finished") << "its arrival is the drift; it starts when the move has ended";
}

/// One A100 under first_fit, with a small batch job at unit 0, where a 4g would start.
class GateOnBlockTest : public ReplayCompactionTest {
 protected:
  GateOnBlockTest() {
    trace.nodes = parse_cluster_shorthand("1xA100-80GB:1@mig").value();
    trace.jobs.clear();
    trace.specs.clear();
    options.reshape.compaction = {};
    options.reshape.rules.one_move_on_block = true;
    options.reshape.gate.emplace();
    job("small", 0, 1000, "1g.10gb").job_class = JobClass::batch;
  }
};

TEST_F(GateOnBlockTest, AMoveWaitsUntilWaitingHasCostAsMuch) {
  trace.nodes = parse_cluster_shorthand("1xA100-80GB:2@mig").value();
  job("beside", 1, 9, "1g.10gb");  // these fill the first GPU until 10 s
  job("beside", 2, 8, "2g.20gb");
  job("beside", 3, 7, "3g.40gb");
  job("stays", 4, 1000, "1g.10gb").job_class = JobClass::dev;   // on the second GPU, at unit 0
  job("until 20", 5, 15, "1g.10gb").job_class = JobClass::dev;  // whoever waits is tried when somebody ends
  job("until 25", 6, 19, "1g.10gb").job_class = JobClass::dev;
  job("large", 15, 100, "4g.40gb");  // half a GPU: after 7.5 s it has lost what the move of the 1g costs
  run();
  EXPECT_EQ(triggers().gate_refusals, 2) << "at 15 and at 20";
  EXPECT_EQ(fate(7), "45..145 finished");
  EXPECT_EQ(triggers().moved_pods, (Counts{1, 0, 0}));
}

TEST_F(GateOnBlockTest, WhereNobodyWaitsAJobLosesAllOfItsTime) {
  options.queue = QueueDiscipline::reject;
  job("tiny", 100, 1, "4g.40gb");  // half a second of a GPU, and the move costs 3.75
  job("large", 200, 100, "4g.40gb");
  run();
  EXPECT_EQ(fate(1), "-..100 rejected");
  EXPECT_EQ(result.jobs[1].reason, RejectReason::mig_fragmented);
  EXPECT_EQ(fate(2), "220..320 finished");
  EXPECT_EQ(triggers().gate_refusals, 1);
}

TEST_F(GateOnBlockTest, WhatCostsNothingNeedsNoGate) {
  trace.specs[0].request.job_class = JobClass::always_on;
  job("large", 100, 100, "4g.40gb");
  run();
  EXPECT_EQ(fate(1), "120..220 finished");
  EXPECT_EQ(triggers().gate_refusals, 0);
}

/// Writes the log to memory.
class LogInMemory final : public ReplayObserver {
 public:
  explicit LogInMemory(const SimulationOptions& options)
      : writer_([this](std::string_view line) { log += line; },
                [](PodId pod) { return "p" + std::to_string(pod.value); }) {
    writer_.header({.policy = options.policy,
                    .seed = options.seed,
                    .target = options.target,
                    .preemption = options.preemption,
                    .reshape = options.reshape.rules});
  }
  void on_event(const Engine& engine, const Event& event) override { writer_.event(engine, event); }
  void on_decision(const Engine& engine, TimeNs now, std::span<const PodId> pods,
                   std::span<const Decision> decisions) override {
    writer_.decision(engine, now, pods, decisions);
  }
  void on_arrival(const ArrivalSample&) override {}

  std::string log;

 private:
  EventLogWriter writer_;
};

class ReplayTriggersTest : public ::testing::TestWithParam<QueueDiscipline> {};

TEST_P(ReplayTriggersTest, AllTogetherReplayTheSame) {
  const Trace trace =
      generate_trace("mig-mix",
                     {{"mix", "skew-small"}, {"then", "skew-big"}, {"load", "1.0"}, {"gpus", "20"}, {"jobs", "1500"}},
                     5)
          .value();
  SimulationOptions options;
  options.policy.name = "buddy";
  options.queue = GetParam();
  options.target = demand_of(trace);
  options.reshape.rules.one_move_on_block = true;
  options.reshape.delay_ns = 10 * ns_per_s;
  options.reshape.failure = 0.1;
  options.reshape.compaction.every_ns = 600 * ns_per_s;
  options.reshape.compaction.on_drift = true;
  options.reshape.compaction.drift_window = 100;
  options.reshape.gate.emplace();
  options.reshape.gate->cool_down_ns = 600 * ns_per_s;
  LogInMemory log(options);
  std::array<ReplayObserver*, 1> observers = {&log};
  const Result<SimulationResult> result = simulate(trace, options, observers);
  ASSERT_TRUE(result.ok()) << result.error().to_string();
  const ReshapeTriggerCounts& triggers = result.value().summary.triggers;
  EXPECT_GT(triggers.moved_pods[0], 0);
  EXPECT_GT(triggers.moved_pods[1], 0);
  EXPECT_GT(triggers.drifts, 0);
  EXPECT_GT(triggers.emptied_gpus, 0);
  EXPECT_GT(triggers.gate_refusals, 0);
  EXPECT_EQ(triggers.moved_pods[0] + triggers.moved_pods[1] + triggers.moved_pods[2], result.value().summary.reshapes);
  const Result<LogReplay> replayed = replay_event_log(log.log, "log");
  ASSERT_TRUE(replayed.ok()) << replayed.error().to_string();
  EXPECT_EQ(replayed.value().decisions, result.value().summary.decisions);
}

INSTANTIATE_TEST_SUITE_P(Queues, ReplayTriggersTest,
                         ::testing::Values(QueueDiscipline::reject, QueueDiscipline::backfill, QueueDiscipline::fifo));

}  // namespace
}  // namespace gpusched::sim
