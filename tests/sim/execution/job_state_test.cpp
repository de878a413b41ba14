#include "gpusched/sim/execution/job_state.hpp"

#include <algorithm>
#include <utility>

#include <gtest/gtest.h>

#include "sim/execution/executed_jobs.hpp"

namespace gpusched::sim {
namespace {

using namespace test;

const JobProfile& closed() {
  static const JobProfile profile = closed_profile(.9, .3, .5, .25);
  return profile;
}
const JobProfile& service() {
  static const JobProfile profile = service_profile(.2, .3, .2, .3);
  return profile;
}

/// Takes the job's own steps up to this time.
void advance(JobState& job, TimeNs until) {
  while (job.next_step().time_ns <= until) {
    const JobState::NextStep next = job.next_step();
    job.settle(next.time_ns);
    job.take(next.step);
  }
  job.settle(until);
}

JobState running(const JobPlan& plan, std::uint64_t entity = 0) {
  JobState job(plan, 1, entity);
  job.place(0, 0);
  advance(job, 0);
  return job;
}

TEST(JobStateTest, TrainingEndsWhenItsWorkIsDone) {
  JobState job = running(plan_of(spec_of(JobClass::batch), closed(), 0, 1000));
  advance(job, at(400));
  job.set_slowdown(2);
  EXPECT_EQ(job.next_step().time_ns, at(1600)) << "400 s done, 600 s at half the pace";
  EXPECT_EQ(job.next_step().step, JobStep::work_done);
  advance(job, at(1600));
  EXPECT_EQ(job.ended_ns(), at(1600));
  EXPECT_DOUBLE_EQ(job.useful_s(), 1000);
  EXPECT_DOUBLE_EQ(job.account(at(5000)).slowdown, 1.6);
}

TEST(JobStateTest, NothingIsDoneBeforeThePartitionIsReady) {
  JobState job(plan_of(spec_of(JobClass::batch), closed(), 0, 1000), 1, 0);
  job.place(at(10), at(45));
  EXPECT_EQ(job.demand().activity_milli, 0);
  EXPECT_EQ(job.next_step().time_ns, at(45));
  advance(job, at(45));
  EXPECT_EQ(job.demand().activity_milli, 1000);
  advance(job, at(2000));
  EXPECT_EQ(job.ended_ns(), at(1045));
  EXPECT_EQ(job.first_ready_ns(), at(45));
}

TEST(JobStateTest, TrainingThatMovesLosesThirtySecondsAndServicesNone) {
  JobState training = running(plan_of(spec_of(JobClass::batch), closed(), 0, 1000));
  advance(training, at(300));
  training.displace(at(300));
  EXPECT_EQ(training.next_step().step, JobStep::none);
  training.place(at(300), at(305));
  EXPECT_EQ(training.next_step().time_ns, at(335));
  advance(training, at(5000));
  EXPECT_EQ(training.ended_ns(), at(1035));

  JobState serving = running(plan_of(spec_of(JobClass::always_on), service(), 0, 1000));
  advance(serving, at(300));
  serving.displace(at(300));
  serving.place(at(300), at(300));
  advance(serving, at(5000));
  EXPECT_EQ(serving.ended_ns(), at(1000));
  EXPECT_DOUBLE_EQ(serving.account(at(5000)).ok_share, 1);
}

TEST(JobStateTest, TrainingMeetsItsSloWithTwoPercentAndAMinute) {
  // T 1.5 on 1000 s of work: 1.02 x 1500 + 60 = 1590 s of run time.
  for (const auto& [slowdown, met] : {std::pair{1.589, true}, {1.591, false}}) {
    JobState job = running(plan_of(spec_of(JobClass::batch, 1.5), closed(), 0, 1000));
    job.set_slowdown(slowdown);
    advance(job, at(2000));
    EXPECT_EQ(job.meets_slo(at(2000)), met) << slowdown;
  }
}

TEST(JobStateTest, TimeWithoutAPlaceCountsAsRunTime) {
  JobState job = running(plan_of(spec_of(JobClass::batch, 1.5), closed(), 0, 1000));
  advance(job, at(500));
  job.displace(at(500));
  EXPECT_TRUE(job.meets_slo(at(820)));  // 1.02 x 1.5 x 500 + 60 = 825 s
  EXPECT_FALSE(job.meets_slo(at(830)));
}

TEST(JobStateTest, AServiceMeetsItsSloWithinItsLimitForNineteenTwentiethsOfItsLife) {
  for (const auto& [bad_s, met] : {std::pair{49, true}, {50, true}, {51, false}}) {
    JobState job = running(plan_of(spec_of(JobClass::always_on, 3), service(), 0, 1000));
    job.set_slowdown(3.1);
    advance(job, at(bad_s));
    job.set_slowdown(3.0);
    advance(job, at(1000));
    EXPECT_EQ(job.ended_ns(), at(1000));
    EXPECT_EQ(job.meets_slo(at(1000)), met) << bad_s;
    EXPECT_NEAR(job.account(at(1000)).ok_share, 1 - bad_s / 1000.0, 1e-12);
  }
}

TEST(JobStateTest, UsefulWorkOfAServiceIsItsLoadWhileWithinItsLimit) {
  JobState job = running(plan_of(spec_of(JobClass::always_on, 3), service(), 0, 1e6));
  double expected_s = 0;
  TimeNs now = 0;
  for (int step = 0; job.ended_ns() < 0; ++step) {
    const bool within = step % 3 != 0;
    job.set_slowdown(within ? 2 : 3.5);
    const double load = job.demand().load_milli / 1000.0;
    const TimeNs before = now;
    now = job.next_step().time_ns;
    expected_s += within ? load * static_cast<double>(now - before) / 1e9 : 0;
    advance(job, now);
  }
  EXPECT_NEAR(job.useful_s(), expected_s, 1e-9 * expected_s);
}

TEST(JobStateTest, LoadIsHighAThirdOfTheTimeAndItsMeanIsTheProfiles) {
  JobState job = running(plan_of(spec_of(JobClass::always_on), service(), 0, -1));
  double high_s = 0, load_s = 0;
  constexpr double total_s = 6e6;
  TimeNs now = 0;
  int jumps = 0;
  while (now < at(total_s)) {
    const std::int32_t load = job.demand().load_milli;
    EXPECT_TRUE(load == 120 || load == 360) << load;
    const TimeNs before = now;
    now = std::min(at(total_s), job.next_step().time_ns);
    const double length_s = static_cast<double>(now - before) / 1e9;
    high_s += load == 360 ? length_s : 0;
    load_s += load / 1000.0 * length_s;
    advance(job, now);
    ++jumps;
  }
  // 10,000 exponential stretches of 600 s: shares are within 2 %, their number within 4 %.
  EXPECT_NEAR(jumps, total_s / 600, .04 * total_s / 600);
  EXPECT_NEAR(high_s / total_s, 1.0 / 3, .02);
  EXPECT_NEAR(load_s / total_s, .2, .005);
}

TEST(JobStateTest, ASessionWorksForItsDutyCycle) {
  // 2,000 sessions of 3 h each: 2.16e7 s, of them a quarter with work.
  double work_s = 0;
  constexpr int sessions = 2000;
  for (std::uint64_t i = 0; i < sessions; ++i) {
    JobState job = running(plan_of(spec_of(JobClass::dev), closed(), 0, 10'800, i), i);
    advance(job, at(10'800));
    EXPECT_EQ(job.ended_ns(), at(10'800));
    work_s += job.useful_s();
  }
  EXPECT_NEAR(work_s / (sessions * 10'800.0), .25, .01);
}

TEST(JobStateTest, CellsTakeLongerWhenSlowedAndGapsDoNot) {
  const JobPlan plan = plan_of(spec_of(JobClass::dev), closed(), 0, 1e7);
  JobState fast = running(plan);
  JobState slow = running(plan);
  slow.set_slowdown(3);
  const auto skip_memory_peak = [](JobState& job) {
    if (job.next_step().step == JobStep::memory_peak) {
      advance(job, job.next_step().time_ns);
    }
  };
  double fast_s = 0, slow_s = 0;
  for (int step = 0; step < 200; ++step) {
    skip_memory_peak(fast);
    skip_memory_peak(slow);
    const JobState::NextStep of_fast = fast.next_step();
    const JobState::NextStep of_slow = slow.next_step();
    ASSERT_EQ(of_fast.step, of_slow.step) << "the same draws";
    const bool cell = of_fast.step == JobStep::cell_done;
    const double fast_length_s = static_cast<double>(of_fast.time_ns) / 1e9 - fast_s;
    const double slow_length_s = static_cast<double>(of_slow.time_ns) / 1e9 - slow_s;
    EXPECT_NEAR(slow_length_s, (cell ? 3 : 1) * fast_length_s, 1e-6) << step;
    fast_s += fast_length_s;
    slow_s += slow_length_s;
    advance(fast, of_fast.time_ns);
    advance(slow, of_slow.time_ns);
  }
  EXPECT_NEAR(slow.account(slow.next_step().time_ns).slowdown, 3, 1e-6);
}

TEST(JobStateTest, ASessionMeetsItsSloByItsMeanCellSlowdown) {
  for (const auto& [slowdown, met] : {std::pair{2.0, true}, {2.01, false}}) {
    JobState job = running(plan_of(spec_of(JobClass::dev, 2), closed(), 0, 40'000));
    job.set_slowdown(slowdown);
    advance(job, at(40'000));
    EXPECT_EQ(job.meets_slo(at(40'000)), met) << slowdown;
    EXPECT_NEAR(job.account(at(40'000)).slowdown, slowdown, 1e-3);
  }
}

TEST(JobStateTest, ASessionWithoutWorkIsNeverBusy) {
  const JobProfile idle = closed_profile(.9, .3, .5, 0);
  JobState job = running(plan_of(spec_of(JobClass::dev, 2), idle, 0, 5000));
  advance(job, at(5000));
  EXPECT_EQ(job.ended_ns(), at(5000));
  EXPECT_EQ(job.useful_s(), 0);
  EXPECT_TRUE(job.meets_slo(at(5000)));
}

TEST(JobStateTest, ANeighboursCrashCostsTrainingWorkAndServicesAMinute) {
  JobState training = running(plan_of(spec_of(JobClass::batch), closed(), 0, 1000));
  advance(training, at(400));
  training.suffer_crash();
  EXPECT_EQ(training.next_step().time_ns, at(1300)) << "300 s are done again";
  JobState young = running(plan_of(spec_of(JobClass::batch), closed(), 0, 1000));
  advance(young, at(100));
  young.suffer_crash();
  EXPECT_EQ(young.next_step().time_ns, at(1100)) << "no more than was done";

  JobState serving = running(plan_of(spec_of(JobClass::always_on), service(), 0, 1000));
  advance(serving, at(400));
  serving.suffer_crash();
  EXPECT_EQ(serving.demand().load_milli, 0) << "down";
  advance(serving, at(459));
  EXPECT_EQ(serving.demand().load_milli, 0);
  advance(serving, at(460));
  EXPECT_GT(serving.demand().load_milli, 0);
  advance(serving, at(1000));
  EXPECT_EQ(serving.ended_ns(), at(1000));
  EXPECT_NEAR(serving.account(at(1000)).ok_share, .94, 1e-12);
}

TEST(JobStateTest, AJobCrashesOnceAtItsPartOfWorkOrLife) {
  JobPlan plan = plan_of(spec_of(JobClass::batch), closed(), 0, 1000);
  plan.crash_after = .4;
  JobState training = running(plan);
  training.set_slowdown(2);
  advance(training, at(60));
  EXPECT_EQ(training.next_step().step, JobStep::crash);
  EXPECT_EQ(training.next_step().time_ns, at(800));
  advance(training, at(800));
  EXPECT_EQ(training.next_step().step, JobStep::work_done);

  plan = plan_of(spec_of(JobClass::dev), closed_profile(.9, .3, .5, 0), 0, 1000);
  plan.crash_after = .4;
  JobState session = running(plan);
  advance(session, at(60));
  EXPECT_EQ(session.next_step().step, JobStep::crash);
  EXPECT_EQ(session.next_step().time_ns, at(400));
  advance(session, at(400));
  EXPECT_EQ(session.next_step().step, JobStep::life_over);
}

TEST(JobStateTest, KilledTrainingStartsFromNothingAndALostJobMissesItsSlo) {
  JobState job = running(plan_of(spec_of(JobClass::batch), closed(), 0, 1000));
  advance(job, at(60));
  EXPECT_TRUE(job.peaked());
  job.kill(at(60), false);
  EXPECT_EQ(job.useful_s(), 0);
  EXPECT_LT(job.ended_ns(), 0);
  job.place(at(100), at(100));
  EXPECT_EQ(job.next_step().time_ns, at(130));
  advance(job, at(130));
  EXPECT_FALSE(job.peaked()) << "grows anew";
  job.kill(at(150), true);
  EXPECT_EQ(job.ended_ns(), at(150));
  EXPECT_FALSE(job.meets_slo(at(150)));
  EXPECT_EQ(job.account(at(150)).oom_kills, 2);
}

TEST(JobStateTest, TheWindowCountsWhatIsDoneInIt) {
  JobState job = running(plan_of(spec_of(JobClass::batch, 0, 4), closed(), 0, 1000));
  advance(job, at(400));
  job.open_window();
  EXPECT_EQ(job.useful_s(), 0);
  advance(job, at(700));
  EXPECT_NEAR(job.useful_s(), 1200, 1e-9) << "on four GPUs";
  job.suffer_crash();
  EXPECT_NEAR(job.useful_s(), 0, 1e-9);
}

}  // namespace
}  // namespace gpusched::sim
