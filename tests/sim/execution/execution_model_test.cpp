#include "gpusched/sim/execution/execution_model.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include <gtest/gtest.h>

#include "gpusched/base/philox.hpp"

#include "sim/execution/executed_jobs.hpp"

namespace gpusched::sim {
namespace {

using namespace test;
using gpusched::test::instance_on;
using gpusched::test::share_on;

constexpr double tolerance_s = 1e-6;  // every end is rounded up to a nanosecond

// Laws and constants: mode study, section 1; numbers by hand.

TEST(ExecutionModelTest, AloneOnAWholeGpuAJobTakesItsOwnTime) {
  World world;
  const std::uint32_t job = world.train(closed_profile(.9, .3, .5), 1000, share_on(0, 1000), 5);
  world.run_to(5000);
  EXPECT_NEAR(world.end_of(job), 1005, tolerance_s);
}

TEST(ExecutionModelTest, TimeSlicingSharesTheEngineWithTaxAndBandwidth) {
  // A = .9 + .8, tax 1.11, bandwidth 1 + .5 x .3 x .2: both 1.11 x 1.7 x 1.03 = 1.94361 times as slow.
  World world;
  const std::uint32_t a = world.train(closed_profile(.9, .3, .5), 1000, shared_on(0, PartitionSharing::time_slice));
  const std::uint32_t b = world.train(closed_profile(.8, .2, .5), 500, shared_on(0, PartitionSharing::time_slice));
  world.run_to(5000);
  EXPECT_NEAR(world.end_of(b), 971.805, tolerance_s);
  EXPECT_NEAR(world.end_of(a), 971.805 + 500, tolerance_s) << "the other half alone";
}

TEST(ExecutionModelTest, LightTenantsTakeTurnsForNothingButBandwidth) {
  // A = .3 + .4 is below the onset of the switch tax.
  World world;
  const std::uint32_t a = world.train(closed_profile(.3, .2, .5), 1000, shared_on(0, PartitionSharing::time_slice));
  const std::uint32_t b = world.train(closed_profile(.4, .1, .5), 1000, shared_on(0, PartitionSharing::time_slice));
  world.run_to(5000);
  EXPECT_NEAR(world.end_of(a), 1000 * (1 + .5 * .2 * .1), tolerance_s);
  EXPECT_NEAR(world.end_of(b), 1000 * (1 + .5 * .1 * .2), tolerance_s);
}

TEST(ExecutionModelTest, MpsSlowsByTheDemandOfTheOther) {
  // a: .1 + .9 (1 + .3) = 1.27; b: .2 + .8 (1 + .4) = 1.32.
  World world;
  const std::uint32_t a = world.train(closed_profile(.9, .3, .4), 1000, shared_on(0, PartitionSharing::mps));
  const std::uint32_t b = world.train(closed_profile(.8, .2, .3), 500, shared_on(0, PartitionSharing::mps));
  world.run_to(5000);
  EXPECT_NEAR(world.end_of(b), 660, tolerance_s);
  EXPECT_NEAR(world.end_of(a), 660 + 1000 - 660 / 1.27, tolerance_s);
}

TEST(ExecutionModelTest, OnASliceAJobIsSlowedByTheSliceAndNotByItsNeighbours) {
  // 3g of 7 and 4 of 8: .1 + .7 x .6 / (3/7)^.7 + .3 / .5 = 1.460036, times 1.035 = 1.511 in thousandths.
  World world;
  const std::uint32_t a = world.train(closed_profile(.9, .3, .5), 1000, instance_on(0, "A100-80GB", "3g.40gb", 0));
  const std::uint32_t b = world.train(closed_profile(.9, .3, .5), 100, instance_on(0, "A100-80GB", "3g.40gb", 4), 200);
  world.run_to(5000);
  EXPECT_NEAR(world.end_of(a), 1511, tolerance_s);
  EXPECT_NEAR(world.end_of(b), 351.1, tolerance_s);
}

TEST(ExecutionModelTest, TenantsOfATimeSlicedInstanceAreSlowedByBoth) {
  // K = 1.511, u' = (1.511 - .1) / 1.511 = .934 in thousandths; two of them: 1.511 x 1.11 x 1.868 x (1 + .5 x .09).
  World world;
  GpuAssignment part = instance_on(0, "A100-80GB", "3g.40gb", 0);
  part.sharing = PartitionSharing::time_slice;
  const std::uint32_t a = world.train(closed_profile(.9, .3, .5), 1000, part);
  world.train(closed_profile(.9, .3, .5), 1e5, part);
  world.run_to(9000);
  EXPECT_NEAR(world.end_of(a), 1000 * 1.511 * 1.11 * 1.868 * 1.045, tolerance_s);
}

TEST(ExecutionModelTest, AServiceAloneAnswersAsAQueue) {
  World world;
  const JobProfile& profile = world.keep(service_profile(.2, .3, .4, .3));
  const std::uint32_t whole = world.start(plan_of(spec_of(JobClass::always_on), profile, 0, 1e4), share_on(0, 1000));
  // 2g: max(1, .3 / (2/7), .4 / (2/8)) = 1.6, times 1.035 = 1.656.
  const std::uint32_t slice =
      world.start(plan_of(spec_of(JobClass::always_on), profile, 0, 1e4, 1), instance_on(1, "A100-80GB", "2g.20gb", 0));
  for (double now = 0; now < 9000; now += 100) {
    world.run_to(now);
    const double rho = world.model.state(whole).demand().load_milli / 1000.0;
    EXPECT_NEAR(world.model.state(whole).slowdown(), 1 / (1 - rho), 1e-9);
    const double rho_slice = world.model.state(slice).demand().load_milli / 1000.0;
    const double on_slice = std::round(rho_slice * 1656) / 1000;
    EXPECT_NEAR(world.model.state(slice).slowdown(), 1.656 / (1 - on_slice), 1e-9);
  }
}

TEST(ExecutionModelTest, AServiceAndTrainingTakeTurns) {
  World world;
  const JobProfile& profile = world.keep(service_profile(.2, .3, .4, .3));
  const std::uint32_t service =
      world.start(plan_of(spec_of(JobClass::always_on), profile, 0, 1e4), shared_on(0, PartitionSharing::time_slice));
  const std::uint32_t training =
      world.train(closed_profile(.5, .2, .5), 1e5, shared_on(0, PartitionSharing::time_slice));
  std::map<int, int> seen;
  for (double now = 0; now < 9000; now += 100) {
    world.run_to(now);
    const double rho = world.model.state(service).demand().load_milli / 1000.0;
    ++seen[static_cast<int>(std::round(rho * 1000))];
    // .5 + .36 is beyond the onset of .8 by .06 of .2; .5 + .12 is not.
    const double tax = rho > .3 ? 1 + .11 * .06 / .2 : 1;
    // Two milliseconds for each that may be busy, over 100 ms.
    const double response = tax * (1 + .5 * .4 * .2) * (1 + .5) / (1 - tax * rho) + .02 * .5;
    EXPECT_NEAR(world.model.state(service).slowdown(), response, 1e-9);
    const double slowdown = std::max(1.0, tax * .5 / (1 - tax * rho)) * (1 + .5 * .2 * rho * .4);
    EXPECT_NEAR(world.model.state(training).slowdown(), slowdown, 1e-9);
  }
  EXPECT_EQ(seen.size(), 2U) << "both loads";
}

TEST(ExecutionModelTest, AServiceAndTrainingUnderMps) {
  World world;
  const JobProfile& profile = world.keep(service_profile(.2, .3, .4, .3));
  const std::uint32_t service =
      world.start(plan_of(spec_of(JobClass::always_on), profile, 0, 1e4), shared_on(0, PartitionSharing::mps));
  const std::uint32_t training = world.train(closed_profile(.5, .2, .4), 1e5, shared_on(0, PartitionSharing::mps));
  for (double now = 0; now < 9000; now += 100) {
    world.run_to(now);
    const double rho = world.model.state(service).demand().load_milli / 1000.0;
    EXPECT_NEAR(world.model.state(service).slowdown(), 1.4 / (1 - 1.4 * rho), 1e-9);
    EXPECT_NEAR(world.model.state(training).slowdown(), .5 + .5 * (1 + 1.2 * rho * .3), 1e-9);
  }
}

TEST(ExecutionModelTest, AnIdleSessionCostsItsNeighbourNothing) {
  World world;
  const JobProfile& profile = world.keep(closed_profile(.8, .2, .4, .3));
  const std::uint32_t session =
      world.start(plan_of(spec_of(JobClass::dev), profile, 0, 5e4), shared_on(0, PartitionSharing::mps));
  const std::uint32_t training = world.train(closed_profile(.5, .2, .3), 1e6, shared_on(0, PartitionSharing::mps));
  int busy = 0;
  for (double now = 0; now < 40'000; now += 100) {
    world.run_to(now);
    const bool works = world.model.state(session).paced();
    busy += works ? 1 : 0;
    EXPECT_NEAR(world.model.state(training).slowdown(), works ? 1 + .5 * .4 : 1, 1e-9);
    if (works) {
      EXPECT_NEAR(world.model.state(session).slowdown(), 1 + .8 * .3, 1e-9);
    }
  }
  EXPECT_GT(busy, 20);
  EXPECT_LT(busy, 380);
}

TEST(ExecutionModelTest, AJobOfSeveralGpusRunsAtThePaceOfWholeGpus) {
  World world;
  const JobProfile& profile = world.keep(closed_profile(.9, .3, .5));
  const std::uint32_t gang = world.add(plan_of(spec_of(JobClass::batch, 1.2, 2), profile, 0, 1000));
  const Candidate place = gpusched::test::place_on(NodeId{0}, {share_on(0, 1000), share_on(3, 1000)});
  world.model.started(gang, std::span(&place, 1), 0, 0);
  const std::uint32_t other = world.train(profile, 1e5, share_on(1, 1000));
  world.run_to(5000);
  EXPECT_NEAR(world.end_of(gang), 1000, tolerance_s);
  EXPECT_NEAR(world.model.account(gang, at(5000)).work_s, 2000, tolerance_s);
  EXPECT_EQ(world.model.state(other).slowdown(), 1);
}

TEST(ExecutionModelTest, TheSlowestPartHoldsAJobUp) {
  World world;
  const JobProfile& profile = world.keep(closed_profile(.9, .3, .4));
  const std::uint32_t wide = world.add(plan_of(spec_of(JobClass::batch, 0, 2), profile, 0, 1000));
  const Candidate place =
      gpusched::test::place_on(NodeId{0}, {shared_on(0, PartitionSharing::mps), shared_on(1, PartitionSharing::mps)});
  world.model.started(wide, std::span(&place, 1), 0, 0);
  world.train(closed_profile(.8, .2, .3), 254, shared_on(1, PartitionSharing::mps));
  world.run_to(0);
  EXPECT_NEAR(world.model.state(wide).slowdown(), 1.27, 1e-9);
  world.run_to(5000);
  // The neighbour is slowed by 1 + .8 x .4 = 1.32.
  EXPECT_NEAR(world.end_of(wide), 254 * 1.32 + 1000 - 254 * 1.32 / 1.27, tolerance_s);
}

TEST(ExecutionModelTest, CompletionShiftsWhenNeighboursComeAndGo) {
  World world;
  const std::uint32_t a = world.train(closed_profile(.9, .3, .4), 1000, shared_on(0, PartitionSharing::mps));
  const std::uint32_t b = world.train(closed_profile(.8, .2, .3), 1e6, shared_on(0, PartitionSharing::mps), 100);
  const std::uint32_t c = world.train(closed_profile(.8, .2, .2), 1e6, shared_on(0, PartitionSharing::mps), 300);
  world.run_to(500);
  world.model.stopped(b, at(500));
  world.run_to(700);
  world.model.stopped(c, at(700));
  world.run_to(5000);
  // 100 s alone, 200 s at 1 + .9 x .3, 200 s at 1 + .9 x .5, 200 s at 1 + .9 x .2, then alone.
  const double done = 100 + 200 / 1.27 + 200 / 1.45 + 200 / 1.18;
  EXPECT_NEAR(world.end_of(a), 700 + 1000 - done, tolerance_s);
}

TEST(ExecutionModelTest, APartitionThatIsBeingSetUpTroublesNobody) {
  World world;
  const JobProfile& profile = world.keep(closed_profile(.8, .2, .3));
  const std::uint32_t a = world.train(closed_profile(.9, .3, .4), 1000, shared_on(0, PartitionSharing::mps));
  const std::uint32_t b =
      world.start(plan_of(spec_of(JobClass::batch), profile, 0, 100), shared_on(0, PartitionSharing::mps), 0, 35);
  world.run_to(34);
  EXPECT_EQ(world.model.state(a).slowdown(), 1);
  world.run_to(5000);
  EXPECT_NEAR(world.end_of(b), 35 + 132, tolerance_s);
  EXPECT_NEAR(world.end_of(a), 35 + 132 + 1000 - 35 - 132 / 1.27, tolerance_s);
}

TEST(ExecutionModelTest, AMovedJobGoesOnWhereItWas) {
  World world;
  const std::uint32_t a = world.train(closed_profile(.9, .3, .4), 1000, shared_on(0, PartitionSharing::mps));
  world.train(closed_profile(.8, .2, .3), 1e6, shared_on(0, PartitionSharing::mps));
  world.run_to(127);
  world.model.stopped(a, at(127));
  world.place(a, share_on(1, 1000), 127);
  world.run_to(5000);
  EXPECT_NEAR(world.end_of(a), 127 + 30 + 900, tolerance_s) << "100 s done, 30 s to restart";
}

TEST(ExecutionModelTest, WorkDoneIsPaceTimesTime) {
  // Jobs of all kinds come to and leave four GPUs; the pace of each is added up from event to event.
  World world({}, {0, at(1e6)});
  Philox draws(5, StreamPurpose::order);
  const JobProfile& closed = world.keep(closed_profile(.8, .3, .45, .4));
  const JobProfile& serving = world.keep(service_profile(.15, .4, .3, .35));
  std::vector<double> expected_s;
  std::vector<char> there;
  TimeNs now = 0;
  const auto run_to = [&](TimeNs until) {
    while (now < until) {
      const TimeNs next = std::min(until, std::max(now, world.model.next_time()));
      for (std::uint32_t job = 0; job < expected_s.size(); ++job) {
        const JobState& state = world.model.state(job);
        const double passed_s = static_cast<double>(next - now) / 1e9;
        if (state.paced()) {
          expected_s[job] += passed_s / state.slowdown();
        } else if (state.running() && state.plan().kind == WorkKind::service && state.slowdown() <= 3) {
          expected_s[job] += passed_s * .15 *
                             (state.demand().load_milli == 90    ? .6
                              : state.demand().load_milli == 270 ? 1.8
                                                                 : 0);
        }
      }
      std::vector<JobEnd> ended;
      now = world.model.run_until(next, ended);
      for (const JobEnd& end : ended) {
        there[end.job] = 0;
      }
    }
  };
  for (int step = 0; step < 400; ++step) {
    run_to(now + at(draws.next_below(300)));
    const auto gpu = static_cast<std::uint16_t>(draws.next_below(4));
    const PartitionSharing sharing = gpu < 2 ? PartitionSharing::mps : PartitionSharing::time_slice;
    const std::uint32_t what = draws.next_below(5);
    if (what == 4 && !there.empty()) {
      const std::uint32_t job = draws.next_below(static_cast<std::uint32_t>(there.size()));
      if (there[job] != 0) {
        world.model.stopped(job, now);
        world.place(job, shared_on(gpu, sharing), static_cast<double>(now) / 1e9);
      }
      continue;
    }
    const JobClass job_class = what < 2 ? JobClass::batch : what == 2 ? JobClass::dev : JobClass::always_on;
    JobPlan plan = make_job_plan(spec_of(job_class, 3), what == 3 ? serving : closed, now,
                                 at(100 + draws.next_below(4000)), 1, {}, 1, expected_s.size())
                       .value();
    const std::uint32_t job = world.add(plan);
    expected_s.push_back(0);
    there.push_back(1);
    world.place(job, shared_on(gpu, sharing), static_cast<double>(now) / 1e9, draws.next_below(2) * 5);
  }
  run_to(now + at(1000));
  std::map<WorkKind, int> compared;
  double crash_loss_s = 0;
  for (std::uint32_t job = 0; job < expected_s.size(); ++job) {
    const JobAccount account = world.model.account(job, now);
    const WorkKind kind = world.model.state(job).plan().kind;
    if (kind == WorkKind::training) {
      // Crashes of neighbours take back whole pieces of up to 300 s.
      EXPECT_LE(account.work_s, expected_s[job] + 1e-3);
      crash_loss_s += expected_s[job] - account.work_s;
    } else if (world.model.state(job).ended_ns() >= 0) {
      EXPECT_NEAR(account.work_s, expected_s[job], 1e-6 * (1 + expected_s[job])) << job;
      ++compared[kind];
    }
  }
  EXPECT_GT(compared[WorkKind::session], 20);
  EXPECT_GT(compared[WorkKind::service], 20);
  const ExecutionSummary summary = world.model.summary(now, {});
  EXPECT_GT(summary.crashes, 0);
  EXPECT_GT(crash_loss_s, 0);
}

TEST(ExecutionModelTest, AJobsCourseDoesNotDependOnJobsElsewhere) {
  const auto end_of_first = [](bool with_others) {
    World world;
    const JobProfile& serving = world.keep(service_profile(.15, .4, .3, .35));
    world.start(plan_of(spec_of(JobClass::always_on), serving, 0, 1e5), shared_on(0, PartitionSharing::mps));
    const std::uint32_t job = world.train(closed_profile(.9, .3, .4), 3000, shared_on(0, PartitionSharing::mps));
    if (with_others) {
      world.train(closed_profile(.9, .3, .4), 500, shared_on(1, PartitionSharing::mps), 100);
      world.start(plan_of(spec_of(JobClass::always_on), serving, 0, 1e5), shared_on(1, PartitionSharing::mps), 200);
    }
    world.run_to(50'000);
    return world.end_of(job);
  };
  EXPECT_EQ(end_of_first(false), end_of_first(true));
}

TEST(ExecutionModelTest, TheNewcomerThatOverflowsMemoryIsKilledWhenItsFootprintPeaks) {
  // 81,920 MiB hold 50,000 + 31,000 + one context of 512 MiB, but not two.
  World world;
  JobProfile large = closed_profile(.9, .3, .4);
  large.memory_peak_mib = 50'000;
  JobProfile small = closed_profile(.8, .2, .3);
  small.memory_peak_mib = 31'000;
  const std::uint32_t a = world.train(large, 1000, shared_on(0, PartitionSharing::mps));
  const std::uint32_t b = world.train(small, 1000, shared_on(0, PartitionSharing::mps), 200);
  world.run_to(259.9);
  EXPECT_TRUE(world.ends.empty());
  world.run_to(5000);
  ASSERT_EQ(world.ends.front().job, b);
  EXPECT_EQ(world.ends.front().kind, JobEndKind::killed);
  EXPECT_NEAR(world.ends.front().time_s, 260, tolerance_s);
  EXPECT_NEAR(world.end_of(a), 260 + 1000 - 200 - 60 / 1.27, tolerance_s) << "alone again";
  EXPECT_EQ(world.model.summary(at(5000), {}).oom_kills, 1);
}

TEST(ExecutionModelTest, FootprintsThatJustFitStay) {
  World world;
  JobProfile large = closed_profile(.9, .3, .4);
  large.memory_peak_mib = 50'000;
  JobProfile small = closed_profile(.8, .2, .3);
  small.memory_peak_mib = 81'920 - 50'000 - 2 * 512;
  world.train(large, 1e4, shared_on(0, PartitionSharing::mps));
  world.train(small, 1e4, shared_on(0, PartitionSharing::mps));
  world.run_to(500);
  EXPECT_TRUE(world.ends.empty());
}

TEST(ExecutionModelTest, AJobThatIsKilledTimeAndAgainIsLost) {
  World world;
  JobProfile huge = closed_profile(.9, .3, .4);
  huge.memory_peak_mib = 90'000;
  const std::uint32_t job = world.train(huge, 1000, share_on(0, 1000));
  for (int kill = 1; kill <= ExecutionModel::most_kills; ++kill) {
    world.run_to(1000.0 * kill);
    ASSERT_EQ(world.ends.size(), static_cast<std::size_t>(kill));
    EXPECT_EQ(world.ends.back().kind, kill < ExecutionModel::most_kills ? JobEndKind::killed : JobEndKind::lost);
    if (kill < ExecutionModel::most_kills) {
      world.place(job, share_on(0, 1000), 1000.0 * kill);
    }
  }
  EXPECT_FALSE(world.model.account(job, at(5000)).slo_met);
  EXPECT_EQ(world.model.account(job, at(5000)).oom_kills, 3);
}

TEST(ExecutionModelTest, ACrashCostsMpsNeighboursAndNobodyElse) {
  for (const PartitionSharing sharing : {PartitionSharing::mps, PartitionSharing::time_slice}) {
    World world;
    const JobProfile& light = world.keep(closed_profile(.1, .0, .0));
    const JobProfile& serving = world.keep(service_profile(.1, .1, .0, .0));
    JobPlan crashing = plan_of(spec_of(JobClass::batch), light, 0, 1000);
    crashing.crash_after = .4;
    const std::uint32_t crasher = world.start(crashing, shared_on(0, sharing));
    const std::uint32_t training = world.train(light, 1000, shared_on(0, sharing));
    const std::uint32_t service =
        world.start(plan_of(spec_of(JobClass::always_on), serving, 0, 1000), shared_on(0, sharing));
    const std::uint32_t elsewhere = world.train(light, 1000, shared_on(1, sharing));
    world.run_to(5000);
    const bool coupled = sharing == PartitionSharing::mps;
    EXPECT_NEAR(world.end_of(crasher), 1000, tolerance_s);
    EXPECT_NEAR(world.end_of(training), coupled ? 1300 : 1000, tolerance_s);
    EXPECT_NEAR(world.end_of(elsewhere), 1000, tolerance_s);
    EXPECT_NEAR(world.end_of(service), 1000, tolerance_s);
    EXPECT_NEAR(world.model.account(service, at(5000)).ok_share, coupled ? .94 : 1, 1e-9);
    EXPECT_EQ(world.model.summary(at(5000), {}).crashes, 1);
  }
}

TEST(ExecutionModelTest, PairsThatMustNotMeetAreCounted) {
  World world;
  const JobProfile& profile = world.keep(closed_profile(.1, .1, .1));
  const auto start = [&](const std::string& domain, Isolation isolation, const GpuAssignment& part) {
    JobSpec spec = spec_of(JobClass::batch);
    spec.request.trust_domain = domain;
    spec.request.isolation = isolation;
    world.start(plan_of(spec, profile, 0, 1e4), part);
  };
  const auto violations = [&] {
    const ExecutionSummary summary = world.model.summary(0, {});
    return std::pair(summary.isolation_violations, summary.trust_violations);
  };
  const GpuAssignment mps = shared_on(0, PartitionSharing::mps);
  start("red", Isolation::none, mps);
  start("red", Isolation::none, mps);
  EXPECT_EQ(violations(), std::pair(std::int64_t{0}, std::int64_t{0}));
  start("blue", Isolation::none, mps);
  EXPECT_EQ(violations(), std::pair(std::int64_t{0}, std::int64_t{2}));
  start("", Isolation::none, mps);
  EXPECT_EQ(violations(), std::pair(std::int64_t{0}, std::int64_t{5})) << "without a domain: with nobody";
  const GpuAssignment turns = shared_on(1, PartitionSharing::time_slice);
  start("red", Isolation::none, turns);
  start("blue", Isolation::none, turns);
  EXPECT_EQ(violations(), std::pair(std::int64_t{0}, std::int64_t{5})) << "only an MPS server asks for trust";
  start("red", Isolation::memory, turns);
  EXPECT_EQ(violations(), std::pair(std::int64_t{2}, std::int64_t{5}));
  start("red", Isolation::fault, instance_on(2, "A100-80GB", "1g.10gb", 0));
  start("red", Isolation::fault, instance_on(2, "A100-80GB", "1g.10gb", 1));
  EXPECT_EQ(violations(), std::pair(std::int64_t{2}, std::int64_t{5})) << "instances keep apart";
}

TEST(ExecutionModelTest, ErrorsChangeWhatLawsSayAndNotAWholeGpu) {
  World world;
  const JobProfile& profile = world.keep(closed_profile(.9, .3, .4));
  JobPlan worse = plan_of(spec_of(JobClass::batch), profile, 0, 1e5);
  worse.error = 1.2;
  JobPlan better = worse;
  better.error = .5;
  const std::uint32_t alone = world.start(worse, share_on(1, 1000));
  const std::uint32_t a = world.start(worse, shared_on(0, PartitionSharing::mps));
  const std::uint32_t slice = world.start(worse, instance_on(2, "A100-80GB", "3g.40gb", 0));
  world.run_to(0);
  EXPECT_EQ(world.model.state(alone).slowdown(), 1);
  EXPECT_EQ(world.model.state(a).slowdown(), 1) << "nobody else is there";
  EXPECT_NEAR(world.model.state(slice).slowdown(), 1.2 * 1.511, 1e-9);
  const std::uint32_t b = world.start(better, shared_on(0, PartitionSharing::mps), 10);
  world.run_to(10);
  EXPECT_NEAR(world.model.state(a).slowdown(), 1.2 * 1.36, 1e-9);
  EXPECT_EQ(world.model.state(b).slowdown(), 1) << "never faster than alone";
}

TEST(ExecutionModelTest, ErrorsChangeTheResponseOfServicesButNotBelowAWholeGpus) {
  World world;
  const JobProfile& profile = world.keep(service_profile(.2, .3, .4, .3));
  JobPlan plan = plan_of(spec_of(JobClass::always_on), profile, 0, 1e5);
  plan.error = 1.2;
  const std::uint32_t worse = world.start(plan, instance_on(0, "A100-80GB", "2g.20gb", 0));
  plan.error = .1;
  const std::uint32_t better = world.start(plan, instance_on(0, "A100-80GB", "2g.20gb", 2));
  world.run_to(0);
  const double rho = world.model.state(worse).demand().load_milli / 1000.0;
  const double on_slice = std::round(rho * 1656) / 1000;
  EXPECT_NEAR(world.model.state(worse).slowdown(), 1.2 * 1.656 / (1 - on_slice), 1e-9);
  const double rho_better = world.model.state(better).demand().load_milli / 1000.0;
  EXPECT_NEAR(world.model.state(better).slowdown(), 1 / (1 - rho_better), 1e-9);
}

// --- the window

/// Four GPUs, measured from 1,000 s to 3,000 s: 8,000 GPU-seconds.
constexpr std::array<double, goodput_class_count> equal_shares = {.2, .2, .2, .2, .2};

TEST(ExecutionModelTest, GoodputIsWorkWithinTheSloInTheWindow) {
  World world({}, {at(1000), at(3000)});
  const JobProfile& profile = world.keep(closed_profile(.9, .3, .5));
  // 500 s before the window, 1,500 s in it.
  world.start(plan_of(spec_of(JobClass::batch, 1.2), profile, 500, 2000), share_on(0, 1000), 500);
  // Starts late in the window and runs beyond it: 200 s.
  world.start(plan_of(spec_of(JobClass::batch, 1.2), profile, 2800, 2000), share_on(1, 1000), 2800);
  // Never starts.
  world.add(plan_of(spec_of(JobClass::batch, 1.2), profile, 2900, 2000));
  world.run_to(5000);
  const ExecutionSummary summary = world.model.summary(at(5000), equal_shares);
  EXPECT_DOUBLE_EQ(summary.window_s, 2000);
  EXPECT_NEAR(summary.goodput, 1700.0 / 8000, 1e-9);
  const auto training = static_cast<std::size_t>(GoodputClass::training);
  EXPECT_NEAR(summary.offered[training], 1800.0 / 8000, 1e-9) << "100 s of the last";
  EXPECT_NEAR(summary.served[training], 1700.0 / 1800, 1e-9);
  EXPECT_NEAR(summary.balanced_goodput, .2 * 1700 / 1800, 1e-9);
  EXPECT_DOUBLE_EQ(summary.slo_attainment, 1);
  EXPECT_DOUBLE_EQ(summary.unserved, .5) << "of the two that were submitted in the window";
  EXPECT_EQ(summary.starts, (std::array<std::int64_t, start_mode_count>{1, 0, 0, 0, 0}));
}

TEST(ExecutionModelTest, WorkOfAJobThatMissesItsSloIsNoGoodput) {
  World world({}, {0, at(4000)});
  const JobProfile& profile = world.keep(closed_profile(.9, .3, .4));
  // Both 1.36 times as slow under MPS: one tolerates it.
  world.start(plan_of(spec_of(JobClass::batch, 1.2), profile, 0, 1000), shared_on(0, PartitionSharing::mps));
  world.start(plan_of(spec_of(JobClass::batch, 1.6), profile, 0, 1000), shared_on(0, PartitionSharing::mps));
  world.run_to(4000);
  const ExecutionSummary summary = world.model.summary(at(4000), equal_shares);
  EXPECT_NEAR(summary.goodput, 1000.0 / 16'000, 1e-9);
  EXPECT_DOUBLE_EQ(summary.slo_attainment, .5);
  EXPECT_EQ(summary.starts, (std::array<std::int64_t, start_mode_count>{0, 0, 0, 2, 0}));
}

TEST(ExecutionModelTest, BalancedGoodputCapsAClassThatWorksOffItsBacklog) {
  World world({}, {at(1000), at(3000)});
  const JobProfile& profile = world.keep(closed_profile(.9, .3, .4));
  // Submitted long before, started late: the window is offered nothing of it.
  world.start(plan_of(spec_of(JobClass::batch), profile, 0, 1500), share_on(0, 1000), 1200);
  // 100 s offered.
  world.start(plan_of(spec_of(JobClass::batch), profile, 2900, 1500), share_on(1, 1000), 2900);
  world.run_to(3000);
  const ExecutionSummary summary = world.model.summary(at(3000), equal_shares);
  const auto training = static_cast<std::size_t>(GoodputClass::training);
  EXPECT_NEAR(summary.offered[training] * 8000, 100 + 500, 1e-6);
  EXPECT_NEAR(summary.served[training], 1600.0 / 600, 1e-9);
  EXPECT_NEAR(summary.balanced_goodput, .2 * 1.2, 1e-12);
}

TEST(ExecutionModelTest, TheSummaryStaysWhatItWasWhenTheWindowClosed) {
  World world({}, {0, at(1000)});
  const JobProfile& profile = world.keep(closed_profile(.9, .3, .4));
  world.start(plan_of(spec_of(JobClass::batch), profile, 0, 5000), share_on(0, 1000));
  world.run_to(3000);
  EXPECT_NEAR(world.model.summary(at(3000), equal_shares).goodput, .25, 1e-12);
  EXPECT_NEAR(world.model.account(0, at(3000)).work_s, 3000, tolerance_s) << "and the job went on";
}

TEST(ExecutionModelTest, BeforeTheWindowThereIsNothingToReport) {
  World world({}, {at(1000), at(2000)});
  world.train(closed_profile(.9, .3, .4), 5000, share_on(0, 1000));
  world.run_to(500);
  const ExecutionSummary summary = world.model.summary(at(500), equal_shares);
  EXPECT_EQ(summary.goodput, 0);
  EXPECT_EQ(summary.window_s, 0);
}

}  // namespace
}  // namespace gpusched::sim
