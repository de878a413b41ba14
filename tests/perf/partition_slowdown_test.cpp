#include "gpusched/perf/partition_slowdown.hpp"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "gpusched/base/philox.hpp"

namespace gpusched {
namespace {

TenantDemand closed(int u, int m = 0, int activity = 1000) {
  return {.engine_active_milli = u, .dram_active_milli = m, .mps_demand_milli = u, .activity_milli = activity};
}
TenantDemand service(int load, int d = 500) {
  return {.mps_demand_milli = d, .load_milli = load, .service_time_us = 10'000, .service = true};
}

std::vector<double> sliced(const std::vector<TenantDemand>& tenants) {
  std::vector<double> slowdown(tenants.size());
  time_slice_slowdown(tenants, PerfConstants{}, slowdown);
  return slowdown;
}
std::vector<double> side_by_side(const std::vector<TenantDemand>& tenants) {
  std::vector<double> slowdown(tenants.size());
  mps_slowdown(tenants, PerfConstants{}, slowdown);
  return slowdown;
}

TEST(PartitionSlowdownTest, NobodyIsSlowedAlone) {
  EXPECT_EQ(sliced({closed(1000, 900)}), std::vector<double>{1});
  EXPECT_EQ(side_by_side({closed(1000, 900)}), std::vector<double>{1});
  EXPECT_DOUBLE_EQ(sliced({service(500)})[0], 2) << "a queue's own load";
  EXPECT_DOUBLE_EQ(side_by_side({service(500)})[0], 2);
  EXPECT_EQ(sliced({}), std::vector<double>{});
}

TEST(PartitionSlowdownTest, IdleNeighboursCostNothing) {
  EXPECT_EQ(sliced({closed(1000), closed(1000, 500, 0)})[0], 1);
  EXPECT_EQ(side_by_side({closed(1000), closed(1000, 500, 0)})[0], 1);
  EXPECT_NEAR(sliced({closed(1000), closed(1000, 0, 0)})[1], 2.22, 1e-12) << "it is told what happens when it works";
}

// 1.11 N: nos, B4 of the study.
TEST(PartitionSlowdownTest, SaturatedTenantsTakeTurnsAndPayForSwitching) {
  for (int n = 2; n <= 8; ++n) {
    const std::vector<double> slowdown = sliced(std::vector<TenantDemand>(static_cast<std::size_t>(n), closed(1000)));
    EXPECT_NEAR(slowdown.back(), 1.11 * n, 1e-12);
  }
}

// A + R = .6: below the onset of the tax and below saturation.
TEST(PartitionSlowdownTest, TenantsThatLeaveRoomShareForFree) {
  EXPECT_EQ(sliced({closed(300), closed(300)}), (std::vector<double>{1, 1}));
}

// Four neighbours with d = .5, a = .1 + .2: means .2, joint spread sqrt(4) x .1 = .2, not .4. A closed job is judged at
// a tenth of it, a service at half, and at its own high load .1 + .1.
TEST(PartitionSlowdownTest, SpreadsOfNeighboursAddUpAsSquares) {
  const TenantDemand neighbour{
      .engine_active_milli = 500, .mps_demand_milli = 500, .activity_milli = 100, .activity_spread_milli = 200};
  std::vector<TenantDemand> tenants(5, neighbour);
  tenants[0] = closed(1000);
  EXPECT_NEAR(side_by_side(tenants)[0], 1 + .2 + .1 * .2, 1e-12);
  tenants[0] = service(100);
  tenants[0].load_spread_milli = 100;
  const double stretch = 1 + .2 + .5 * .2;
  EXPECT_NEAR(side_by_side(tenants)[0], stretch / (1 - .2 * stretch), 1e-12);
  // Time slicing: A = .3, R = .2: no tax; (1 + .3) / (1 - .2) + 2 ms x .3 / 10 ms.
  EXPECT_NEAR(sliced(tenants)[0], 1.3 / .8 + .06, 1e-12);
}

// u = .6 each: A = 1.2, full tax: 1.11 x 1.2 = 1.332; bandwidth 1 + .5 x .4 x .3 = 1.06 and the same for both.
TEST(PartitionSlowdownTest, SharedBandwidthMultiplies) {
  const std::vector<double> slowdown = sliced({closed(600, 400), closed(600, 300)});
  EXPECT_NEAR(slowdown[0], 1.332 * 1.06, 1e-12);
  EXPECT_NEAR(slowdown[1], 1.332 * 1.06, 1e-12);
}

// One closed tenant u = .5, one service rho = .2, s0 = 10 ms. A + R = .7: no tax.
// Service: (1 + .5) / (1 - .2) + 2 ms x .5 / 10 ms = 1.975. Closed: max(1, .5 / .8) = 1.
TEST(PartitionSlowdownTest, AServiceWaitsForClosedTenantsAndForItsOwnQueue) {
  const std::vector<double> slowdown = sliced({closed(500), service(200)});
  EXPECT_DOUBLE_EQ(slowdown[0], 1);
  EXPECT_NEAR(slowdown[1], 1.875 + 0.1, 1e-12);
}

TEST(PartitionSlowdownTest, AnOverloadedPartitionHasNoBound) {
  EXPECT_EQ(sliced({service(600), service(600)}), (std::vector<double>{saturated_slowdown, saturated_slowdown}));
  EXPECT_EQ(sliced({closed(500), service(990)})[0], saturated_slowdown);
  EXPECT_EQ(side_by_side({service(900, 1000), service(900, 1000)})[0], saturated_slowdown);
  EXPECT_EQ(exclusive_slowdown(service(1000)), saturated_slowdown);
}

// 1 + .435 (N - 1): nos under MPS, section 1 of the study.
TEST(PartitionSlowdownTest, MpsAddsTheDemandsOfTheOthers) {
  TenantDemand pod = closed(1000);
  pod.mps_demand_milli = 435;
  const std::vector<double> slowdown = side_by_side(std::vector<TenantDemand>(7, pod));
  EXPECT_NEAR(slowdown[3], 1 + 6 * 0.435, 1e-12);
  TenantDemand half = pod;
  half.engine_active_milli = 500;
  EXPECT_NEAR(side_by_side({half, pod})[0], 1 + 0.5 * 0.435, 1e-12) << "the host's half is not slowed";
}

// A service at rho = .25 is busy min(1, 1.2 x .25) = .3 of the time for its neighbour: d = .5 -> 1.15.
// Its own kernels stretch by 1 + 1: 2 / (1 - .25 x 2) = 4.
TEST(PartitionSlowdownTest, MpsCountsAServiceByItsLoad) {
  const std::vector<double> slowdown = side_by_side({closed(1000), service(250)});
  EXPECT_NEAR(slowdown[0], 1.15, 1e-12);
  EXPECT_NEAR(slowdown[1], 4, 1e-12);
}

TEST(PartitionSlowdownTest, ASliceMultipliesWhatTenantsFeel) {
  const TenantDemand half = on_slice(closed(1000), 2000);
  EXPECT_EQ(sliced({half})[0], 2);
  EXPECT_NEAR(sliced({half, half})[0], 2 * 2.22, 1e-12);
  EXPECT_DOUBLE_EQ(exclusive_slowdown(on_slice(service(250), 2000)), 4) << "2 / (1 - .25 x 2)";
}

TEST(PartitionSlowdownTest, TheOrderOfTenantsDoesNotMatterToTheLastBit) {
  Philox random(7, StreamPurpose::request);
  const auto below = [&](std::uint32_t bound) { return static_cast<std::int32_t>(random.next_below(bound)); };
  for (int round = 0; round < 200; ++round) {
    std::vector<TenantDemand> tenants(8);
    for (TenantDemand& tenant : tenants) {
      tenant = below(2) == 0 ? closed(below(1001), below(1001), below(1001)) : service(below(150), below(1001));
    }
    std::vector<TenantDemand> turned = tenants;
    std::rotate(turned.begin(), turned.begin() + 1 + below(7), turned.end());
    for (auto law : {sliced, side_by_side}) {
      const std::vector<double> a = law(tenants);
      const std::vector<double> b = law(turned);
      for (std::size_t i = 0; i < tenants.size(); ++i) {
        const auto there =
            static_cast<std::size_t>(std::find(turned.begin(), turned.end(), tenants[i]) - turned.begin());
        EXPECT_EQ(a[i], b[there]);
      }
    }
  }
}

TEST(PartitionSlowdownTest, ANewcomerSpeedsNobodyUp) {
  Philox random(8, StreamPurpose::request);
  const auto below = [&](std::uint32_t bound) { return static_cast<std::int32_t>(random.next_below(bound)); };
  for (int round = 0; round < 500; ++round) {
    std::vector<TenantDemand> tenants;
    for (int i = 0; i < 5; ++i) {
      tenants.push_back(below(2) == 0 ? closed(below(1001), below(1001), below(1001))
                                      : service(below(200), below(1001)));
    }
    std::vector<TenantDemand> more = tenants;
    more.push_back(below(2) == 0 ? closed(below(1001), below(1001), below(1001)) : service(below(200), below(1001)));
    for (auto law : {sliced, side_by_side}) {
      const std::vector<double> before = law(tenants);
      const std::vector<double> after = law(more);
      for (std::size_t i = 0; i < tenants.size(); ++i) {
        EXPECT_GE(after[i], before[i]);
        EXPECT_GE(before[i], 1);
        EXPECT_LE(after[i], saturated_slowdown);
      }
    }
  }
}

TenantDemand random_tenant(Philox& draws) {
  TenantDemand tenant;
  tenant.engine_active_milli = static_cast<std::int32_t>(draws.next_below(1001));
  tenant.dram_active_milli = static_cast<std::int32_t>(draws.next_below(1001));
  tenant.mps_demand_milli = static_cast<std::int32_t>(draws.next_below(1001));
  tenant.service = draws.next_below(2) == 0;
  tenant.load_milli = tenant.service ? static_cast<std::int32_t>(draws.next_below(600)) : 0;
  tenant.activity_milli = draws.next_below(4) == 0 ? 0 : static_cast<std::int32_t>(draws.next_below(1001));
  tenant.service_time_us = static_cast<std::int32_t>(1 + draws.next_below(100'000));
  if (draws.next_below(2) == 0) {  // planned
    tenant.load_spread_milli = tenant.service ? static_cast<std::int32_t>(draws.next_below(200)) : 0;
    tenant.activity_spread_milli = static_cast<std::int32_t>(draws.next_below(600));
  }
  return tenant;
}

TEST(PartitionSlowdownTest, BoundsAreExceededOnlyWhereTheLawIs) {
  const PerfConstants constants;
  Philox draws(5, StreamPurpose::request);
  int bound = 0;
  int crowded = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::vector<TenantDemand> tenants(1 + draws.next_below(8));
    PartitionLoad all;
    for (TenantDemand& tenant : tenants) {
      tenant = random_tenant(draws);
      all += partition_load(tenant, constants);
    }
    std::vector<double> time_slice(tenants.size()), mps(tenants.size());
    time_slice_slowdown(tenants, constants, time_slice);
    mps_slowdown(tenants, constants, mps);
    for (std::size_t i = 0; i < tenants.size(); ++i) {
      PartitionLoad others = all;
      others -= partition_load(tenants[i], constants);
      EXPECT_EQ(time_slice_slowdown_beside(tenants[i], others, constants), time_slice[i]);
      EXPECT_EQ(mps_slowdown_beside(tenants[i], others.mps, constants), mps[i]);
      // At a limit just kept, and at one near by that may be broken.
      for (const double tolerated : {time_slice[i], 1 + 4 * draws.next_unit()}) {
        const TimeSliceBound law(tenants[i], tolerated, constants);
        const bool exceeded = law.is_exceeded_beside(others);
        bound += exceeded ? 1 : 0;
        EXPECT_TRUE(!exceeded || time_slice[i] > tolerated);
        // The last tenant as a newcomer beside the others.
        const PartitionLoad newcomer = partition_load(tenants.back(), constants);
        if (i + 1 < tenants.size() && newcomer.closed_busy.mean + newcomer.load.mean > 0) {
          PartitionLoad before = others;
          before -= newcomer;
          const bool crowds = 1e-6 * static_cast<double>(newcomer.closed_busy.mean) > law.closed_room(before) ||
                              1e-6 * static_cast<double>(newcomer.load.mean) > law.service_room(before);
          crowded += crowds ? 1 : 0;
          EXPECT_TRUE(!crowds || time_slice[i] > tolerated);
        }
      }
    }
  }
  EXPECT_GT(bound, 10'000);
  EXPECT_GT(crowded, 10'000);
}

}  // namespace
}  // namespace gpusched
