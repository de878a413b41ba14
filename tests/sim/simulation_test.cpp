#include "gpusched/sim/simulation.hpp"

#include <gtest/gtest.h>

#include "gpusched/sim/cluster_builder.hpp"
#include "gpusched/sim/generators/trace_generators.hpp"
#include "gpusched/sim/result_files.hpp"

namespace gpusched::sim {
namespace {

TEST(SimulationTest, StepsComeToWhatSimulateSays) {
  for (const char* name : {"tiny", "mig-mix", "mode-mix"}) {
    const Trace trace = generate_trace(name, {}, 7).value();
    SimulationOptions options = usual_options(trace);
    options.policy.name = trace.profiles.empty() ? "best_fit" : "auto";
    options.until_ns = 20'000 * ns_per_s;
    const SimulationResult whole = simulate(trace, options).value();
    Simulation simulation = Simulation::create(trace, options).value();
    while (simulation.step()) {
    }
    EXPECT_FALSE(simulation.step()) << name;
    EXPECT_EQ(simulation.arrived() < simulation.arrivals(), simulation.now() == options.until_ns) << name;
    const SimulationResult stepped = simulation.finish();
    EXPECT_EQ(summary_json(stepped.summary), summary_json(whole.summary)) << name;
    EXPECT_EQ(stepped.jobs.size(), whole.jobs.size()) << name;
    EXPECT_EQ(stepped.timeline.size(), whole.timeline.size()) << name;
  }
}

TEST(SimulationTest, ShowsTheStateBetweenSteps) {
  Trace trace = generate_trace("tiny", {}, 7).value();
  SimulationOptions options = usual_options(trace);
  options.policy.name = "best_fit";
  Simulation simulation = Simulation::create(trace, options).value();
  EXPECT_EQ(simulation.now(), 0);
  EXPECT_EQ(simulation.state().nodes().size(), trace.nodes.size());
  EXPECT_EQ(simulation.state().active_gpus(), 0);
  while (simulation.state().active_gpus() == 0 && simulation.step()) {
  }
  EXPECT_GT(simulation.arrived(), 0);
  EXPECT_GT(simulation.state().active_gpus(), 0);
}

TEST(SimulationTest, UsualOptionsFollowTheTrace) {
  const Trace plain = generate_trace("tiny", {}, 7).value();
  EXPECT_EQ(usual_options(plain).queue, QueueDiscipline::backfill);
  EXPECT_FALSE(usual_options(plain).target.classes.empty());
  const Trace profiled = generate_trace("mode-mix", {}, 7).value();
  EXPECT_EQ(usual_options(profiled).queue, QueueDiscipline::lines);
  EXPECT_TRUE(usual_options(profiled).target.classes.empty());
}

TEST(SimulationTest, RunsAPolicyThatIsNotInTheTable) {
  const Trace trace = generate_trace("tiny", {}, 7).value();
  SimulationOptions options = usual_options(trace);
  options.policy.name = "worst_fit";
  const SimulationResult known = simulate(trace, options).value();
  std::uint64_t seed = 0;
  options.policy = {.name = "mine", .parameters = {}, .make = [&](std::uint64_t given) {
                      seed = given;
                      return make_policy({.name = "worst_fit", .parameters = {}}, given);
                    }};
  const Result<SimulationResult> own = simulate(trace, options);
  ASSERT_TRUE(own.ok()) << own.error().to_string();
  EXPECT_EQ(seed, options.seed);
  EXPECT_EQ(summary_json(own.value().summary), summary_json(known.summary));
  options.policy.make = nullptr;
  EXPECT_EQ(simulate(trace, options).error().code, ErrorCode::not_found);
}

TEST(SimulationTest, ADecisionMakerThatAsksTheEngineChangesNothing) {
  for (const char* name : {"tiny", "mig-mix", "mode-mix"}) {
    const Trace trace = generate_trace(name, {}, 7).value();
    SimulationOptions options = usual_options(trace);
    options.policy.name = trace.profiles.empty() ? "best_fit" : "auto";
    options.until_ns = 20'000 * ns_per_s;
    const SimulationResult alone = simulate(trace, options).value();
    std::int64_t asked = 0;
    options.decision_maker = [&](Engine& engine, PodId pod, TimeNs now) {
      ++asked;
      const RequestClassId request = engine.state().pod(pod)->request;
      // Questions about single nodes leave no trace.
      for (std::uint32_t node = 0; node < engine.state().nodes().size(); ++node) {
        const NodeId only{node};
        engine.decide(request, now, std::span(&only, 1));
      }
      return engine.decide(request, now);
    };
    const SimulationResult made = simulate(trace, options).value();
    EXPECT_EQ(summary_json(made.summary), summary_json(alone.summary)) << name;
    EXPECT_GT(asked, 0) << name;
  }
}

TEST(SimulationTest, WhatADecisionMakerSaysIsCarriedOut) {
  const Trace trace = generate_trace("mig-mix", {{"jobs", "100"}, {"gpus", "16"}}, 7).value();
  SimulationOptions options = usual_options(trace);
  options.policy.name = "best_fit";
  options.queue = QueueDiscipline::reject;
  options.decision_maker = [](Engine&, PodId, TimeNs) { return Wait{}; };  // nobody here comes as a gang
  const SimulationResult nobody = simulate(trace, options).value();
  EXPECT_EQ(nobody.summary.accepted, 0);
  EXPECT_EQ(nobody.summary.rejected, nobody.summary.jobs);

  const auto last = NodeId{static_cast<std::uint32_t>(trace.nodes.size() - 1)};
  options.decision_maker = [&](Engine& engine, PodId pod, TimeNs now) {
    return engine.decide(engine.state().pod(pod)->request, now, std::span(&last, 1));
  };
  const SimulationResult one_node = simulate(trace, options).value();
  EXPECT_GT(one_node.summary.accepted, 0);
  for (const JobResult& job : one_node.jobs) {
    EXPECT_TRUE(job.start_ns < 0 || job.node == last.value);
  }
}

}  // namespace
}  // namespace gpusched::sim
