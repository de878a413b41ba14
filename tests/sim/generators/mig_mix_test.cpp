#include <array>
#include <cmath>
#include <map>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/sim/generators/trace_generators.hpp"

namespace gpusched::sim {
namespace {

Trace generated(const std::map<std::string, std::string>& parameters, std::uint64_t seed = 11) {
  Result<Trace> trace = generate_trace("mig-mix", parameters, seed);
  EXPECT_TRUE(trace.ok()) << trace.error().to_string();
  return std::move(trace).value();
}

constexpr std::array<double, 6> memory_slices = {1, 2, 2, 4, 4, 8};

TEST(MigMixTest, DrawsTheShapesInTheSharesOfTheMix) {
  const std::map<std::string, std::array<double, 6>> mixes = {
      {"uniform", {1 / 6., 1 / 6., 1 / 6., 1 / 6., 1 / 6., 1 / 6.}},
      {"skew-small", {.30, .25, .20, .10, .10, .05}},
      {"skew-big", {.05, .10, .10, .20, .25, .30}},
      {"bimodal", {.30, .15, .05, .05, .15, .30}}};
  for (const auto& [mix, shares] : mixes) {
    const Trace trace = generated({{"mix", mix}, {"jobs", "200000"}});
    std::array<double, 6> counts{};
    for (const TraceJob& job : trace.jobs) {
      counts.at(job.spec) += 1;
    }
    for (std::size_t i = 0; i < counts.size(); ++i) {
      // Four standard deviations of a binomial share.
      EXPECT_NEAR(counts[i] / 200'000, shares[i], 4 * std::sqrt(shares[i] * (1 - shares[i]) / 200'000)) << mix << i;
    }
  }
}

TEST(MigMixTest, OffersTheLoadThatWasAskedFor) {
  for (const char* const mix : {"uniform", "skew-small", "skew-big", "bimodal"}) {
    const Trace trace = generated({{"mix", mix}, {"load", "0.85"}, {"jobs", "400000"}});
    double slice_s = 0;
    for (const TraceJob& job : trace.jobs) {
      slice_s += memory_slices.at(job.spec) * static_cast<double>(job.duration_ns) / 1e9;
    }
    const double span_s = static_cast<double>(trace.jobs.back().submit_ns) / 1e9;
    EXPECT_NEAR(slice_s / span_s / 800, 0.85, 0.0085) << mix;
  }
}

TEST(MigMixTest, HasExponentialGapsAndLifetimes) {
  const Trace trace = generated({{"jobs", "200000"}, {"mean_lifetime_s", "1"}});
  double gap_sum = 0;
  double gap_squares = 0;
  double life_sum = 0;
  double life_squares = 0;
  TimeNs last_ns = 0;
  for (const TraceJob& job : trace.jobs) {
    const double gap_s = static_cast<double>(job.submit_ns - last_ns) / 1e9;
    const double life_s = static_cast<double>(job.duration_ns) / 1e9;
    gap_sum += gap_s;
    gap_squares += gap_s * gap_s;
    life_sum += life_s;
    life_squares += life_s * life_s;
    last_ns = job.submit_ns;
  }
  const double n = 200'000;
  EXPECT_NEAR(life_sum / n, 1, .01);
  // An exponential has a squared coefficient of variation of 1.
  EXPECT_NEAR(life_squares / n / (life_sum / n) / (life_sum / n), 2, .04);
  EXPECT_NEAR(gap_squares / n / (gap_sum / n) / (gap_sum / n), 2, .04);
}

TEST(MigMixTest, NamesProfilesAfterTheModel) {
  const std::array<std::string, 6> names_80gb = {"1g.10gb", "1g.20gb", "2g.20gb", "3g.40gb", "4g.40gb", "7g.80gb"};
  const Trace trace = generated({{"jobs", "1"}});
  ASSERT_EQ(trace.specs.size(), names_80gb.size());
  for (std::size_t i = 0; i < names_80gb.size(); ++i) {
    const GpuRequest& request = trace.specs[i].request;
    EXPECT_EQ(request.mig_profile, names_80gb[i]);
    EXPECT_EQ(request.mode, SharingMode::mig);
    EXPECT_EQ(request.num_gpu, 1);
    EXPECT_EQ(request.cpu_milli, 0);
    EXPECT_EQ(request.memory_mib, 0);
  }
  for (const GpuModel& model : gpu_catalog()) {
    if (model.has_lattice() && model.compute_slices == 7 && model.placement_units == 8) {
      const Trace other = generated({{"jobs", "1"}, {"model", std::string(model.name)}});
      for (const JobSpec& spec : other.specs) {
        const GpuModelId id = find_gpu_model(model.name).value();
        EXPECT_TRUE(find_mig_profile(id, spec.request.mig_profile).ok()) << model.name << spec.request.mig_profile;
      }
    }
  }
}

TEST(MigMixTest, FillsNodesAndLeavesTheRestToTheLast) {
  const Trace trace = generated({{"gpus", "100"}, {"gpus_per_node", "8"}, {"jobs", "1"}});
  ASSERT_EQ(trace.nodes.size(), 13U);
  EXPECT_EQ(trace.nodes.front().num_gpu, 8);
  EXPECT_EQ(trace.nodes.back().num_gpu, 4);
  EXPECT_EQ(trace.nodes.front().sharing, NodeSharing::mig);
}

TEST(MigMixTest, ShiftsToAnotherMixInTheMiddleAndKeepsTheLoad) {
  const Trace trace = generated({{"mix", "skew-small"}, {"then", "skew-big"}, {"load", "0.9"}, {"jobs", "200000"}});
  const Trace second = generated({{"mix", "skew-big"}, {"load", "0.9"}, {"jobs", "200000"}});
  std::array<double, 2> smallest{}, slice_seconds{};
  for (std::size_t i = 0; i < trace.jobs.size(); ++i) {
    const TraceJob& job = trace.jobs[i];
    smallest.at(i / 100'000) += job.spec == 0 ? 1 : 0;
    slice_seconds.at(i / 100'000) +=
        memory_slices.at(job.spec) * static_cast<double>(job.duration_ns) / static_cast<double>(ns_per_s);
  }
  EXPECT_NEAR(smallest[0] / 100'000, .30, .01);
  EXPECT_NEAR(smallest[1] / 100'000, .05, .01);
  for (std::size_t i = 100'000; i < 200'000; ++i) {
    ASSERT_EQ(trace.jobs[i].spec, second.jobs[i].spec);
  }
  const double shift_s = static_cast<double>(trace.jobs[100'000].submit_ns) / static_cast<double>(ns_per_s);
  const double end_s = static_cast<double>(trace.jobs.back().submit_ns) / static_cast<double>(ns_per_s);
  EXPECT_NEAR(slice_seconds[0] / (shift_s * 800), .9, .01);
  EXPECT_NEAR(slice_seconds[1] / ((end_s - shift_s) * 800), .9, .01);
}

TEST(MigMixTest, KeepsMixAndLifetimesWhenOnlyTheLoadChanges) {
  const Trace low = generated({{"load", "0.85"}, {"jobs", "1000"}});
  const Trace high = generated({{"load", "1.2"}, {"jobs", "1000"}});
  for (std::size_t i = 0; i < low.jobs.size(); ++i) {
    EXPECT_EQ(low.jobs[i].spec, high.jobs[i].spec);
    EXPECT_EQ(low.jobs[i].duration_ns, high.jobs[i].duration_ns);
  }
}

}  // namespace
}  // namespace gpusched::sim
