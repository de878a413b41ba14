#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "gpusched/sim/cluster_builder.hpp"
#include "gpusched/sim/simulator.hpp"

#include "sim/replay_world.hpp"

namespace gpusched::sim {
namespace {

/// One A100 under first_fit (lowest start). The first job takes unit 0; a 4g, which starts at 0 only, comes at 10 s.
class ReplayMovesTest : public ReplayWorld {
 protected:
  ReplayMovesTest() : ReplayWorld("1xA100-80GB:1@mig") {
    options.reshape.rules.one_move_on_block = true;
    job("small", 0, 1000, "1g.10gb");
  }
  std::pair<std::int64_t, std::int64_t> moves() const {
    return {result.summary.reshapes, result.summary.reshapes_failed};
  }
};

using Moves = std::pair<std::int64_t, std::int64_t>;

TEST_F(ReplayMovesTest, WithoutMovesTheBlockedJobWaits) {
  options.reshape.rules.one_move_on_block = false;
  job("large", 10, 100, "4g.40gb");
  run();
  EXPECT_EQ(fate(1), "1000..1100 finished");
  EXPECT_EQ(moves(), Moves(0, 0));
}

TEST_F(ReplayMovesTest, WithoutDelayTheMoveCostsNothing) {
  options.reshape.delay_ns = 0;
  trace.specs[0].request.job_class = JobClass::batch;
  job("large", 10, 100, "4g.40gb");
  run();
  EXPECT_EQ(fate(0), "0..1000 finished");
  EXPECT_EQ(fate(1), "10..110 finished");
  EXPECT_EQ(moves(), Moves(1, 0));
  EXPECT_EQ(result.jobs[0].gpus[0].range, (SliceRange{4, 1}));
  EXPECT_EQ(result.summary.reshape_restarts, 0);
}

TEST_F(ReplayMovesTest, TheBlockedJobStartsWhenTheMoveHasEnded) {
  job("large", 10, 100, "4g.40gb");
  run();
  EXPECT_EQ(fate(0), "0..1000 finished") << "an exchange stops nobody";
  EXPECT_EQ(fate(1), "30..130 finished");
  EXPECT_EQ(moves(), Moves(1, 0));
}

TEST_F(ReplayMovesTest, ABatchJobLosesTheTimeOfARestart) {
  trace.specs[0].request.job_class = JobClass::batch;
  job("large", 10, 100, "4g.40gb");
  run();
  EXPECT_EQ(fate(0), "0..1030 finished");
  EXPECT_EQ(result.summary.reshape_restarts, 1);
}

TEST_F(ReplayMovesTest, AFailedMoveLosesNothingAndRejectsTheNewcomer) {
  options.reshape.failure = 1;
  options.queue = QueueDiscipline::reject;
  job("large", 10, 100, "4g.40gb");
  run();
  EXPECT_EQ(fate(0), "0..1000 finished");
  EXPECT_EQ(result.jobs[0].gpus[0].range, (SliceRange{0, 1}));
  EXPECT_EQ(fate(1), "-..30 rejected");
  EXPECT_EQ(moves(), Moves(0, 1));
}

TEST_F(ReplayMovesTest, AfterAFailedMoveTheNewcomerWaitsForTheCoolDown) {
  options.reshape.failure = 1;
  job("large", 10, 100, "4g.40gb");
  run();
  EXPECT_EQ(fate(1), "1000..1100 finished") << "1,800 s have not passed when the small job ends";
  EXPECT_EQ(moves(), Moves(0, 1));
}

TEST_F(ReplayMovesTest, SomeMovesFail) {
  options.reshape.failure = 0.5;
  options.reshape.rules.cooldown_ns = 0;
  options.queue = QueueDiscipline::reject;
  for (int i = 1; i <= 100; ++i) {
    job("small" + std::to_string(i), i * 2000, 1000, "1g.10gb");
    job("large" + std::to_string(i), i * 2000 + 10, 100, "4g.40gb");
  }
  run();
  EXPECT_EQ(result.summary.reshapes + result.summary.reshapes_failed, 100);
  EXPECT_GT(result.summary.reshapes, 30);
  EXPECT_GT(result.summary.reshapes_failed, 30);
  EXPECT_EQ(result.summary.rejected, result.summary.reshapes_failed);
}

TEST_F(ReplayMovesTest, WhereThePodEndsMeanwhileThereIsNothingToMove) {
  trace.jobs[0].duration_ns = 15 * ns_per_s;
  job("large", 10, 100, "4g.40gb");
  run();
  EXPECT_EQ(fate(0), "0..15 finished");
  EXPECT_EQ(fate(1), "30..130 finished");
  EXPECT_EQ(moves(), Moves(0, 0));
}

TEST_F(ReplayMovesTest, NobodyElseTakesWhatTheMoveFrees) {
  job("large", 10, 100, "4g.40gb");
  job("other", 15, 50, "1g.10gb");
  run();
  EXPECT_EQ(fate(1), "30..130 finished");
  EXPECT_EQ(fate(2), "30..80 finished") << "the GPU takes no newcomer while it is reshaped";
}

TEST_F(ReplayMovesTest, ANodeThatGoesDownEndsTheMove) {
  job("large", 10, 100, "4g.40gb");
  TraceEvent down;
  down.time_ns = 15 * ns_per_s;
  down.target = "node";
  down.target_id = trace.nodes[0].id;
  down.event = "down";
  down.duration_ns = 100 * ns_per_s;
  trace.events.push_back(down);
  run();
  EXPECT_EQ(result.jobs[0].evictions, 1);
  // The small job takes unit 0 again when the node is back, and is moved again: evicted, it has no cool-down.
  EXPECT_EQ(fate(0), "115..1115 finished");
  EXPECT_EQ(fate(1), "135..235 finished");
  EXPECT_EQ(moves(), Moves(1, 0));
}

TEST_F(ReplayMovesTest, DrainingTheGpuStopsEverybodyOnIt) {
  options.reshape.rules.actuation = Actuation::drain_gpu;
  job("beside", 5, 1000, "3g.40gb");  // at 4
  options.reshape.rules.cooldown_ns = 0;
  trace.nodes = parse_cluster_shorthand("1xA100-80GB:2@mig").value();
  job("filler", 6, 40, "4g.40gb");   // on the second GPU
  job("large", 10, 100, "4g.40gb");  // the small one goes to unit 4 of the second GPU
  run();
  EXPECT_EQ(fate(0), "0..1000 finished");
  EXPECT_EQ(fate(1), "5..1055 finished") << "20 s of the move and 30 s of its restart";
  EXPECT_EQ(fate(2), "6..96 finished");
  EXPECT_EQ(fate(3), "30..130 finished");
  EXPECT_EQ(result.summary.reshape_restarts, 2);
}

}  // namespace
}  // namespace gpusched::sim
