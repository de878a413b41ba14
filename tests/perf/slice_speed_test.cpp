#include "gpusched/perf/slice_speed.hpp"

#include <limits>

#include <gtest/gtest.h>

#include "gpusched/model/gpu_catalog.hpp"

namespace gpusched {
namespace {

GpuModelId a100() { return find_gpu_model("A100-80GB").value(); }
MigProfileId slice(const char* name) { return find_mig_profile(a100(), name).value(); }

JobProfile job(double engine, double dram) {
  JobProfile profile;
  profile.name = "job";
  profile.gpu_model = a100();
  profile.engine_active.mean = engine;
  profile.dram_active.mean = dram;
  profile.memory_peak_mib = 1000;
  return profile;
}

JobProfile service(double width, double dram) {
  JobProfile profile = job(1, dram);
  profile.kind = JobKind::service;
  profile.sm_active = Activity{.mean = width};
  profile.request_load = Activity{.mean = 0.1};
  profile.service_time_ms = 10;
  return profile;
}

std::int64_t milli(const JobProfile& profile, const char* name) {
  return slice_slowdown_milli(profile, a100(), slice(name), PerfConstants{});
}

TEST(SliceSpeedTest, FractionsFollowSlicesAndPlacementUnits) {
  const GpuModel& model = gpu_model(a100());
  const SliceFractions three = slice_fractions(model, model.profiles[slice("3g.40gb").value]);
  EXPECT_DOUBLE_EQ(three.compute, 3.0 / 7);
  EXPECT_DOUBLE_EQ(three.memory, 0.5);
  const GpuModelId a30 = find_gpu_model("A30-24GB").value();
  const MigProfile& half = gpu_model(a30).profiles[find_mig_profile(a30, "2g.12gb").value().value];
  EXPECT_DOUBLE_EQ(slice_fractions(gpu_model(a30), half).compute, 0.5);
  EXPECT_DOUBLE_EQ(slice_fractions(gpu_model(a30), half).memory, 0.5);
}

// Worked by hand: u = .9, m = .3, 3g: .1 + .7 x .6 / (3/7)^.7 + .3 / .5 = .1 + .76003 + .6.
TEST(SliceSpeedTest, TrainingHasThreeParts) {
  EXPECT_NEAR(training_slice_slowdown(0.9, 0.3, {.compute = 3.0 / 7, .memory = 0.5}, PerfConstants{}), 1.460034, 1e-6);
  EXPECT_EQ(milli(job(0.9, 0.3), "3g.40gb"), 1511);  // x 1.035
}

TEST(SliceSpeedTest, NoInstanceIsFasterThanTheLargest) {
  EXPECT_EQ(training_slice_slowdown(0.9, 0, {}, PerfConstants{}), 1) << "the parts add to .1 + .63";
  EXPECT_EQ(milli(job(0, 0), "1g.10gb"), 1035);
}

TEST(SliceSpeedTest, RequestsAreBoundByWidthOrBandwidth) {
  EXPECT_DOUBLE_EQ(inference_slice_slowdown(0.1, 0.1, {.compute = 1.0 / 7, .memory = 0.125}), 1);
  EXPECT_DOUBLE_EQ(inference_slice_slowdown(0.5, 0.1, {.compute = 1.0 / 7, .memory = 0.125}), 3.5);
  EXPECT_DOUBLE_EQ(inference_slice_slowdown(0.1, 0.5, {.compute = 1.0 / 7, .memory = 0.125}), 4);
  JobProfile unknown_width = service(0.1, 0.1);
  unknown_width.sm_active.reset();
  EXPECT_EQ(milli(unknown_width, "1g.10gb"), 7245) << "a job of unknown width may fill the GPU";
}

TEST(SliceSpeedTest, AMeasuredSpeedWins) {
  JobProfile measured = job(0.9, 0.3);
  measured.slice_speeds = {{.profile = "3g.40gb", .speed = 0.8}};
  EXPECT_EQ(milli(measured, "3g.40gb"), 1250);
  EXPECT_EQ(milli(measured, "2g.20gb"), milli(job(0.9, 0.3), "2g.20gb")) << "training is not extrapolated";
}

TEST(SliceSpeedTest, OneMeasuredSliceCalibratesAService) {
  JobProfile measured = service(1, 1);
  measured.slice_speeds = {{.profile = "1g.10gb", .speed = 0.25}, {.profile = "3g.40gb", .speed = 0.9}};
  EXPECT_EQ(milli(measured, "1g.10gb"), 4000);
  EXPECT_EQ(milli(measured, "2g.20gb"), 2000) << "T(1) / 2";
  EXPECT_EQ(milli(measured, "7g.80gb"), 1035) << "T(1) / 7 is below T(7)";
}

TEST(SliceSpeedTest, SpeedsMeasuredOnAnotherGpuModelDoNotCount) {
  JobProfile measured = job(0.9, 0.3);
  measured.gpu_model = find_gpu_model("H100-80GB-SXM5").value();
  measured.slice_speeds = {{.profile = "3g.40gb", .speed = 0.8}};
  EXPECT_EQ(milli(measured, "3g.40gb"), 1511);
}

TEST(SliceSpeedTest, MoreOfTheGpuIsNeverSlower) {
  for (int u = 0; u <= 10; ++u) {
    for (int m = 0; m <= u; ++m) {
      for (const JobProfile& profile : {job(u / 10.0, m / 10.0), service(u / 10.0, m / 10.0)}) {
        std::int64_t last = std::numeric_limits<std::int64_t>::max();
        for (const char* name : {"1g.10gb", "2g.20gb", "3g.40gb", "4g.40gb", "7g.80gb"}) {
          const std::int64_t k = milli(profile, name);
          EXPECT_LE(k, last) << name << " u " << u << " m " << m;
          EXPECT_GE(k, 1035);
          last = k;
        }
      }
    }
  }
}

}  // namespace
}  // namespace gpusched
