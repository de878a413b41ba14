// Traces with job profiles: the execution model says when jobs end.
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "gpusched/sim/cluster_builder.hpp"
#include "gpusched/sim/generators/trace_generators.hpp"
#include "gpusched/sim/result_files.hpp"
#include "gpusched/sim/simulator.hpp"

#include "sim/execution/executed_jobs.hpp"

namespace gpusched::sim {
namespace {

using namespace test;

constexpr TimeNs opens_ns = 5 * ns_per_s;  // time slicing or MPS of an idle GPU (mode study, section 1)

/// Jobs with profiles on one cluster; times in seconds.
class Story {
 public:
  explicit Story(std::string_view policy, std::string_view cluster = "1xA100-80GB:1") {
    trace.nodes = parse_cluster_shorthand(cluster).value();
    trace.metadata = {{"window_from_s", "0"}, {"window_to_s", "20000"}};
    options.policy = parse_policy(std::string(policy)).value();
    options.queue = QueueDiscipline::lines;
    options.preemption = false;
  }

  TraceJob& job(const std::string& id, double submit_s, double duration_s, JobProfile profile,
                JobClass job_class = JobClass::batch) {
    JobSpec spec = spec_of(job_class, 10);
    profile.name = "profile of " + id;
    spec.request.job_profile = profile.name;
    spec.request.gpu_memory_mib = profile.memory_peak_mib;
    trace.profiles.push_back(std::move(profile));
    trace.specs.push_back(std::move(spec));
    TraceJob row;
    row.id = id;
    row.submit_ns = at(submit_s);
    row.duration_ns = at(duration_s);
    row.spec = static_cast<std::uint32_t>(trace.specs.size() - 1);
    return trace.jobs.emplace_back(row);
  }
  JobSpec& last_spec() { return trace.specs.back(); }
  SimulationResult run(std::span<ReplayObserver* const> observers = {}) {
    Result<SimulationResult> result = simulate(trace, options, observers);
    EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().to_string());
    return result.ok() ? std::move(result).value() : SimulationResult{};
  }

