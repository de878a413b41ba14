#include "gpusched/sim/plan_workload.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "gpusched/sim/generators/trace_generators.hpp"

namespace gpusched::sim {
namespace {

Trace day() { return generate_trace("mixed-day", {{"nodes", "8"}}, 3).value(); }

std::set<std::string> names(const Trace& trace) {
  std::set<std::string> result;
  for (const TraceJob& job : trace.jobs) {
    result.insert(job.id);
  }
  return result;
}

TEST(ScaleLoadTest, OneChangesNothing) {
  Trace trace = day();
  scale_load(trace, 1, 3);
  EXPECT_EQ(trace, day());
}

TEST(ScaleLoadTest, JobsGrowAsAsked) {
  const auto before = static_cast<double>(day().jobs.size());
  for (const double factor : {0.5, 1.3, 2.0, 3.7}) {
    Trace trace = day();
    scale_load(trace, factor, 3);
    EXPECT_NEAR(static_cast<double>(trace.jobs.size()) / before, factor, 0.06) << factor;
    EXPECT_EQ(names(trace).size(), trace.jobs.size()) << "a copy has a name of its own";
    EXPECT_TRUE(std::is_sorted(trace.jobs.begin(), trace.jobs.end(),
                               [](const TraceJob& a, const TraceJob& b) { return a.submit_ns < b.submit_ns; }));
  }
}

TEST(ScaleLoadTest, ALargerFactorKeepsTheJobsOfASmallerOne) {
  Trace small = day(), large = day();
  scale_load(small, 1.2, 3);
  scale_load(large, 1.4, 3);
  const std::set<std::string> a = names(small), b = names(large);
  EXPECT_TRUE(std::includes(b.begin(), b.end(), a.begin(), a.end()));
}

TEST(ScaleLoadTest, GangsAreCopiedAsAWhole) {
  const auto sizes = [](const Trace& trace) {
    std::map<std::int32_t, int> result;
    for (const TraceJob& job : trace.jobs) {
      if (job.gang >= 0) {
        ++result[job.gang];
      }
    }
    return result;
  };
  Trace trace = generate_trace("tiny", {}, 1).value();
  const auto before = sizes(trace);
  ASSERT_FALSE(before.empty());
  scale_load(trace, 2, 1);
  const auto after = sizes(trace);
  ASSERT_EQ(after.size(), 2 * before.size());
  for (const auto& [gang, members] : after) {
    EXPECT_LT(static_cast<std::size_t>(gang), trace.gangs.size());
  }
  EXPECT_EQ(after.rbegin()->second, before.rbegin()->second);
}

TEST(DropNodeLabelsTest, NoRequestAsksForLabels) {
  Trace trace = day();
  drop_node_labels(trace);
  for (const JobSpec& spec : trace.specs) {
    EXPECT_TRUE(spec.request.node_labels.empty());
  }
}

}  // namespace
}  // namespace gpusched::sim
