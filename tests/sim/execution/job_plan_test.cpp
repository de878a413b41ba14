#include "gpusched/sim/execution/job_plan.hpp"

#include <cmath>
#include <string>

#include <gtest/gtest.h>

#include "sim/execution/executed_jobs.hpp"

namespace gpusched::sim {
namespace {

using namespace test;

JobPlan plan_for(const JobSpec& spec, const JobProfile& profile, TimeNs duration_ns = at(1000),
                 const ExecutionOptions& options = {}, std::uint64_t entity = 0) {
  return make_job_plan(spec, profile, 0, duration_ns, 1, options, 1, entity).value();
}

TEST(JobPlanTest, TheClassSaysHowAJobWorks) {
  const JobProfile closed = closed_profile(.9, .3, .5, .25);
  const JobProfile service = service_profile(.2, .3, .2, .3);
  const JobPlan training = plan_for(spec_of(JobClass::batch, 1.6), closed);
  EXPECT_EQ(training.kind, WorkKind::training);
  EXPECT_EQ(training.goodput_class, GoodputClass::training);
  EXPECT_DOUBLE_EQ(training.work_s, 1000);
  EXPECT_EQ(training.life_ns, never_ns);
  EXPECT_DOUBLE_EQ(training.max_slowdown, 1.6);
  const JobPlan session = plan_for(spec_of(JobClass::dev), closed);
  EXPECT_EQ(session.kind, WorkKind::session);
  EXPECT_EQ(session.life_ns, at(1000));
  EXPECT_DOUBLE_EQ(session.duty, .25);
  EXPECT_EQ(session.max_slowdown, never) << "not stated";
  for (const auto& [job_class, row] :
       {std::pair{JobClass::always_on, GoodputClass::service}, {JobClass::burst, GoodputClass::burst}}) {
    const JobPlan plan = plan_for(spec_of(job_class), service);
    EXPECT_EQ(plan.kind, WorkKind::service);
    EXPECT_EQ(plan.goodput_class, row);
    EXPECT_DOUBLE_EQ(plan.load, .2);
  }
  EXPECT_EQ(plan_for(spec_of(JobClass::batch, 0, 4), closed).goodput_class, GoodputClass::gang);
  EXPECT_DOUBLE_EQ(plan_for(spec_of(JobClass::batch, 0, 4), closed).gpus, 4);
}

TEST(JobPlanTest, OfAnUnknownClassTheProfileDecides) {
  EXPECT_EQ(plan_for(spec_of(JobClass::unknown), closed_profile(.9, .3, .5)).goodput_class, GoodputClass::training);
  EXPECT_EQ(plan_for(spec_of(JobClass::unknown), service_profile(.2, .3, .2, .3)).goodput_class, GoodputClass::service);
}

TEST(JobPlanTest, WithoutDurationAJobNeverEnds) {
  EXPECT_EQ(plan_for(spec_of(JobClass::batch), closed_profile(.9, .3, .5), -1).work_s, never);
  EXPECT_EQ(plan_for(spec_of(JobClass::always_on), service_profile(.2, .3, .2, .3), -1).life_ns, never_ns);
}

TEST(JobPlanTest, ClassAndKindOfProfileMustAgree) {
  const JobProfile closed = closed_profile(.9, .3, .5);
  const Result<JobPlan> service = make_job_plan(spec_of(JobClass::always_on), closed, 0, 1, 1, {}, 1, 0);
  ASSERT_FALSE(service.ok());
  EXPECT_NE(service.error().to_string().find("'closed' of kind closed"), std::string::npos);
  const JobProfile serving = service_profile(.2, .3, .2, .3);
  EXPECT_FALSE(make_job_plan(spec_of(JobClass::dev), serving, 0, 1, 1, {}, 1, 0).ok());
}

TEST(JobPlanTest, TheTrueProfileWinsOverTheOneThatTheSchedulerIsTold) {
  JobSpec spec;
  EXPECT_EQ(true_profile_of(spec), "");
  spec.request.job_profile = "told";
  EXPECT_EQ(true_profile_of(spec), "told");
  spec.true_profile = "true";
  EXPECT_EQ(true_profile_of(spec), "true");
}

TEST(JobPlanTest, ThreeInTenSessionsAndThreeInTwentyTrainingJobsCrash) {
  constexpr int jobs = 4000;
  const JobProfile closed = closed_profile(.9, .3, .5, .25);
  const JobProfile service = service_profile(.2, .3, .2, .3);
  const auto share = [&](JobClass job_class, const JobProfile& profile) {
    int crashes = 0;
    for (std::uint64_t i = 0; i < jobs; ++i) {
      const double part = plan_for(spec_of(job_class), profile, at(1000), {}, i).crash_after;
      EXPECT_TRUE(part == never || (part >= 0 && part < 1));
      crashes += part < 1 ? 1 : 0;
    }
    return static_cast<double>(crashes) / jobs;
  };
  // Four standard deviations of a binomial share.
  EXPECT_NEAR(share(JobClass::dev, closed), .30, 4 * std::sqrt(.3 * .7 / jobs));
  EXPECT_NEAR(share(JobClass::batch, closed), .15, 4 * std::sqrt(.15 * .85 / jobs));
  EXPECT_EQ(share(JobClass::always_on, service), 0);
}

TEST(JobPlanTest, ErrorsAreLognormalAndBelongToTheJob) {
  constexpr int jobs = 4000;
  const JobProfile closed = closed_profile(.9, .3, .5);
  ExecutionOptions erroneous;
  erroneous.slowdown_error = .15;
  double sum = 0, squares = 0;
  for (std::uint64_t i = 0; i < jobs; ++i) {
    const double error = plan_for(spec_of(JobClass::batch), closed, at(1000), erroneous, i).error;
    EXPECT_EQ(error, plan_for(spec_of(JobClass::batch), closed, at(1), erroneous, i).error);
    sum += std::log(error) / jobs;
    squares += std::log(error) * std::log(error) / jobs;
  }
  EXPECT_NEAR(sum, 0, 4 * .15 / std::sqrt(jobs));
  EXPECT_NEAR(std::sqrt(squares), .15, 4 * .15 / std::sqrt(2 * jobs));
  EXPECT_EQ(plan_for(spec_of(JobClass::batch), closed).error, 1) << "a world without error";
}

}  // namespace
}  // namespace gpusched::sim
