#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "gpusched/sim/generators/trace_generators.hpp"

namespace gpusched::sim {
namespace {

TEST(TinyTest, HasEveryKindOfRequestInTwentyJobs) {
  const Trace trace = generate_trace("tiny", {}, 0).value();
  EXPECT_EQ(trace.jobs.size(), 20U);
  EXPECT_EQ(trace.nodes.size(), 3U);
  const auto any_spec = [&](auto holds) { return std::any_of(trace.specs.begin(), trace.specs.end(), holds); };
  EXPECT_TRUE(any_spec([](const JobSpec& spec) { return spec.request.num_gpu == 0; }));
  EXPECT_TRUE(any_spec([](const JobSpec& spec) { return spec.request.gpu_milli == 500; }));
  EXPECT_TRUE(any_spec([](const JobSpec& spec) { return spec.request.num_gpu == 2; }));
  EXPECT_TRUE(any_spec([](const JobSpec& spec) { return !spec.request.mig_profile.empty(); }));
  EXPECT_TRUE(any_spec([](const JobSpec& spec) { return spec.gang_min == 2; }));
  EXPECT_EQ(std::count_if(trace.jobs.begin(), trace.jobs.end(), [](const TraceJob& job) { return job.gang == 0; }), 2);
  EXPECT_TRUE(
      std::any_of(trace.jobs.begin(), trace.jobs.end(), [](const TraceJob& job) { return job.duration_ns < 0; }));
  ASSERT_EQ(trace.events.size(), 1U);
  EXPECT_EQ(trace.events.front().target_id, "a-whole");
}

TEST(TinyTest, IgnoresTheSeed) {
  EXPECT_EQ(generate_trace("tiny", {}, 1).value().jobs, generate_trace("tiny", {}, 2).value().jobs);
}

}  // namespace
}  // namespace gpusched::sim
