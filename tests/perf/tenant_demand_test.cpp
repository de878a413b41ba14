#include "gpusched/perf/tenant_demand.hpp"

#include <array>

#include <gtest/gtest.h>

#include "gpusched/base/check.hpp"
#include "gpusched/model/gpu_catalog.hpp"

namespace gpusched {
namespace {

JobProfile dev() {
  JobProfile profile;
  profile.name = "dev";
  profile.gpu_model = find_gpu_model("A100-80GB").value();
  profile.engine_active.mean = 0.8;
  profile.sm_active = Activity{.mean = 0.5};
  profile.dram_active.mean = 0.3;
  profile.duty_cycle = 0.2;
  profile.memory_peak_mib = 4000;
  return profile;
}

JobProfile service() {
  JobProfile profile = dev();
  profile.kind = JobKind::service;
  profile.duty_cycle = 1;
  profile.request_load = Activity{.mean = 0.2};
  profile.service_time_ms = 25;
  return profile;
}

TEST(TenantDemandTest, AClosedJobHasActivityAndNoLoad) {
  const TenantDemand demand = tenant_demand(dev(), LoadPoint::mean, PerfConstants{});
  EXPECT_EQ(demand.engine_active_milli, 800);
  EXPECT_EQ(demand.dram_active_milli, 300);
  EXPECT_EQ(demand.mps_demand_milli, 400) << "u w, above m";
  EXPECT_EQ(demand.activity_milli, 200);
  EXPECT_EQ(demand.load_milli, 0);
  EXPECT_FALSE(demand.service);
  EXPECT_EQ(demand.activity_spread_milli, 0);
  // 1.645 x sqrt(.2 x .8) = .658
  const TenantDemand planned = tenant_demand(dev(), LoadPoint::planned, PerfConstants{});
  EXPECT_EQ(planned.activity_milli, 200);
  EXPECT_EQ(planned.activity_spread_milli, 658);
}

TEST(TenantDemandTest, AServiceIsPlannedAtAHighQuantileOfItsLoad) {
  JobProfile profile = service();
  EXPECT_EQ(tenant_demand(profile, LoadPoint::mean, PerfConstants{}).load_milli, 200);
  const auto spread = [&] {
    const TenantDemand planned = tenant_demand(profile, LoadPoint::planned, PerfConstants{});
    EXPECT_EQ(planned.load_milli, 200);
    return planned.load_spread_milli;
  };
  EXPECT_EQ(spread(), 160) << "1.8 x mean";
  profile.request_load->p99 = 0.5;
  EXPECT_EQ(spread(), 300);
  profile.request_load->p90 = 0.3;
  EXPECT_EQ(spread(), 100);
  profile.request_load->p95 = 0.4;
  EXPECT_EQ(spread(), 200);
  const TenantDemand demand = tenant_demand(profile, LoadPoint::mean, PerfConstants{});
  EXPECT_EQ(demand.mps_demand_milli, 500) << "w while it serves";
  EXPECT_EQ(demand.service_time_us, 25'000);
  EXPECT_TRUE(demand.service);
}

TEST(TenantDemandTest, AMeasuredMpsDemandWinsAndAnUnknownWidthFillsTheGpu) {
  JobProfile profile = dev();
  profile.sm_active.reset();
  EXPECT_EQ(tenant_demand(profile, LoadPoint::mean, PerfConstants{}).mps_demand_milli, 800);
  profile.mps_demand = 0.435;
  EXPECT_EQ(tenant_demand(profile, LoadPoint::mean, PerfConstants{}).mps_demand_milli, 435);
}

// K = 2, u = .8: (2 - .2) / 2 = .9; rho = .2 x 2.
TEST(TenantDemandTest, ASliceMakesTheEngineBusier) {
  const TenantDemand closed = on_slice(tenant_demand(dev(), LoadPoint::mean, PerfConstants{}), 2000);
  EXPECT_EQ(closed.engine_active_milli, 900);
  EXPECT_EQ(closed.slice_slowdown_milli, 2000);
  EXPECT_EQ(on_slice(tenant_demand(service(), LoadPoint::mean, PerfConstants{}), 2000).load_milli, 400);
  EXPECT_THROW(on_slice(closed, 2000), InvariantError);
}

TEST(TenantDemandTest, ASliceOfTheWholeSpeedChangesNothing) {
  const TenantDemand whole = tenant_demand(dev(), LoadPoint::mean, PerfConstants{});
  EXPECT_EQ(on_slice(whole, 1000), whole);
}

TEST(TenantDemandTest, EachProcessNeedsAContextBesidesItsFootprint) {
  const std::array<std::int64_t, 2> footprints = {4000, 1000};
  EXPECT_EQ(memory_needed_mib(footprints, PerfConstants{}), 6024);
  EXPECT_EQ(memory_needed_mib({}, PerfConstants{}), 0);
}

}  // namespace
}  // namespace gpusched
