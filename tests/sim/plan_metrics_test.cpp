#include "gpusched/sim/plan_metrics.hpp"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "gpusched/sim/cluster_builder.hpp"
#include "gpusched/sim/generators/trace_generators.hpp"

namespace gpusched::sim {
namespace {

double value_of(const std::vector<double>& values, const std::string& name) {
  for (std::size_t i = 0; i < plan_metrics().size(); ++i) {
    if (name == plan_metrics()[i].name) {
      return values[i];
    }
  }
  ADD_FAILURE() << name;
  return 0;
}

PlanTarget parsed(const std::string& text) {
  const Result<PlanTarget> target = parse_plan_target(text);
  EXPECT_TRUE(target.ok()) << text;
  return target.ok() ? target.value() : PlanTarget{};
}

TEST(PlanTargetTextTest, UnitsBecomeSecondsAndFractions) {
  EXPECT_DOUBLE_EQ(parsed("wait_p99<60s").bound, 60);
  EXPECT_DOUBLE_EQ(parsed("wait_p99<60").bound, 60);
  EXPECT_DOUBLE_EQ(parsed(" wait_p95 <= 5m ").bound, 300);
  EXPECT_DOUBLE_EQ(parsed("wait_mean<0.5h").bound, 1800);
  EXPECT_DOUBLE_EQ(parsed("wait_mean<250ms").bound, 0.25);
  EXPECT_DOUBLE_EQ(parsed("goodput>=95%").bound, 0.95);
  EXPECT_DOUBLE_EQ(parsed("goodput>=0.95").bound, 0.95);
  EXPECT_EQ(parsed("evictions<10").relation, PlanTarget::Relation::less);
  EXPECT_EQ(parsed("goodput>0.9").relation, PlanTarget::Relation::greater);
}

TEST(PlanTargetTextTest, ReadsWhatItWrites) {
  for (const char* text : {"wait_p99<60s", "goodput>=0.95", "evictions<=3", "acceptance>0.5"}) {
    EXPECT_EQ(to_string(parsed(text)), text);
  }
}

TEST(PlanTargetTextTest, UnknownMetricsListTheKnownOnes) {
  const auto target = parse_plan_target("wait_p98<60s");
  ASSERT_FALSE(target.ok());
  EXPECT_EQ(target.error().message, "unknown metric 'wait_p98'");
  EXPECT_NE(target.error().remedy.find("wait_p99"), std::string::npos);
}

TEST(PlanTargetTextTest, ErrorsNameTheColumnAndGiveAnExample) {
  const auto column = [](const std::string& text) {
    const auto target = parse_plan_target(text);
    EXPECT_FALSE(target.ok()) << text;
    EXPECT_NE(target.error().remedy.find("wait_p99<60s"), std::string::npos);
    const std::string& message = target.error().message;
    const std::size_t at = message.find("column ");
    return at == std::string::npos ? 0 : std::stoi(message.substr(at + 7));
  };
  EXPECT_EQ(column(""), 1);
  EXPECT_EQ(column("<60s"), 1);
  EXPECT_EQ(column("wait_p99=60s"), 9);
  EXPECT_EQ(column("wait_p99"), 9);
  EXPECT_EQ(column("wait_p99<"), 10);
  EXPECT_EQ(column("wait_p99<abc"), 10);
  EXPECT_EQ(column("wait_p99<60x"), 12);
  EXPECT_EQ(column("wait_p99<60%"), 12);
  EXPECT_EQ(column("goodput>=95s"), 12);
  EXPECT_EQ(column("wait_p99<inf"), 10);
  EXPECT_EQ(column("wait_p99<60s and more"), 12);
}

/// Three jobs of one GPU, 100 s each, at 0 s; the third gives up after 50 s.
Trace three_jobs() {
  Trace trace;
  trace.nodes = parse_cluster_shorthand("1xH100-80GB-SXM5:1").value();
  JobSpec spec;
  spec.request.num_gpu = 1;
  spec.request.gpu_milli = 1000;
  trace.specs.push_back(spec);
  for (const char* id : {"a", "b", "c"}) {
    trace.jobs.push_back({.id = id, .submit_ns = 0, .duration_ns = 100 * ns_per_s});
  }
  trace.jobs[2].max_wait_ns = 50 * ns_per_s;
  return trace;
}

SimulationOptions first_fit() {
  SimulationOptions options;
  options.policy.name = "first_fit";
  return options;
}

TEST(PlanValuesTest, JobsThatGaveUpHaveWaitedToo) {
  const Trace trace = three_jobs();
  const auto values = plan_values(trace, simulate(trace, first_fit()).value());
  ASSERT_EQ(values.size(), plan_metrics().size());
  EXPECT_DOUBLE_EQ(value_of(values, "wait_p99"), 100);
  EXPECT_DOUBLE_EQ(value_of(values, "wait_p50"), 50);  // 0, 50, 100
  EXPECT_DOUBLE_EQ(value_of(values, "wait_mean"), 50);
  EXPECT_NEAR(value_of(values, "unserved"), 1.0 / 3, 1e-12);
  EXPECT_NEAR(value_of(values, "goodput"), 2.0 / 3, 1e-12);
}

TEST(PlanValuesTest, JobsThatFitNoNodeWaitToTheEnd) {
  Trace trace = three_jobs();
  JobSpec wide = trace.specs[0];
  wide.request.num_gpu = 8;
  trace.specs.push_back(wide);
  trace.jobs[0].spec = 1;
  const auto values = plan_values(trace, simulate(trace, first_fit()).value());
  EXPECT_DOUBLE_EQ(value_of(values, "infeasible"), 1);
  EXPECT_DOUBLE_EQ(value_of(values, "wait_p99"), 100);  // the replay ends when the one that ran ends
}

TEST(PlanValuesTest, SharesAreFractions) {
  const Trace trace = generate_trace("mode-mix", {{"nodes", "1"}, {"hours", "6"}}, 1).value();
  SimulationOptions options;
  options.policy.name = "auto";
  options.queue = QueueDiscipline::lines;
  const auto values = plan_values(trace, simulate(trace, options).value());
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::string(plan_metrics()[i].unit) == "%") {
      EXPECT_GE(values[i], 0) << plan_metrics()[i].name;
      EXPECT_LE(values[i], 1) << plan_metrics()[i].name;
    }
  }
  EXPECT_GT(value_of(values, "goodput"), 0);
}

}  // namespace
}  // namespace gpusched::sim
