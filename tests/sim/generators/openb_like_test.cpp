#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "gpusched/sim/generators/trace_generators.hpp"

namespace gpusched::sim {
namespace {

Trace generated(const std::map<std::string, std::string>& parameters, std::uint64_t seed) {
  Result<Trace> trace = generate_trace("openb-like", parameters, seed);
  EXPECT_TRUE(trace.ok()) << trace.error().to_string();
  return std::move(trace).value();
}

// Shares of openb's 8,152 pods and of its 6,989 pods with one GPU.
TEST(OpenbLikeTest, AsksForGpusLikeOpenb) {
  const Trace trace = generated({{"jobs", "100000"}}, 1);
  std::map<std::int32_t, double> by_count;
  std::map<std::int32_t, double> by_share;
  double best_effort = 0;
  for (const TraceJob& job : trace.jobs) {
    const JobSpec& spec = trace.specs[job.spec];
    by_count[spec.request.num_gpu] += 1e-5;
    best_effort += spec.qos == "BestEffort" ? 1e-5 : 0;
    if (spec.request.num_gpu == 1) {
      by_share[spec.request.gpu_milli] += 1;
    }
  }
  EXPECT_NEAR(by_count[0], .133, .005);
  EXPECT_NEAR(by_count[1], .857, .005);
  EXPECT_NEAR(by_count[8], .0054, .001);
  const double one_gpu = by_count[1] * 1e5;
  EXPECT_NEAR(by_share[1000] / one_gpu, .560, .01);
  EXPECT_NEAR(by_share[810] / one_gpu, .154, .006);
  EXPECT_NEAR(by_share[470] / one_gpu, .107, .005);
  EXPECT_NEAR(by_share[320] / one_gpu, .047, .004);
  EXPECT_NEAR(best_effort, .42, .02);
}

TEST(OpenbLikeTest, HasNodesInTheProportionsOfOpenb) {
  const Trace full = generated({{"nodes", "1523"}, {"jobs", "1"}}, 1);
  std::map<std::string, std::int64_t> gpus;
  for (const TraceNode& node : full.nodes) {
    gpus[node.gpu_model] += node.num_gpu;
  }
  EXPECT_EQ(full.nodes.size(), 1523U);
  EXPECT_EQ(gpus["G2"], 4392);
  EXPECT_EQ(gpus["G3"], 312);
  EXPECT_EQ(gpus["T4-16GB"], 842);
  EXPECT_NEAR(static_cast<double>(gpus["P100-16GB"]), 265, 3);
  EXPECT_EQ(gpus["V100-32GB"], 204);
  EXPECT_NEAR(static_cast<double>(gpus["V100-16GB"]), 195, 5);
  EXPECT_EQ(gpus["A10-24GB"], 2);
  EXPECT_EQ(generated({}, 1).nodes.size(), 95U);
}

/// Demand at the last arrival if nothing waits, over the GPUs.
double final_demand(const Trace& trace) {
  double gpus = 0;
  for (const TraceNode& node : trace.nodes) {
    gpus += node.num_gpu;
  }
  double demand = 0;
  for (const TraceJob& job : trace.jobs) {
    const GpuRequest& request = trace.specs[job.spec].request;
    demand += job.duration_ns < 0 ? request.num_gpu * request.gpu_milli / 1000.0 : 0;
  }
  return demand / gpus;
}

TEST(OpenbLikeTest, ReachesTheLoadAtTheLastArrival) {
  double mean = 0;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    mean += final_demand(generated({}, seed)) / 10;
  }
  EXPECT_NEAR(mean, 1, .05);
  EXPECT_NEAR(final_demand(generated({{"jobs", "200000"}, {"load", "0.7"}}, 1)), .7, .07);
}

// Openb: gaps of 161 s at the median and 948 s at p90. Time is compressed here, their ratio stays.
TEST(OpenbLikeTest, HasTheUnevenGapsOfOpenb) {
  const Trace trace = generated({{"jobs", "100000"}, {"nodes", "95"}}, 1);
  std::vector<double> gaps;
  for (std::size_t i = 1; i < trace.jobs.size(); ++i) {
    gaps.push_back(static_cast<double>(trace.jobs[i].submit_ns - trace.jobs[i - 1].submit_ns));
  }
  std::sort(gaps.begin(), gaps.end());
  EXPECT_NEAR(gaps[gaps.size() * 9 / 10] / gaps[gaps.size() / 2], 948.0 / 161.0, .15 * 948 / 161);
}

TEST(OpenbLikeTest, FitsEveryRequestOnSomeEmptyNode) {
  const Trace trace = generated({{"jobs", "50000"}}, 1);
  for (const JobSpec& spec : trace.specs) {
    EXPECT_TRUE(std::any_of(trace.nodes.begin(), trace.nodes.end(),
                            [&](const TraceNode& node) {
                              return spec.request.num_gpu <= node.num_gpu && spec.request.cpu_milli <= node.cpu_milli &&
                                     spec.request.memory_mib <= node.memory_mib;
                            }))
        << spec.request.num_gpu << " GPUs " << spec.request.cpu_milli << " " << spec.request.memory_mib;
  }
}

}  // namespace
}  // namespace gpusched::sim
