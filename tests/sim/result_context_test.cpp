#include "../../sim/src/result_context.hpp"

#include <gtest/gtest.h>

#include "gpusched/sim/generators/trace_generators.hpp"

namespace gpusched::sim {
namespace {

TraceJob job(const char* id, TimeNs submit_s, TimeNs duration_s) {
  TraceJob result;
  result.id = id;
  result.submit_ns = submit_s * ns_per_s;
  result.duration_ns = duration_s < 0 ? -1 : duration_s * ns_per_s;
  return result;
}

/// Three jobs of two GPUs each; the last one stays.
Trace sample_trace() {
  Trace trace;
  trace.metadata = {{"name", "sample"}, {"currency", "USD"}, {"time_origin", "anonymous"}};
  trace.nodes.resize(2);
  trace.nodes[0].id = "a,b";
  trace.nodes[0].gpu_model = "T4";
  trace.nodes[0].num_gpu = 4;
  trace.nodes[1].id = "cpu";
  trace.specs.resize(1);
  trace.specs[0].request.num_gpu = 1;
  trace.specs[0].request.gpu_milli = 1000;
  trace.specs[0].replicas = 2;
  trace.jobs = {job("x", 0, 10), job("y", 5, 10), job("z", 20, -1)};
  return trace;
}

SimulationResult sample_result(std::initializer_list<TimeNs> times_s) {
  SimulationResult result;
  for (std::uint32_t row = 0; row < 3; ++row) {
    result.jobs.push_back({.row = row, .gpus = {}});
  }
  for (const TimeNs time_s : times_s) {
    result.timeline.push_back({.time_ns = time_s * ns_per_s});
  }
  return result;
}

TEST(ResultContextTest, NodesCarryWhatTheRunWasMadeOf) {
  EXPECT_EQ(nodes_csv(sample_trace(), {.policy = "fgd:target=95"}),
            "#policy: fgd:target=95\n#name: sample\n#currency: USD\nid,gpu_model,num_gpu\n\"a,b\",T4,4\ncpu,,0\n");
  EXPECT_NE(nodes_csv(sample_trace(), {.policy = "", .given_order = true}).find("#arrivals: given order\n"),
            std::string::npos);
}

TEST(ResultContextTest, DemandIsWhatCameAndWhatWouldStillRun) {
  EXPECT_EQ(demand_csv(sample_trace(), sample_result({0, 7, 12, 30}), {}),
            "time_s,arrived_gpus,offered_gpus\n0,2,2\n7,4,4\n12,4,2\n30,6,2\n");
}

TEST(ResultContextTest, InAGivenOrderJobsComeOnePerSecondAndStay) {
  SimulationResult result = sample_result({0, 1, 2});
  std::swap(result.jobs[0].row, result.jobs[2].row);
  EXPECT_EQ(demand_csv(sample_trace(), result, {.policy = "", .given_order = true}),
            "time_s,arrived_gpus,offered_gpus\n0,2,2\n1,4,4\n2,6,6\n");
}

TEST(ResultContextTest, WaitsAreThoseOfReasonsThatHeldAnybodyBack) {
  SimulationResult result;
  result.waits[static_cast<std::size_t>(RejectReason::none)] = {.jobs = 1, .wait_s = 2.5};
  result.waits[static_cast<std::size_t>(RejectReason::insufficient_gpus)] = {.jobs = 3, .wait_s = 40};
  EXPECT_EQ(waits_csv(result), "reason,jobs,wait_s\n,1,2.5\ninsufficient_gpus,3,40\n");
}

TEST(ResultContextTest, AReplayCountsEveryJobThatWaitedOnce) {
  const Trace trace = generate_trace("mig-mix", {{"gpus", "10"}, {"jobs", "500"}, {"load", "1.2"}}, 1).value();
  SimulationOptions options;
  options.policy.name = "buddy";
  const SimulationResult result = simulate(trace, options).value();
  std::int64_t waited = 0, counted = 0;
  double wait_s = 0, counted_s = 0;
  for (const JobResult& one : result.jobs) {
    const TimeNs wait_ns = one.first_start_ns < 0 ? 0 : one.first_start_ns - trace.jobs[one.row].submit_ns;
    waited += wait_ns > 0 ? 1 : 0;
    wait_s += static_cast<double>(wait_ns) / 1e9;
  }
  for (const WaitCount& count : result.waits) {
    counted += count.jobs;
    counted_s += count.wait_s;
  }
  EXPECT_GT(waited, 0);
  EXPECT_EQ(counted, waited);
  EXPECT_NEAR(counted_s, wait_s, 1e-6 * wait_s);
}

}  // namespace
}  // namespace gpusched::sim