  Trace trace;
  SimulationOptions options;
};

double end_s(const SimulationResult& result, std::size_t job) {
  return static_cast<double>(result.jobs[job].end_ns) / 1e9;
}

/// A seed under which none of the jobs crashes: crashes have tests of their own.
constexpr std::uint64_t calm_seed = 3;

TEST(ReplayExecutionTest, JobsEndAsTheExecutionModelSays) {
  Story story("time_slice:replicas=4,guard=none");
  story.options.seed = calm_seed;
  story.job("a", 0, 1000, closed_profile(.9, .3, .5));
  story.job("b", 100, 400, closed_profile(.9, .3, .5));
  const SimulationResult result = story.run();
  // Alone from 5 s to 100 s, then two at 1.11 x 1.8 x (1 + .5 x .3 x .3).
  const double slowdown = 1.11 * 1.8 * 1.045;
  EXPECT_NEAR(end_s(result, 1), 100 + 400 * slowdown, 1e-6);
  EXPECT_NEAR(end_s(result, 0), 100 + 400 * slowdown + (1000 - 95 - 400), 1e-6);
  ASSERT_TRUE(result.summary.execution);
  EXPECT_NEAR(result.summary.execution->goodput, 1400.0 / 20'000, 1e-9);
  EXPECT_EQ(result.accounts[0].mode, StartMode::time_slice);
  EXPECT_NEAR(result.accounts[1].slowdown, slowdown, 1e-9);
}

TEST(ReplayExecutionTest, TheReplayEndsWithTheWindow) {
  Story story("all_whole");
  story.job("a", 0, 50'000, closed_profile(.9, .3, .5));
  const SimulationResult result = story.run();
  EXPECT_EQ(result.jobs[0].outcome, JobOutcome::running);
  EXPECT_DOUBLE_EQ(result.summary.span_s, 20'000);
  EXPECT_DOUBLE_EQ(result.summary.execution->goodput, 1);
  EXPECT_NEAR(result.accounts[0].work_s, 20'000, 1e-6);
}

TEST(ReplayExecutionTest, AnEarlyEndLeavesTheWindowWhole) {
  Story story("all_whole");
  story.job("a", 0, 5000, closed_profile(.9, .3, .5));
  const SimulationResult result = story.run();
  EXPECT_DOUBLE_EQ(result.summary.execution->window_s, 20'000);
  EXPECT_NEAR(result.summary.execution->goodput, .25, 1e-9);
}

TEST(ReplayExecutionTest, AReplayThatIsCutShortIsMeasuredToThere) {
  Story story("all_whole");
  story.options.until_ns = at(8000);
  story.job("a", 0, 50'000, closed_profile(.9, .3, .5));
  const SimulationResult result = story.run();
  EXPECT_DOUBLE_EQ(result.summary.execution->window_s, 8000);
  EXPECT_DOUBLE_EQ(result.summary.execution->goodput, 1);
}

TEST(ReplayExecutionTest, JobsWithoutProfileRunForTheirDuration) {
  Story story("all_whole", "1xA100-80GB:2");
  story.job("a", 0, 1000, closed_profile(.9, .3, .5));
  story.job("plain", 0, 700, closed_profile(.9, .3, .5));
  story.last_spec().request.job_profile.clear();
  story.trace.profiles.pop_back();
  const SimulationResult result = story.run();
  EXPECT_EQ(end_s(result, 0), 1000);
  EXPECT_EQ(end_s(result, 1), 700);
  EXPECT_TRUE(result.accounts[0].goodput_class);
  EXPECT_FALSE(result.accounts[1].goodput_class);
}

TEST(ReplayExecutionTest, AMissingProfileIsNamed) {
  Story story("all_whole");
  story.job("a", 0, 1000, closed_profile(.9, .3, .5));
  story.trace.profiles.front().name = "another";
  const Result<SimulationResult> result = simulate(story.trace, story.options);
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.error().to_string().find("job 'a' names the profile 'profile of a'"), std::string::npos)
      << result.error().to_string();
}

TEST(ReplayExecutionTest, AProfileOfTheWrongKindIsNamed) {
  Story story("all_whole");
  story.job("a", 0, 1000, closed_profile(.9, .3, .5), JobClass::always_on);
  const Result<SimulationResult> result = simulate(story.trace, story.options);
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.error().to_string().find("job 'a': "), std::string::npos) << result.error().to_string();
}

class ProfileCounter final : public ReplayObserver {
 public:
  void on_event(const Engine&, const Event& event) override {
    if (const auto* loaded = std::get_if<ProfileLoaded>(&event.what)) {
      names.push_back(loaded->profile.name);
    }
  }
  void on_decision(const Engine&, TimeNs, std::span<const PodId>, std::span<const Decision>) override {}
  void on_arrival(const ArrivalSample&) override {}
  std::vector<std::string> names;
};

TEST(ReplayExecutionTest, TheSchedulerIsToldOnlyTheProfilesThatRequestsName) {
  Story story("all_whole", "1xA100-80GB:2");
  story.job("told", 0, 1000, closed_profile(.9, .3, .5));
  story.job("secret", 0, 1000, closed_profile(.9, .3, .5));
  story.last_spec().true_profile = std::exchange(story.last_spec().request.job_profile, "");
  ProfileCounter counter;
  ReplayObserver* const observers[] = {&counter};
  const SimulationResult result = story.run(observers);
  EXPECT_EQ(counter.names, std::vector<std::string>{"profile of told"});
  EXPECT_EQ(end_s(result, 1), 1000);
  EXPECT_EQ(result.accounts[1].goodput_class, GoodputClass::training);
}

TEST(ReplayExecutionTest, AJobThatIsKilledWaitsAgainAndIsLostAtTheThirdTime) {
  Story story("time_slice:replicas=4,guard=none");
  story.options.seed = calm_seed;
  JobProfile large = closed_profile(.3, .1, .5);
  large.memory_peak_mib = 50'000;
  story.job("first", 0, 5000, large);
  story.job("second", 10, 1000, large);
  const SimulationResult result = story.run();
  EXPECT_EQ(result.jobs[0].outcome, JobOutcome::finished);
  EXPECT_EQ(result.jobs[1].outcome, JobOutcome::lost);
  EXPECT_EQ(result.jobs[1].first_start_ns, at(10));
  // Killed at 70 s, 30 s to restart, killed after another minute, and again.
  EXPECT_NEAR(end_s(result, 1), 10 + 60 + 90 + 90, 1e-6);
  EXPECT_EQ(result.summary.execution->oom_kills, 3);
  EXPECT_EQ(result.summary.evictions, 0);
  EXPECT_EQ(result.summary.lost, 1);
  EXPECT_DOUBLE_EQ(result.summary.execution->slo_attainment, .5);
}

TEST(ReplayExecutionTest, WhoIsPatientEnoughSurvivesTheKill) {
  Story story("time_slice:replicas=4,guard=none");
  story.options.seed = calm_seed;
  JobProfile large = closed_profile(.3, .1, .5);
  large.memory_peak_mib = 50'000;
  story.job("first", 0, 100, large);
  story.job("second", 10, 1000, large);
  const SimulationResult result = story.run();
  EXPECT_EQ(result.jobs[1].outcome, JobOutcome::finished);
  // Killed at 70 s, runs from 100 s on: the first has left at 105 s.
  EXPECT_NEAR(end_s(result, 1), 70 + 30 + 1000, .5);
}

TEST(ReplayExecutionTest, EvictedTrainingGoesOnWhereItWas) {
  Story story("all_whole", "2xA100-80GB:1");
  story.job("a", 0, 1000, closed_profile(.9, .3, .5));
  TraceEvent down;
  down.time_ns = at(400);
  down.target = "node";
  down.target_id = story.trace.nodes[story.run().jobs[0].node].id;
  down.event = "down";
  story.trace.events.push_back(down);
  const SimulationResult result = story.run();
  EXPECT_EQ(result.jobs[0].evictions, 1);
  EXPECT_EQ(end_s(result, 0), 1030) << "on the other node after 30 s";
}

TEST(ReplayExecutionTest, ServicesLeaveAtTheEndOfTheirLife) {
  Story story("all_whole");
  story.job("service", 0, 3600, service_profile(.2, .3, .2, .3), JobClass::always_on);
  const SimulationResult result = story.run();
  EXPECT_EQ(end_s(result, 0), 3600);
  EXPECT_DOUBLE_EQ(result.accounts[0].ok_share, 1);
  EXPECT_GT(result.accounts[0].work_s, .5 * .2 * 3600);
}

TEST(ReplayExecutionTest, SameTraceSameBytes) {
  const auto run = [](std::uint64_t seed) {
    Story story("mps:guard=none,trust=ignore", "1xA100-80GB:2");
    story.options.seed = seed;
    for (int i = 0; i < 12; ++i) {
      const std::string id = std::to_string(i);
      if (i % 3 == 0) {
        story.job("service" + id, 10.0 * i, 3000, service_profile(.1, .3, .2, .3), JobClass::always_on);
      } else {
        story.job("job" + id, 10.0 * i, 900, closed_profile(.8, .2, .4, .4),
                  i % 3 == 1 ? JobClass::batch : JobClass::dev);
      }
    }
    return summary_json(story.run().summary);
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
}

/// Small jobs come all the time, so that never two GPUs are free at once; then a job of two GPUs.
Story crowded(std::size_t reservations) {
  Story story("all_whole", "1xA100-80GB:2");
  story.options.most_reservations = reservations;
  for (int i = 0; i < 100; ++i) {
    story.job("small" + std::to_string(i), 0, 150.0 + i % 7 * 20, closed_profile(.9, .3, .5));
  }
  story.job("wide", 50, 1000, closed_profile(.9, .3, .5));
  story.last_spec().request.num_gpu = 2;
  return story;
}

TEST(ReplayExecutionTest, AJobOfSeveralGpusIsGivenAReservationAfterTwentyMinutes) {
  const SimulationResult with = crowded(1).run();
  const double start_s = static_cast<double>(with.jobs.back().first_start_ns) / 1e9;
  EXPECT_GE(start_s, 50 + 1200);
  EXPECT_LE(start_s, 50 + 1200 + 270) << "the longest small job is waited for";
  EXPECT_EQ(with.jobs.back().outcome, JobOutcome::finished);
  const SimulationResult without = crowded(0).run();
  EXPECT_GT(static_cast<double>(without.jobs.back().first_start_ns) / 1e9, 9000);
}

TEST(ReplayExecutionTest, OpeningAGpuTakesTimeAndJoiningNone) {
  Story story("time_slice:replicas=4,guard=none");
  story.options.seed = calm_seed;
  story.job("opens", 0, 1000, closed_profile(.3, 0, .5));
  story.job("joins", 50, 1000, closed_profile(.3, 0, .5));
  const SimulationResult result = story.run();
  EXPECT_NEAR(end_s(result, 0), 1000 + static_cast<double>(opens_ns) / 1e9, 1e-6);
  EXPECT_NEAR(end_s(result, 1), 1050, 1e-6);
  EXPECT_EQ(result.summary.execution->openings, 1);
}

TEST(ReplayExecutionTest, AMovedJobGoesOnAtItsNewPlaceAndATrainingJobRestarts) {
  const auto small_ends = [](bool moves) {
    Story story("first_fit", "1xA100-80GB:1@mig");
    story.options.seed = calm_seed;
    story.options.reshape.rules.one_move_on_block = moves;
    story.options.reshape.delay_ns = at(20);
    story.job("small", 0, 1000, closed_profile(.9, .3, .5));
    story.last_spec().request.mig_profile = "1g.10gb";
    story.job("large", 10, 100, closed_profile(.9, .3, .5));
    story.last_spec().request.mig_profile = "4g.40gb";
    const SimulationResult result = story.run();
    EXPECT_EQ(result.summary.reshapes, moves ? 1 : 0);
    EXPECT_EQ(result.jobs[1].start_ns, moves ? at(30) : result.jobs[0].end_ns);
    return end_s(result, 0);
  };
  EXPECT_NEAR(small_ends(true), small_ends(false) + 30, 1e-6);
}

TEST(ReplayExecutionTest, ATenantGoesToAnotherGpuForAJobThatWantsAWholeOne) {
  const auto end = [](bool moves) {
    Story story("auto:class_lead=1", "1xA100-80GB:2");
    story.options.seed = calm_seed;
    story.options.reshape.rules.one_move_on_block = moves;
    story.options.reshape.delay_ns = at(20);
    const auto tenant = [&](const std::string& id, double submit_s, double duration_s, std::int64_t memory_gib,
                            JobClass job_class) {
      JobProfile profile = closed_profile(.2, 0, .5);  // nobody slows another
      profile.memory_peak_mib = memory_gib * 1024;
      story.job(id, submit_s, duration_s, profile, job_class);
      story.last_spec().request.mode = SharingMode::time_slice;
    };
    tenant("leaves", 0, 100, 50, JobClass::batch);
    tenant("stays", 10, 3000, 50, JobClass::dev);
    tenant("is moved", 20, 1000, 20, JobClass::batch);
    story.job("whole", 200, 100, closed_profile(.9, .3, .5));
    story.last_spec().request.mode = SharingMode::whole;
    const SimulationResult result = story.run();
    EXPECT_EQ(result.summary.reshapes, moves ? 1 : 0);
    EXPECT_EQ(result.jobs[3].start_ns, moves ? at(220) : result.jobs[2].end_ns);
    EXPECT_EQ(result.jobs[2].gpus[0].gpu, moves ? result.jobs[1].gpus[0].gpu : result.jobs[0].gpus[0].gpu);
    return end_s(result, 2);
  };
  EXPECT_NEAR(end(true), end(false) + 30, 1e-6);
}

// A gang whose reservation is served as soon as it is due frees what it held: whoever waits for that starts at the same
// instant, before anybody's work goes on. Found with this trace.
TEST(ReplayExecutionTest, WhatAServedReservationFreesIsGivenAwayBeforeTimePasses) {
  const Result<Trace> trace = generate_trace("mode-mix", {{"mix", "inference"}, {"load", "1.3"}}, 101);
  SimulationOptions options;
  options.policy = parse_policy(
                       "pools:mig=20,time_slice=28,mps=8,replicas=8,fill=spread,guard=slowdown,"
                       "always_on=mig+time_slice+whole,burst=mps+whole,dev=mig+mps+whole,"
                       "batch=mig+time_slice+whole")
                       .value();
  options.seed = 101;
  options.queue = QueueDiscipline::lines;
  options.preemption = false;
  EXPECT_NO_THROW(simulate(trace.value(), options).value());
}

}  // namespace
}  // namespace gpusched::sim
