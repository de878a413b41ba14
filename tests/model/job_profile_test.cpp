#include "gpusched/model/job_profile.hpp"

#include <cmath>
#include <functional>
#include <limits>
#include <string>

#include <gtest/gtest.h>

#include "gpusched/base/units.hpp"
#include "gpusched/model/gpu_catalog.hpp"

namespace gpusched {
namespace {

JobProfile training() {
  JobProfile profile;
  profile.name = "bert";
  profile.gpu_model = find_gpu_model("A100-40GB").value();
  profile.engine_active = {.mean = 0.8, .p50 = 0.8, .p95 = 0.95};
  profile.dram_active = {.mean = 0.5};
  profile.memory_peak_mib = 6000;
  profile.slice_speeds = {{.profile = "1g.5gb", .speed = 0.2}, {.profile = "3g.20gb", .speed = 0.6}};
  return profile;
}

JobProfile service() {
  JobProfile profile = training();
  profile.kind = JobKind::service;
  profile.request_load = Activity{.mean = 0.1, .p90 = 0.2};
  profile.service_time_ms = 12;
  return profile;
}

TEST(JobProfileTest, AcceptsACompleteProfileOfEachKind) {
  EXPECT_TRUE(check_job_profile(training()).ok());
  EXPECT_TRUE(check_job_profile(service()).ok());
}

struct BadProfile {
  const char* what;
  std::function<void(JobProfile&)> spoil;
  const char* expected;  // in the message
  bool of_service = false;
};

TEST(JobProfileTest, NamesFieldAndValueOfWhatIsWrong) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  const BadProfile cases[] = {
      {"no name", [](auto& p) { p.name.clear(); }, "name is empty"},
      {"revision", [](auto& p) { p.revision = 0; }, "revision is 0"},
      {"no GPU", [](auto& p) { p.gpu_model = {}; }, "gpu_model"},
      {"GPU beyond the catalogue", [](auto& p) { p.gpu_model.value = 9999; }, "gpu_model"},
      {"above 1", [](auto& p) { p.engine_active.mean = 1.2; }, "engine_active.mean is 1.2, above 1"},
      {"per cent", [](auto& p) { p.dram_active.mean = 50; }, "dram_active.mean is 50"},
      {"negative", [](auto& p) { p.sm_active = Activity{.mean = -0.1}; }, "sm_active.mean is -0.1, below 0"},
      {"NaN", [=](auto& p) { p.tensor_active = Activity{.mean = nan}; }, "tensor_active.mean is nan, not a finite"},
      {"infinity", [=](auto& p) { p.power_w = infinity; }, "power_w is inf, not a finite"},
      {"quantile", [](auto& p) { p.engine_active.p99 = 1.5; }, "engine_active.p99 is 1.5"},
      {"falling", [](auto& p) { p.engine_active.p90 = 0.7; }, "engine_active.p90 is 0.7, below the quantile before"},
      {"no memory", [](auto& p) { p.memory_peak_mib = 0; }, "memory_peak_mib is 0"},
      {"duty", [](auto& p) { p.duty_cycle = 1.01; }, "duty_cycle is 1.01"},
      {"closed with load", [](auto& p) { p.request_load = Activity{.mean = 0.1}; }, "request_load is there"},
      {"closed with time", [](auto& p) { p.service_time_ms = 5; }, "service_time_ms is there"},
      {"no load", [](auto& p) { p.request_load.reset(); }, "request_load is missing", true},
      {"no time", [](auto& p) { p.service_time_ms.reset(); }, "service_time_ms is missing", true},
      {"load", [](auto& p) { p.request_load->mean = 1.1; }, "request_load.mean is 1.1", true},
      {"time", [](auto& p) { p.service_time_ms = 0; }, "service_time_ms is 0", true},
      {"demand", [](auto& p) { p.mps_demand = -1; }, "mps_demand is -1"},
      {"speed", [](auto& p) { p.slice_speeds[0].speed = 0; }, "slice_speeds.1g.5gb is 0"},
      {"speed in per cent", [](auto& p) { p.slice_speeds[0].speed = 20; }, "slice_speeds.1g.5gb is 20"},
      {"speed NaN", [=](auto& p) { p.slice_speeds[0].speed = nan; }, "slice_speeds.1g.5gb is nan"},
      {"twice", [](auto& p) { p.slice_speeds[1].profile = "1g.5gb"; }, "twice or out of order"},
      {"other GPU's", [](auto& p) { p.slice_speeds[1].profile = "3g.40gb"; }, "no MIG profile \"3g.40gb\""},
  };
  for (const BadProfile& bad : cases) {
    SCOPED_TRACE(bad.what);
    JobProfile profile = bad.of_service ? service() : training();
    bad.spoil(profile);
    const Status status = check_job_profile(profile);
    ASSERT_FALSE(status.ok());
    EXPECT_NE(status.error().message.find(bad.expected), std::string::npos) << status.error().to_string();
    EXPECT_FALSE(status.error().remedy.empty()) << status.error().to_string();
  }
}

TEST(JobProfileTest, FindsAMeasuredSpeed) {
  EXPECT_EQ(measured_speed(training(), "3g.20gb"), 0.6);
  EXPECT_EQ(measured_speed(training(), "2g.10gb"), std::nullopt);
}

TEST(JobProfileTest, RatiosBecomeThousandths) {
  EXPECT_EQ(to_milli(0.0004), 0);
  EXPECT_EQ(to_milli(0.0005), 1);
  EXPECT_EQ(to_milli(1.2345), 1235);
  EXPECT_EQ(to_milli(-0.0006), -1);
  EXPECT_EQ(to_milli(std::numeric_limits<double>::infinity()), 1'000'000'000'000'000);
}

}  // namespace
}  // namespace gpusched
