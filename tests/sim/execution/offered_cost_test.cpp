#include "../../../sim/src/execution/offered_cost.hpp"

#include <gtest/gtest.h>

#include "gpusched/sim/cluster_builder.hpp"
#include "gpusched/sim/generators/trace_generators.hpp"
#include "gpusched/sim/mode_bound.hpp"

#include "sim/execution/executed_jobs.hpp"

namespace gpusched::sim {
namespace {

using namespace test;

constexpr std::size_t row(GoodputClass goodput_class) { return static_cast<std::size_t>(goodput_class); }

TEST(OfferedCostTest, WeighsEachClassByItsCheapestModeAndItsDuration) {
  Trace trace;
  trace.nodes = parse_cluster_shorthand("1xA100-80GB:4").value();
  trace.profiles = {closed_profile(.9, .3, .5)};
  const auto add = [&](double submit_s, double duration_s, std::int32_t num_gpu) {
    JobSpec spec = spec_of(JobClass::batch, 1.5, num_gpu);
    spec.request.job_profile = "closed";
    spec.request.isolation = Isolation::fault;
    trace.specs.push_back(spec);
    TraceJob job;
    job.submit_ns = at(submit_s);
    job.duration_ns = at(duration_s);
    job.spec = static_cast<std::uint32_t>(trace.specs.size() - 1);
    trace.jobs.push_back(job);
  };
  add(500, 1e6, 1);  // before the window
  add(1500, 100, 1);
  add(1600, 200, 3);
  const MeasuringWindow window{at(1000), at(2000)};
  const auto shares = offered_cost_shares(trace, window, {});
  const double one = FluidCost(trace.specs[1].request, trace.profiles[0], gpusched::test::model_named("A100-80GB"), {})
                         .gpus(load_memory_weight);
  EXPECT_GT(one, 0);
  EXPECT_LE(one, 1);
  EXPECT_NEAR(shares[row(GoodputClass::training)], 100 * one / (100 * one + 600), 1e-12);
  EXPECT_NEAR(shares[row(GoodputClass::gang)], 600 / (100 * one + 600), 1e-12);
  EXPECT_EQ(shares[row(GoodputClass::service)], 0);
}

TEST(OfferedCostTest, WithoutJobsThereAreNoShares) {
  EXPECT_EQ(offered_cost_shares(Trace{}, {0, at(100)}, {}), (std::array<double, goodput_class_count>{}));
}

TEST(OfferedCostTest, SharesOfAMixAreThoseItIsMadeOf) {
  // mixedday: services .30, bursts .15, sessions .25, training .30 of which .06 gangs (mode study, section 1). Four
  // clusters' worth of jobs, drawn: within a fifth.
  std::array<double, goodput_class_count> mean{};
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    const Trace trace = generate_trace("mode-mix", {{"mix", "mixedday"}, {"load", "1.0"}}, seed).value();
    const auto shares = offered_cost_shares(trace, measuring_window(trace).value(), {});
    for (std::size_t i = 0; i < mean.size(); ++i) {
      mean[i] += shares[i] / 4;
    }
  }
  EXPECT_NEAR(mean[row(GoodputClass::service)], .30, .06);
  EXPECT_NEAR(mean[row(GoodputClass::burst)], .15, .03);
  EXPECT_NEAR(mean[row(GoodputClass::dev)], .25, .05);
  EXPECT_NEAR(mean[row(GoodputClass::training)] + mean[row(GoodputClass::gang)], .30, .06);
}

}  // namespace
}  // namespace gpusched::sim
