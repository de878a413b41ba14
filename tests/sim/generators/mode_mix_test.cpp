#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/sim/generators/trace_generators.hpp"
#include "gpusched/sim/mode_bound.hpp"

namespace gpusched::sim {
namespace {

using Parameters = std::map<std::string, std::string>;

Trace generated(const Parameters& parameters, std::uint64_t seed) {
  Result<Trace> trace = generate_trace("mode-mix", parameters, seed);
  EXPECT_TRUE(trace.ok()) << trace.error().to_string();
  return std::move(trace).value();
}

/// A job with everything that belongs to it.
struct Job {
  const TraceJob* row;
  const JobSpec* spec;
  const JobProfile* profile;

  double hours() const { return static_cast<double>(row->duration_ns) / 3.6e12; }
  double submit_h() const { return static_cast<double>(row->submit_ns) / 3.6e12; }
};

std::vector<Job> jobs_of(const Trace& trace, const std::function<bool(const JobSpec&)>& wanted) {
  std::unordered_map<std::string, const JobProfile*> profiles;
  for (const JobProfile& profile : trace.profiles) {
    profiles[profile.name] = &profile;
  }
  std::vector<Job> jobs;
  for (const TraceJob& row : trace.jobs) {
    const JobSpec& spec = trace.specs[row.spec];
    const std::string& name = spec.true_profile.empty() ? spec.request.job_profile : spec.true_profile;
    if (wanted(spec)) {
      jobs.push_back({&row, &spec, profiles.at(name)});
    }
  }
  return jobs;
}

auto of_class(JobClass job_class) {
  return [job_class](const JobSpec& spec) { return spec.request.job_class == job_class; };
}

double share(const std::vector<Job>& jobs, const std::function<bool(const Job&)>& counts) {
  return static_cast<double>(std::count_if(jobs.begin(), jobs.end(), counts)) / static_cast<double>(jobs.size());
}

/// Within four standard deviations of a share.
void expect_share(const std::vector<Job>& jobs, double expected, const std::function<bool(const Job&)>& counts,
                  const std::string& what) {
  ASSERT_GT(jobs.size(), 300U) << what;
  const double sd = std::sqrt(expected * (1 - expected) / static_cast<double>(jobs.size()));
  EXPECT_NEAR(share(jobs, counts), expected, 4 * sd + 1e-12) << what;
}

double quantile(const std::vector<Job>& jobs, double q, const std::function<double(const Job&)>& value) {
  std::vector<double> values;
  for (const Job& job : jobs) {
    values.push_back(value(job));
  }
  std::sort(values.begin(), values.end());
  return values.at(static_cast<std::size_t>(q * static_cast<double>(values.size() - 1)));
}

double hours(const Job& job) { return job.hours(); }
double load(const Job& job) { return job.profile->request_load->mean; }
double memory_gib(const Job& job) { return static_cast<double>(job.profile->memory_peak_mib) / 1024; }
double slowdown(const Job& job) { return job.spec->request.max_slowdown; }
bool isolated(const Job& job) { return job.spec->request.isolation != Isolation::none; }

/// A large cluster makes many jobs.
const Trace& many_jobs() {
  static const Trace trace = generated({{"mix", "mixedday"}, {"nodes", "40"}}, 5);
  return trace;
}

TEST(ModeMixTest, EveryJobHasAValidProfileOfItsOwnAndStatesItsIntent) {
  const Trace& trace = many_jobs();
  std::set<std::string> names;
  ASSERT_EQ(trace.profiles.size(), trace.jobs.size());
  for (const Job& job : jobs_of(trace, [](const JobSpec&) { return true; })) {
    EXPECT_TRUE(check_job_profile(*job.profile).ok());
    EXPECT_TRUE(names.insert(job.profile->name).second) << job.profile->name;
    const GpuRequest& request = job.spec->request;
    EXPECT_EQ(request.gpu_milli, 1000);
    EXPECT_EQ(request.mode, SharingMode::unstated);
    EXPECT_EQ(request.gpu_memory_mib, job.profile->memory_peak_mib);
    EXPECT_LE(request.gpu_memory_mib + 512, 81'920);
    EXPECT_GT(request.max_slowdown, 1);
    EXPECT_TRUE(!isolated(job) || request.trust_domain.empty());
    EXPECT_EQ(request.preemptible, request.job_class == JobClass::batch);
    EXPECT_EQ(job.profile->gpu_model, find_gpu_model("A100-80GB").value());
  }
}

TEST(ModeMixTest, CpuAndMemoryNeverBind) {
  const Trace& trace = many_jobs();
  std::int64_t cpu_milli = 0;
  std::int64_t memory_mib = 0;
  for (const JobSpec& spec : trace.specs) {
    cpu_milli = std::max(cpu_milli, spec.request.cpu_milli);
    memory_mib = std::max(memory_mib, spec.request.memory_mib);
  }
  const TraceNode& node = trace.nodes[0];
  EXPECT_LE(64 * node.num_gpu * cpu_milli, node.cpu_milli);
  EXPECT_LE(64 * node.num_gpu * memory_mib, node.memory_mib);
}

TEST(ModeMixTest, ServicesAndBurstsFollowTheirLaws) {
  for (const auto job_class : {JobClass::always_on, JobClass::burst}) {
    const std::vector<Job> jobs = jobs_of(many_jobs(), of_class(job_class));
    const std::string name = job_class == JobClass::burst ? "burst " : "service ";
    for (const Job& job : jobs) {
      const JobProfile& profile = *job.profile;
      EXPECT_EQ(profile.kind, JobKind::service);
      EXPECT_EQ(profile.engine_active.mean, 1);
      // At its high load the service meets its limit alone on a whole GPU.
      EXPECT_LT(1 / (1 - *profile.request_load->p95), slowdown(job));
      EXPECT_NEAR(*profile.request_load->p95, 1.8 * load(job), 1e-4);
      EXPECT_NEAR(*profile.request_load->p50, .6 * load(job), 1e-4);
    }
    expect_share(
        jobs, .25, [](const Job& job) { return memory_gib(job) > 17; }, name + "LLM-like");
    expect_share(
        jobs, .2, [](const Job& job) { return slowdown(job) == 2; }, name + "T 2");
    expect_share(
        jobs, .3, [](const Job& job) { return slowdown(job) == 3; }, name + "T 3");
    expect_share(
        jobs, .3, [](const Job& job) { return slowdown(job) == 5; }, name + "T 5");
    const double kept_apart = job_class == JobClass::burst ? .3 : .4;
    expect_share(jobs, kept_apart, isolated, name + "isolated");
    expect_share(
        jobs, kept_apart / 2, [](const Job& job) { return job.spec->request.isolation == Isolation::fault; },
        name + "fault");
    expect_share(
        jobs, .7 * (1 - kept_apart), [](const Job& job) { return job.spec->request.trust_domain == "trusted"; },
        name + "trusted");
    expect_share(
        jobs, .5, [](const Job& job) { return *job.profile->service_time_ms < 60; }, name + "s0");
    EXPECT_EQ(jobs[0].spec->request.priority, job_class == JobClass::burst ? 30 : 20);
    EXPECT_EQ(jobs[0].row->max_wait_ns, (job_class == JobClass::burst ? 60 : 3600) * ns_per_s);
  }
}

TEST(ModeMixTest, LivesHaveTheirMediansAndStayWithinTheirLimits) {
  const auto limits = [](const std::vector<Job>& jobs, double least_h, double most_h) {
    EXPECT_NEAR(quantile(jobs, 0, hours), least_h, 1e-9);
    EXPECT_NEAR(quantile(jobs, 1, hours), most_h, 1e-9);
  };
  const std::vector<Job> services = jobs_of(many_jobs(), of_class(JobClass::always_on));
  const std::vector<Job> bursts = jobs_of(many_jobs(), of_class(JobClass::burst));
  const std::vector<Job> sessions = jobs_of(many_jobs(), of_class(JobClass::dev));
  const std::vector<Job> training = jobs_of(many_jobs(), of_class(JobClass::batch));
  limits(services, .5, 12);
  limits(bursts, 1 / 60.0, 1);
  limits(sessions, .25, 10);
  limits(training, 1 / 60.0, 6);
  EXPECT_NEAR(quantile(services, .5, hours), 3, .2);
  EXPECT_NEAR(quantile(bursts, .5, hours) * 60, 5, .2);
  EXPECT_NEAR(quantile(sessions, .5, hours), 3, .2);
  EXPECT_NEAR(quantile(training, .5, hours) * 3600, 1000, 130);  // .85 LN(e^6.6, 1.4) + .15 LN(e^9.3, .9): 984 s
}

TEST(ModeMixTest, SessionsFollowTheirLaws) {
  const std::vector<Job> jobs = jobs_of(many_jobs(), of_class(JobClass::dev));
  expect_share(jobs, .15, isolated, "isolated");
  expect_share(
      jobs, .5, [](const Job& job) { return slowdown(job) == 2; }, "T 2");
  expect_share(
      jobs, .3 * .85, [](const Job& job) { return job.spec->request.trust_domain == "trusted"; }, "trusted");
  // Half at .005 exactly; of Beta(.6, 3), 55.1 % lie below .11 and 27.3 % above .25.
  EXPECT_NEAR(share(jobs, [](const Job& job) { return job.profile->duty_cycle == .005; }), .5, .04);
  double mean_duty = 0;
  for (const Job& job : jobs) {
    EXPECT_GE(memory_gib(job), 2);
    EXPECT_LE(memory_gib(job), 20);
    EXPECT_LE(job.profile->dram_active.mean, .5 * job.profile->engine_active.mean + 1e-3);
    mean_duty += job.profile->duty_cycle / static_cast<double>(jobs.size());
  }
  EXPECT_NEAR(mean_duty, .5 * .005 + .5 * .6 / 3.6, .01);
  EXPECT_EQ(jobs[0].spec->kind, "session");
  EXPECT_EQ(jobs[0].row->max_wait_ns, 1800 * ns_per_s);
}

TEST(ModeMixTest, TrainingFollowsItsLaws) {
  const auto alone = [](const JobSpec& spec) {
    return spec.request.job_class == JobClass::batch && spec.request.num_gpu == 1;
  };
  const std::vector<Job> jobs = jobs_of(many_jobs(), alone);
  expect_share(
      jobs, .4, [](const Job& job) { return job.profile->engine_active.mean < .75; }, "small");
  expect_share(
      jobs, .3, [](const Job& job) { return slowdown(job) == 1.2; }, "T 1.2");
  expect_share(
      jobs, .4, [](const Job& job) { return slowdown(job) == 1.6; }, "T 1.6");
  expect_share(jobs, .1, isolated, "isolated");
  expect_share(
      jobs, .5 * .9, [](const Job& job) { return job.spec->request.trust_domain == "trusted"; }, "trusted");
  EXPECT_NEAR(quantile(jobs, 1, memory_gib), 76, 1e-3);
  EXPECT_EQ(jobs[0].row->max_wait_ns, -1);
  const Trace trace = generated({{"mix", "gangs"}, {"nodes", "100"}}, 2);
  const std::vector<Job> gangs = jobs_of(trace, [](const JobSpec& spec) { return spec.request.num_gpu > 1; });
  expect_share(
      gangs, .40, [](const Job& job) { return job.spec->request.num_gpu == 2; }, "gangs of 2");
  expect_share(
      gangs, .35, [](const Job& job) { return job.spec->request.num_gpu == 4; }, "gangs of 4");
  expect_share(
      gangs, .25, [](const Job& job) { return job.spec->request.num_gpu == 8; }, "gangs of 8");
  expect_share(gangs, .5, isolated, "isolated gangs");
}

/// Demand of every arrival, whole durations, per counted hour and GPU: burst, service, dev, training, gang.
std::array<double, 5> demand_of(const Trace& trace, double begin_h, double end_h) {
  std::array<double, 5> demand{};
  for (const Job& job : jobs_of(trace, [](const JobSpec&) { return true; })) {
    if (job.submit_h() < begin_h || job.submit_h() >= end_h) {
      continue;
    }
    const JobClass job_class = job.spec->request.job_class;
    const std::size_t source = job_class == JobClass::burst       ? 0
                               : job_class == JobClass::always_on ? 1
                               : job_class == JobClass::dev       ? 2
                               : job.spec->request.num_gpu == 1   ? 3
                                                                  : 4;
    const FluidCost cost(job.spec->request, *job.profile, job.profile->gpu_model, PerfConstants{});
    demand[source] += cost.gpus(load_memory_weight) * job.hours() / (end_h - begin_h) / 64;
  }
  return demand;
}

TEST(ModeMixTest, SourcesDemandTheirShareOfTheLoad) {
  const std::map<std::string, std::array<double, 5>> expected = {{"inference", {.20, .55, .10, .1455, .0045}},
                                                                 {"dev", {.05, .15, .60, .19, .01}},
                                                                 {"training", {.05, .10, .10, .675, .075}},
                                                                 {"mixedday", {.15, .30, .25, .282, .018}},
                                                                 {"shift", {.15, .20, .30, .329, .021}},
                                                                 {"smalliso", {0, 1, 0, 0, 0}},
                                                                 {"gangs", {0, .05, 0, .38, .57}}};
  constexpr int seeds = 8;
  for (const auto& [mix, shares] : expected) {
    std::array<double, 5> mean{};
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
      const std::array<double, 5> demand = demand_of(generated({{"mix", mix}, {"load", "0.8"}}, seed), 5, 19);
      for (std::size_t i = 0; i < 5; ++i) {
        mean[i] += demand[i] / seeds;
      }
    }
    // The slow factor alone moves a source's mean over 14 h by .13 (mixedday: .27) of it, that of eight seeds by .05
    // (.10); jobs of long duration and gangs add to it.
    const double relative = mix == "mixedday" ? .25 : .16;
    for (std::size_t i = 0; i < 5; ++i) {
      EXPECT_NEAR(mean[i], .8 * shares[i], .8 * (shares[i] * relative + .02)) << mix << " " << i;
    }
  }
}

TEST(ModeMixTest, BurstsComeInBatchesOfSixWithinFiveSeconds) {
  const Trace trace = generated({{"mix", "inference"}, {"nodes", "1"}, {"load", "2"}}, 3);
  std::vector<double> sizes;
  TimeNs first_ns = -1;
  for (const Job& job : jobs_of(trace, of_class(JobClass::burst))) {
    if (first_ns < 0 || job.row->submit_ns - first_ns > 5 * ns_per_s) {
      first_ns = job.row->submit_ns;
      sizes.push_back(0);
    }
    sizes.back() += 1;
  }
  double mean = 0;
  for (const double size : sizes) {
    mean += size / static_cast<double>(sizes.size());
  }
  ASSERT_GT(sizes.size(), 250U);
  EXPECT_NEAR(mean, 6, 4 * 5.5 / std::sqrt(static_cast<double>(sizes.size())));  // geometric: deviation 5.5
}

double arrivals_between(const Trace& trace, JobClass job_class, double begin_h, double end_h) {
  double count = 0;
  for (const Job& job : jobs_of(trace, of_class(job_class))) {
    count += job.submit_h() >= begin_h && job.submit_h() < end_h ? 1 : 0;
  }
  return count / (end_h - begin_h);
}

TEST(ModeMixTest, ShiftChangesFromDayToNightInTheMiddleOfTheWindow) {
  const Trace trace = generated({{"mix", "shift"}, {"nodes", "64"}}, 1);
  for (const auto job_class : {JobClass::burst, JobClass::dev}) {
    const double ratio = arrivals_between(trace, job_class, 12, 19) / arrivals_between(trace, job_class, 0, 12);
    EXPECT_NEAR(ratio, .15 / 1.85, .04);
  }
  EXPECT_NEAR(arrivals_between(trace, JobClass::batch, 0, 12) / arrivals_between(trace, JobClass::batch, 12, 19),
              .15 / 1.85, .04);
  EXPECT_NEAR(
      arrivals_between(trace, JobClass::always_on, 0, 12) / arrivals_between(trace, JobClass::always_on, 12, 19), 1,
      .35);
}

TEST(ModeMixTest, MixedDayBeginsAtFourInTheMorning) {
  double night = 0, afternoon = 0;
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    const Trace trace = generated({{"mix", "mixedday"}}, seed);
    night += arrivals_between(trace, JobClass::batch, 0, 5);
    afternoon += arrivals_between(trace, JobClass::batch, 10, 15);  // 14 to 19 o'clock
  }
  // Venus: .27 .21 .19 .22 .37 against 1.56 1.66 1.73 1.73 1.28.
  EXPECT_NEAR(night / afternoon, 1.26 / 7.96, .08);
}

TEST(ModeMixTest, LoadChangesTheTimesButNotTheJobs) {
  const Trace light = generated({{"mix", "training"}, {"load", "0.7"}}, 4);
  const Trace heavy = generated({{"mix", "training"}, {"load", "1.3"}}, 4);
  for (const auto job_class : {JobClass::always_on, JobClass::burst, JobClass::dev, JobClass::batch}) {
    const auto wanted = [job_class](const JobSpec& spec) {
      return spec.request.job_class == job_class && spec.request.num_gpu == 1;
    };
    const std::vector<Job> few = jobs_of(light, wanted);
    const std::vector<Job> many = jobs_of(heavy, wanted);
    ASSERT_LT(few.size(), many.size());
    for (std::size_t i = 0; i < few.size(); ++i) {
      JobProfile renamed = *many[i].profile;
      renamed.name = few[i].profile->name;
      ASSERT_EQ(*few[i].profile, renamed);
      EXPECT_EQ(few[i].row->duration_ns, many[i].row->duration_ns);
    }
  }
}

TEST(ModeMixTest, UnknownHidesProfilesFromTheSchedulerAndChangesNothingElse) {
  const Trace known = generated({{"mix", "dev"}}, 6);
  const Trace hidden = generated({{"mix", "dev"}, {"unknown", "0.1"}}, 6);
  EXPECT_EQ(known.jobs, hidden.jobs);
  EXPECT_EQ(known.profiles, hidden.profiles);
  const std::vector<Job> jobs = jobs_of(hidden, [](const JobSpec&) { return true; });
  expect_share(
      jobs, .1, [](const Job& job) { return job.spec->request.job_profile.empty(); }, "unknown");
  for (const Job& job : jobs) {
    EXPECT_EQ(job.profile->name, job.row->id);
    JobSpec told = *job.spec;
    told.true_profile = "";
    told.request.job_profile = job.row->id;
    EXPECT_EQ(known.specs[job.row->spec], told);
  }
}

TEST(ModeMixTest, SmallServicesOnly) {
  const Trace trace = generated({{"mix", "smalliso"}}, 1);
  for (const Job& job : jobs_of(trace, [](const JobSpec&) { return true; })) {
    EXPECT_EQ(job.spec->request.job_class, JobClass::always_on);
    EXPECT_TRUE(isolated(job));
    EXPECT_LE(memory_gib(job), 16);
  }
}

TEST(ModeMixTest, SaysWhichHoursCount) {
  const Trace trace = generated({{"hours", "12"}, {"nodes", "2"}}, 1);
  EXPECT_EQ(trace.metadata.at("counts_from_s"), "18000");
  EXPECT_EQ(trace.metadata.at("counts_to_s"), "43200");
  EXPECT_LT(trace.jobs.back().submit_ns, 43'200 * ns_per_s);
}

}  // namespace
}  // namespace gpusched::sim
