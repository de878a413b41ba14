#include "gpusched/sim/exact/snapshot_recorder.hpp"

#include <algorithm>
#include <map>
#include <string>

#include <gtest/gtest.h>

#include "gpusched/sim/exact/snapshot_policy.hpp"
#include "gpusched/sim/generators/trace_generators.hpp"

namespace gpusched::sim {
namespace {

SimulationOptions options_until(double at_s) {
  SimulationOptions options;
  options.until_ns = static_cast<TimeNs>(at_s * static_cast<double>(ns_per_s));
  return options;
}

Result<Snapshot> record(const Trace& trace, double at_s, const char* policy = "first_fit",
                        SimulationResult* result = nullptr) {
  SimulationOptions options = options_until(at_s);
  options.policy = parse_policy(policy).value();
  SnapshotRecorder recorder(trace, options, options.until_ns);
  ReplayObserver* const observer = &recorder;
  const Result<SimulationResult> replayed = simulate(trace, options, std::span(&observer, 1));
  EXPECT_TRUE(replayed.ok()) << replayed.error().to_string();
  if (result != nullptr) {
    *result = replayed.value();
  }
  return recorder.snapshot({});
}

TEST(SnapshotRecorderTest, HoldsWhoRunsAndWhoWaits) {
  const Trace trace =
      generate_trace("mig-mix", {{"gpus", "12"}, {"jobs", "300"}, {"load", "1.4"}, {"gpus_per_node", "4"}}, 3).value();
  SimulationResult result;
  const Result<Snapshot> snapshot = record(trace, 9000, "first_fit", &result);
  ASSERT_TRUE(snapshot.ok()) << snapshot.error().to_string();
  EXPECT_TRUE(check_snapshot(snapshot.value()).ok());
  std::int64_t residents = 0;
  for (const SnapshotJob& job : snapshot.value().jobs) {
    if (job.residence) {
      ++residents;
      const auto row = std::stoul(job.id.substr(1));
      EXPECT_EQ(result.jobs[row].node, job.residence->placement.node.value) << job.id;
      EXPECT_EQ(result.jobs[row].outcome, JobOutcome::running) << job.id;
    }
  }
  const auto waiting = static_cast<std::int64_t>(snapshot.value().jobs.size()) - residents;
  EXPECT_EQ(residents, result.summary.running);
  const auto waits = [&](const JobResult& job) {
    return job.outcome == JobOutcome::waiting && trace.jobs[job.row].submit_ns <= options_until(9000).until_ns;
  };
  EXPECT_EQ(waiting, std::count_if(result.jobs.begin(), result.jobs.end(), waits));
  EXPECT_GT(residents, 10);
  EXPECT_GT(waiting, 3);
  // Whoever waited fitted nowhere: the same policy finds no place now, either.
  const SnapshotPlan plan =
      plan_by_policy(snapshot.value(), parse_policy("first_fit").value(), SnapshotOrder::arrival, 1).value();
  EXPECT_EQ(check_plan(snapshot.value(), plan).value().rejected, waiting);
}

TEST(SnapshotRecorderTest, CostsComeFromPricesAndSizes) {
  Trace trace = generate_trace("mig-mix", {{"gpus", "8"}, {"jobs", "200"}, {"load", "1.4"}}, 3).value();
  trace.nodes[0].price_per_hour = 3.5;
  const Snapshot snapshot = record(trace, 7200).value();
  ASSERT_EQ(snapshot.nodes[0].price_milli, 3500);
  std::map<std::string, std::int64_t> reject_milli, move_milli;
  for (const SnapshotJob& job : snapshot.jobs) {
    const std::string& profile = job.alternatives[0].request.mig_profile;
    reject_milli[profile] = job.reject_cost_milli;
    if (job.residence) {
      move_milli[profile] = job.residence->move_cost_milli;
    }
  }
  EXPECT_EQ(reject_milli.at("1g.10gb"), 7000);  // twice the price: more than a GPU for it alone
  EXPECT_EQ(reject_milli.at("3g.40gb"), 17'500);
  EXPECT_EQ(move_milli.at("2g.20gb"), 88);  // a tenth of a quarter, rounded
}

TEST(SnapshotRecorderTest, JobsThatLeaveTheModeOpenAskForAWholeGpuOrAreNamed) {
  const Trace trace = generate_trace("mode-mix", {{"mix", "dev"}}, 1).value();
  const Result<Snapshot> whole = record(trace, 3600);
  ASSERT_TRUE(whole.ok()) << whole.error().to_string();
  EXPECT_TRUE(check_snapshot(whole.value()).ok());
  EXPECT_GT(whole.value().jobs.size(), 10U);
  const Result<Snapshot> snapshot = record(trace, 3600, "auto");
  ASSERT_FALSE(snapshot.ok());
  EXPECT_EQ(snapshot.error().code, ErrorCode::unsupported);
  EXPECT_NE(snapshot.error().message.find("job-"), std::string::npos) << snapshot.error().message;
}

}  // namespace
}  // namespace gpusched::sim
