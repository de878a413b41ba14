#include "gpusched/sim/mode_bound.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/sim/generators/trace_generators.hpp"

#include "published/mode_study_published.hpp"

namespace gpusched::sim {
namespace {

constexpr double weight = .3;

GpuModelId a100() { return find_gpu_model("A100-80GB").value(); }

JobProfile profile_of(JobKind kind, double u, double w, double m, std::int64_t memory_mib) {
  JobProfile profile;
  profile.name = "p";
  profile.kind = kind;
  profile.gpu_model = a100();
  profile.engine_active.mean = u;
  profile.sm_active = Activity{.mean = w};
  profile.dram_active.mean = m;
  profile.memory_peak_mib = memory_mib;
  return profile;
}

JobProfile training() { return profile_of(JobKind::closed, .9, .8, .3, 8192); }

JobProfile service(double load, double w, double m, std::int64_t memory_mib) {
  JobProfile profile = profile_of(JobKind::service, 1, w, m, memory_mib);
  profile.request_load = Activity{.mean = load};
  profile.service_time_ms = 50;
  return profile;
}

GpuRequest request_of(const JobProfile& profile, JobClass job_class, double max_slowdown) {
  GpuRequest request;
  request.num_gpu = 1;
  request.gpu_milli = 1000;
  request.gpu_memory_mib = profile.memory_peak_mib;
  request.job_class = job_class;
  request.max_slowdown = max_slowdown;
  request.job_profile = profile.name;
  return request;
}

FluidCost cost_of(const GpuRequest& request, const JobProfile& profile) {
  return {request, profile, a100(), PerfConstants{}};
}

TEST(FluidCostTest, TrainingTakesTurnsForItsEngineTimeAndItsMemory) {
  const FluidCost cost = cost_of(request_of(training(), JobClass::batch, 1.5), training());
  EXPECT_EQ(cost.mode(weight), SharingMode::time_slice);
  EXPECT_NEAR(cost.gpus(weight), .3 * 8192 / 81920 + .7 * .9, 1e-9);
  EXPECT_EQ(cost.useful_gpus(), 1);
}

TEST(FluidCostTest, IsolatedTrainingHoldsTheSmallestSliceWithinItsLimitForLonger) {
  GpuRequest request = request_of(training(), JobClass::batch, 1.5);
  request.isolation = Isolation::memory;
  request.trust_domain = "trusted";  // does not help
  const FluidCost cost = cost_of(request, training());
  EXPECT_EQ(cost.mode(weight), SharingMode::mig);
  // 3g would take 1.511 times as long, 4g 1.035 (0.1 + 0.7 * 0.6 * 1.75^0.7 + 0.3 * 2) = 1.367.
  EXPECT_NEAR(cost.gpus(weight), 1.367 * (.3 * 4 / 8 + .7 * 4 / 7), 1e-3);
  request.max_slowdown = 1.2;
  EXPECT_EQ(cost_of(request, training()).mode(weight), SharingMode::whole);  // 7g takes 1.035 times as long
  EXPECT_EQ(cost_of(request, training()).gpus(weight), 1);
}

TEST(FluidCostTest, ServiceOnASliceHoldsItForItsLifeAndQueues) {
  const JobProfile small = service(.1, .3, .2, 4096);
  GpuRequest request = request_of(small, JobClass::always_on, 5);
  request.isolation = Isolation::fault;
  EXPECT_NEAR(cost_of(request, small).gpus(weight), .3 / 8 + .7 / 7, 1e-9);
  EXPECT_EQ(cost_of(request, small).useful_gpus(), .1);
  // K = 2.17 on 1g: 2.17 / (1 - 0.1 * 2.17) = 2.78 is too much now, 1g.20gb the same; 2g: 1.0868 / 0.8913 = 1.22.
  request.max_slowdown = 2.5;
  EXPECT_NEAR(cost_of(request, small).gpus(weight), .3 * 2 / 8 + .7 * 2 / 7, 1e-9);
}

TEST(FluidCostTest, SlicesMustHoldTheContextToo) {
  JobProfile tight = service(.05, .1, .1, 9856 - 512);
  GpuRequest request = request_of(tight, JobClass::always_on, 10);
  request.isolation = Isolation::memory;
  EXPECT_NEAR(cost_of(request, tight).gpus(weight), .3 / 8 + .7 / 7, 1e-9);
  tight.memory_peak_mib = request.gpu_memory_mib = 9856 - 511;
  EXPECT_NEAR(cost_of(request, tight).gpus(weight), .3 * 2 / 8 + .7 / 7, 1e-9);  // 1g.20gb
}

TEST(FluidCostTest, OnlyATrustedServiceMayUseMps) {
  const JobProfile large = service(.2, .5, .3, 20'480);
  GpuRequest request = request_of(large, JobClass::always_on, 3);
  EXPECT_EQ(cost_of(request, large).mode(weight), SharingMode::time_slice);
  EXPECT_NEAR(cost_of(request, large).gpus(weight), .3 * .25 + .7 * .2, 1e-9);
  request.trust_domain = "trusted";
  const double own = .5 * 1.2 * .2;
  const double most = 3 / (1 + .2 * 3.0) - 1 + own;  // what slows it to its limit
  EXPECT_EQ(cost_of(request, large).mode(weight), SharingMode::mps);
  EXPECT_NEAR(cost_of(request, large).gpus(weight), .3 * .25 + .7 * own / most, 1e-9);
}

TEST(FluidCostTest, MpsOfAClosedJobIsTheBestNumberOfNeighbours) {
  for (const double u : {.3, .6, .95}) {
    for (const double limit : {1.2, 1.6, 3.0}) {
      for (const double theta : {.1, .5, .9}) {
        const JobProfile profile = profile_of(JobKind::closed, u, .8, .2, 20'480);
        GpuRequest request = request_of(profile, JobClass::batch, limit);
        request.trust_domain = "trusted";
        const double d = std::round(u * .8 * 1000) / 1000;
        double best = theta * .25 + (1 - theta) * u;  // time slicing
        for (double sum = d; sum <= d + (limit - 1) / u; sum += 1e-4) {
          best = std::min(best, (theta * .25 + (1 - theta) * d / sum) * (1 - u * d + u * sum));
        }
        const double gpus = cost_of(request, profile).gpus(theta);
        EXPECT_LE(gpus, best + 1e-9) << u << " " << limit << " " << theta;
        if (cost_of(request, profile).mode(theta) == SharingMode::mps) {
          EXPECT_NEAR(gpus, best, 1e-5) << u << " " << limit << " " << theta;
        }
      }
    }
  }
}

TEST(FluidCostTest, SessionHoldsItsMemoryWhileItIdles) {
  JobProfile session = profile_of(JobKind::closed, .6, .5, .2, 8192);
  session.duty_cycle = .1;
  const FluidCost cost = cost_of(request_of(session, JobClass::dev, 2), session);
  EXPECT_NEAR(cost.gpus(weight), .3 * .1 + .7 * .06, 1e-9);
  EXPECT_EQ(cost.useful_gpus(), .1);
}

TEST(FluidCostTest, GangHoldsWholeGpus) {
  GpuRequest request = request_of(training(), JobClass::batch, 3);
  request.num_gpu = 4;
  request.trust_domain = "trusted";
  EXPECT_EQ(cost_of(request, training()).mode(weight), SharingMode::whole);
  EXPECT_EQ(cost_of(request, training()).gpus(weight), 4);
  EXPECT_EQ(cost_of(request, training()).useful_gpus(), 4);
}

/// One GPU, and jobs that need all of its memory and may not share.
Trace one_gpu(std::initializer_list<std::pair<double, double>> submit_and_duration_s, bool services) {
  Trace trace;
  TraceNode node;
  node.id = "n";
  node.gpu_model = "A100-80GB";
  node.num_gpu = 1;
  trace.nodes = {node};
  trace.profiles = {services ? service(.25, .9, .5, 80'000) : profile_of(JobKind::closed, 1, 1, .5, 80'000)};
  JobSpec spec;
  spec.request = request_of(trace.profiles[0], services ? JobClass::always_on : JobClass::batch, 2);
  spec.request.isolation = Isolation::fault;
  trace.specs = {spec};
  for (const auto& [submit_s, duration_s] : submit_and_duration_s) {
    TraceJob job;
    job.id = "j" + std::to_string(trace.jobs.size());
    job.submit_ns = std::llround(submit_s * 1e9);
    job.duration_ns = std::llround(duration_s * 1e9);
    trace.jobs.push_back(job);
  }
  return trace;
}

ModeBound bound_of(const Trace& trace, double begin_s, double end_s) {
  const Result<ModeBound> bound = mode_bound(trace, std::llround(begin_s * 1e9), std::llround(end_s * 1e9));
  EXPECT_TRUE(bound.ok()) << bound.error().to_string();
  return bound.ok() ? bound.value() : ModeBound{};
}

TEST(ModeBoundTest, WorkBeyondTheGpusDoesNotCount) {
  const ModeBound bound = bound_of(one_gpu({{0, 6}, {2, 8}}, false), 0, 10);
  EXPECT_NEAR(bound.offered, 1.4, 1e-9);
  EXPECT_NEAR(bound.demand, 1.4, 1e-9);
  EXPECT_NEAR(bound.bound, 1, 1e-9);
}

TEST(ModeBoundTest, TrainingFromBeforeTheWindowMayBeDoneInIt) {
  const ModeBound bound = bound_of(one_gpu({{0, 6}}, false), 5, 15);
  EXPECT_NEAR(bound.offered, .1, 1e-9);
  EXPECT_NEAR(bound.bound, .6, 1e-9);
  EXPECT_NEAR(bound_of(one_gpu({{12, 6}}, false), 5, 15).bound, .3, 1e-9);  // no time for all of it
}

TEST(ModeBoundTest, ServicesMayWaitOnlyAsLongAsTheirPatience) {
  Trace trace = one_gpu({{0, 6}}, true);
  trace.jobs[0].max_wait_ns = 2 * ns_per_s;
  const ModeBound bound = bound_of(trace, 5, 15);
  EXPECT_NEAR(bound.offered, .25 * .1, 1e-9);
  EXPECT_NEAR(bound.bound, .25 * .3, 1e-9);  // from 5 to 8
}

TEST(ModeBoundTest, GoesByTheTrueProfile) {
  Trace trace = one_gpu({{0, 10}}, false);
  trace.specs[0].request.job_profile = "";
  trace.specs[0].true_profile = "p";
  EXPECT_NEAR(bound_of(trace, 0, 10).bound, 1, 1e-9);
}

TEST(ModeBoundTest, ErrorsNameWhatIsWrong) {
  const auto refusal = [](const Trace& trace, TimeNs end_ns = 1) {
    const Result<ModeBound> bound = mode_bound(trace, 0, end_ns);
    EXPECT_FALSE(bound.ok());
    return bound.ok() ? Error{} : bound.error();
  };
  const Trace good = one_gpu({{0, 6}}, false);
  EXPECT_EQ(refusal(good, 0).code, ErrorCode::invalid_argument);
  EXPECT_EQ(refusal(Trace{}).code, ErrorCode::invalid_argument);
  Trace bad = good;
  bad.profiles.clear();
  EXPECT_EQ(refusal(bad).code, ErrorCode::not_found);
  EXPECT_NE(refusal(bad).message.find("'j0' names the job profile 'p'"), std::string::npos);
  bad.specs[0].request.job_profile = "";
  EXPECT_NE(refusal(bad).message.find("'j0' has no job profile"), std::string::npos);
  bad = good;
  bad.specs[0].request.gpu_milli = 500;
  EXPECT_EQ(refusal(bad).code, ErrorCode::unsupported);
  bad = good;
  bad.nodes.push_back(bad.nodes[0]);
  bad.nodes[1].gpu_model = "H100-80GB-SXM5";
  EXPECT_EQ(refusal(bad).code, ErrorCode::unsupported);
}

// All loads and eight seeds: bench/sim/mode_bound_table. Three seeds differ by more: twice its tolerance of the offered
// work.
TEST(ModeBoundTest, OfferedWorkAndBoundAreAboutAsPublished) {
  constexpr int seeds = 3;
  for (const published::ModeStudyCell& cell : published::mode_study_cells) {
    if (cell.load != "1.0") {
      continue;
    }
    ModeBound mean;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
      const Result<Trace> trace =
          generate_trace("mode-mix", {{"mix", std::string(cell.mix)}, {"load", std::string(cell.load)}}, seed);
      ASSERT_TRUE(trace.ok()) << trace.error().to_string();
      const ModeBound bound = bound_of(trace.value(), 5 * 3600, 19 * 3600);
      mean.offered += bound.offered / seeds;
      mean.bound += bound.bound / seeds;
    }
    EXPECT_NEAR(mean.offered / cell.offered, 1, 2 * published::mode_study_offered_tolerance) << cell.mix;
    EXPECT_NEAR(mean.bound / cell.bound, 1, 2 * published::mode_study_offered_tolerance) << cell.mix;
  }
}

}  // namespace
}  // namespace gpusched::sim
