#include "gpusched/profiler/observation.hpp"

#include <vector>

#include <gtest/gtest.h>

#include "gpusched/profiler/nvml_api.hpp"

namespace gpusched::profiler {
namespace {

DeviceSample working(TimeNs at, double engine) {
  DeviceSample sample;
  sample.at = at;
  sample.engine_active = engine;
  return sample;
}

TEST(ObservationTest, QuantilesAreNearestRank) {
  std::vector<double> values;
  for (int i = 100; i >= 1; --i) {
    values.push_back(i / 100.0);
  }
  const Activity activity = *summarise(values);
  EXPECT_NEAR(activity.mean, 0.505, 1e-12);
  EXPECT_EQ(activity.p50, 0.5);
  EXPECT_EQ(activity.p90, 0.9);
  EXPECT_EQ(activity.p95, 0.95);
  EXPECT_EQ(activity.p99, 0.99);
  const std::vector<double> one = {0.3};
  EXPECT_EQ(summarise(one)->p99, 0.3);
  EXPECT_FALSE(summarise({}).has_value());
}

TEST(ObservationTest, NothingIsKnownOfNoSamplesOrEmptyOnes) {
  EXPECT_EQ(observe({}), Observation{});
  const std::vector<DeviceSample> empty(20);
  const Observation seen = observe(empty);
  EXPECT_EQ(seen.samples, 20);
  EXPECT_FALSE(seen.duty_cycle || seen.engine_active || seen.power_w || seen.memory_peak_mib || seen.energy_j);
}

TEST(ObservationTest, IdleSamplesAreDutyAndNotActivity) {
  const std::vector<DeviceSample> samples = {working(0, 0.8), working(1, 0), working(2, 0.005), working(3, 0.6)};
  const Observation seen = observe(samples);
  EXPECT_EQ(seen.duty_cycle, 0.5);
  EXPECT_NEAR(seen.engine_active->mean, 0.7, 1e-12);
  EXPECT_EQ(seen.working_samples, 2);
}

TEST(ObservationTest, HeatIsLeftOutAndThePowerLimitIsNot) {
  DeviceSample hot = working(1, 0.1), capped = working(2, 0.7);
  hot.clock_reasons = nvml::nvmlClocksThrottleReasonHwThermalSlowdown;
  hot.job_memory_mib = 900;
  capped.clock_reasons = nvml::nvmlClocksEventReasonSwPowerCap;
  const std::vector<DeviceSample> samples = {working(0, 0.9), hot, capped};
  const Observation seen = observe(samples);
  EXPECT_EQ(seen.throttled_samples, 1);
  EXPECT_EQ(seen.power_capped_samples, 1);
  EXPECT_NEAR(seen.engine_active->mean, 0.8, 1e-12);
  EXPECT_EQ(seen.memory_peak_mib, 900) << "memory does not depend on clocks";
}

TEST(ObservationTest, CountersGiveDifferencesAndSmsAreOfTheBusyTime) {
  DeviceSample first = working(0, 0.5), last = working(2 * ns_per_s, 0.5);
  first.energy_j = 1000;
  last.energy_j = 1700;
  first.ecc_uncorrected = 3;
  last.ecc_uncorrected = 4;
  first.sm_active = 0.2;
  last.sm_active = 0.6;  // more than the engine: counters are read one after the other
  const std::vector<DeviceSample> samples = {first, last};
  const Observation seen = observe(samples);
  EXPECT_EQ(seen.duration_s, 2);
  EXPECT_EQ(seen.energy_j, 700);
  EXPECT_EQ(seen.ecc_uncorrected, 1);
  EXPECT_NEAR(seen.sm_active->mean, 0.7, 1e-12);
}

TEST(ObservationTest, UtilizationDecidesOnWorkWhereNoCounterDoes) {
  DeviceSample busy, idle;
  busy.gpu_utilization = 0.5;
  idle.gpu_utilization = 0;
  const std::vector<DeviceSample> samples = {busy, idle};
  EXPECT_EQ(observe(samples).duty_cycle, 0.5);
  const std::vector<DeviceSample> with_counters = {busy, idle, working(0, 0.9)};
  EXPECT_EQ(observe(with_counters).duty_cycle, 1) << "a counter decides, and only where there is one";
}

}  // namespace
}  // namespace gpusched::profiler
