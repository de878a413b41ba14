#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "gpusched/engine/explanation.hpp"
#include "gpusched/io/event_log.hpp"
#include "gpusched/model/gpu_catalog.hpp"

#include "random_mode_cluster.hpp"

namespace gpusched {
namespace {

using namespace test;

/// A cluster with residents, and a request on top: the same for equal numbers.
struct Case {
  explicit Case(std::uint64_t number) : cluster(number) {
    const std::uint32_t residents = cluster.below(25);
    for (std::uint32_t i = 0; i < residents; ++i) {
      GpuRequest request = cluster.random_intent();
      request.cpu_milli = request.memory_mib = 0;
      cluster.arrive(request);
    }
    asked = cluster.random_intent();
  }
  Decision decide(const GpuRequest& request) {
    Engine& engine = cluster.engine();
    return engine.decide(engine.intern(request), 0);
  }
  Explanation explain() {
    Engine& engine = cluster.engine();
    return engine.explain(engine.intern(asked), 0);
  }

  RandomModeCluster cluster;
  GpuRequest asked;
};

/// Written anew, so that the explanation's own reading of a decision is checked too.
std::string answer_text(const ClusterState& state, const Decision& decision) {
  std::string text = outcome_name(decision);
  if (const auto* bind = std::get_if<Bind>(&decision); bind != nullptr && bind->mode) {
    text += " " + std::string(to_string(bind->mode->mode));
  }
  const Candidate* place = candidate_of(decision);
  if (place != nullptr && place->gpus[0].range.size > 0) {
    const GpuModelId model = state.node(place->node).spec.gpus[0].model;
    text += " " + std::string(gpu_model(model).profiles[place->gpus[0].profile.value].name);
  }
  return text;
}

/// Everything a decision says, as the event log writes it.
std::string full_text(const Engine& engine, const Decision& decision) {
  std::string text;
  EventLogWriter writer([&](std::string_view line) { text += line; }, [](PodId) { return std::string("pod"); });
  const std::vector<PodId> pods = {PodId{0}};
  writer.decision(engine, 0, pods, std::span(&decision, 1));
  return text;
}

/// A thousandth, a MiB, or less where the request itself lies between two steps or states less than its profile.
void expect_one_step_apart(const RequestChange& change, const GpuRequest& asked) {
  if (*change.one_step_less == asked) {
    return;
  }
  const GpuRequest& a = change.request;
  const GpuRequest& b = *change.one_step_less;
  EXPECT_LE(std::abs(to_milli(a.max_slowdown) - to_milli(b.max_slowdown)), 1);
  EXPECT_LE(std::abs(a.gpu_memory_mib - b.gpu_memory_mib), 1);
  EXPECT_LE(std::abs(a.cpu_milli - b.cpu_milli), 1);
  EXPECT_LE(std::abs(a.memory_mib - b.memory_mib), 1);
  EXPECT_LE(std::abs(a.priority - b.priority), 1);
}

TEST(ExplainTest, EveryNamedChangeFlipsTheAnswerInAThousandRandomCases) {
  std::map<std::string, int> changes, answers;
  int steps = 0;
  for (std::uint64_t number = 0; number < 1000; ++number) {
    Case explained(number);
    const Explanation explanation = explained.explain();
    Case again(number);  // another engine in the same state, which never explained anything
    const ClusterState& state = again.cluster.engine().state();
    const std::string asked = answer_text(state, again.decide(again.asked));
    ASSERT_EQ(to_string(explanation.answer), asked) << "case " << number;
    ++answers[asked.substr(0, asked.find(' ', asked.find(' ') + 1))];
    for (const RequestChange& change : explanation.changes) {
      SCOPED_TRACE("case " + std::to_string(number) + ": " + asked + ", " + change.field + " " + change.from + " -> " +
                   change.to);
      ++changes[change.field];
      const std::string changed = answer_text(state, again.decide(change.request));
      EXPECT_EQ(changed, to_string(change.answer));
      EXPECT_NE(changed, asked);
      EXPECT_FALSE(change.request == explained.asked);
      if (change.one_step_less) {
        ++steps;
        EXPECT_EQ(answer_text(state, again.decide(*change.one_step_less)), asked);
        expect_one_step_apart(change, explained.asked);
      }
    }
  }
  // The cases are worth something only if every kind of change and answer occurs.
  for (const char* field : {"max_slowdown", "memory", "isolation", "trust_domain", "class", "mode", "gpu_models"}) {
    EXPECT_GT(changes[field], 10) << field;
  }
  for (const char* answer : {"bind whole", "bind mig", "bind time_sliced_mig", "bind time_slice", "bind mps", "wait"}) {
    EXPECT_GT(answers[answer], 10) << answer;
  }
  EXPECT_GT(steps, 500);
}

TEST(ExplainTest, ChangesNothing) {
  for (std::uint64_t number = 0; number < 200; ++number) {
    Case one(number);
    const Engine& engine = one.cluster.engine();
    const std::string before = full_text(engine, one.decide(one.asked));
    const std::string state_before = visible_state(engine.state(), false);
    one.explain();
    EXPECT_EQ(full_text(engine, one.decide(one.asked)), before) << number;
    EXPECT_EQ(visible_state(engine.state(), false), state_before) << number;
  }
}

TEST(ExplainTest, TermsAddUpToTheCostAndTheBestModeIsTheDecision) {
  for (std::uint64_t number = 0; number < 300; ++number) {
    Case one(number);
    const Explanation explanation = one.explain();
    ASSERT_EQ(explanation.modes.size(), mode_kind_count);
    const auto* bind = std::get_if<Bind>(&explanation.decision);
    for (const ModeOption& option : explanation.modes) {
      SCOPED_TRACE("case " + std::to_string(number) + " " + std::string(to_string(option.mode)));
      std::uint32_t refused = 0;
      for (const std::uint32_t count : option.refusals) {
        refused += count;
      }
      const std::uint32_t gpus = static_cast<std::uint32_t>(one.cluster.engine().state().total_gpus());
      EXPECT_EQ(refused, option.place || option.bar != ModeBar::none ? 0U : gpus);
      EXPECT_EQ(option.refusals[0], 0U) << "a GPU that takes the job, in a mode without a place";
      if (option.place) {
        ASSERT_NE(bind, nullptr);
        EXPECT_GE(option.terms.sum(), bind->cost);
        EXPECT_LE(option.terms.mps_bonus, 0);
        if (option.mode == bind->mode->mode) {
          EXPECT_EQ(option.terms.sum(), bind->cost);
          EXPECT_EQ(*option.place, bind->candidate);
        } else if (bind->mode->runner_up == option.mode) {
          EXPECT_EQ(option.terms.sum(), bind->runner_up.cost);
        }
      }
    }
  }
}

TEST(ExplainTest, ChangesAreAHandfulSmallestFirst) {
  for (std::uint64_t number = 0; number < 100; ++number) {
    const Explanation explanation = Case(number).explain();
    EXPECT_LE(explanation.changes.size(), 8U);
    for (std::size_t i = 1; i < explanation.changes.size(); ++i) {
      EXPECT_LE(explanation.changes[i - 1].size_milli, explanation.changes[i].size_milli);
    }
  }
}

class ExplainPlainTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(engine_.observe({0, NodeAdded{gpu_node("n", "A100-80GB", 1)}}).ok()); }
  void run(const GpuRequest& request) {
    const RequestClassId id = engine_.intern(request);
    const PodId pod{pods_++};
    ASSERT_TRUE(engine_.observe({0, PodSubmitted{pod, id, 0}}).ok());
    std::vector<Action> actions;
    ASSERT_TRUE(engine_.commit(pod, engine_.decide(id, 0), 0, actions).ok());
  }
  const RequestChange* change(const Explanation& explanation, const std::string& field) {
    for (const RequestChange& change : explanation.changes) {
      if (change.field == field) {
        return &change;
      }
    }
    return nullptr;
  }

  Engine engine_ = Engine::create({.policy = parse_policy("buddy").value(), .seed = 1, .target = {}}).value();
  std::uint32_t pods_ = 0;
};

TEST_F(ExplainPlainTest, AnInstanceThatWaitsNamesTheProfileThatFits) {
  run(mig_request("4g.40gb"));
  const Explanation explanation = engine_.explain(engine_.intern(mig_request("4g.40gb")), 0);
  EXPECT_EQ(to_string(explanation.answer), "wait");
  EXPECT_TRUE(explanation.modes.empty());
  const RequestChange* profile = change(explanation, "mig_profile");
  ASSERT_NE(profile, nullptr);
  EXPECT_EQ(profile->answer.outcome, "bind");
  EXPECT_EQ(profile->answer.mig_profile, profile->to);
}

TEST_F(ExplainPlainTest, AShareThatWaitsNamesTheShareThatIsLeft) {
  run(share_request(700));
  const Explanation explanation = engine_.explain(engine_.intern(share_request(400)), 0);
  const RequestChange* share = change(explanation, "gpu_share");
  ASSERT_NE(share, nullptr);
  EXPECT_EQ(share->request.gpu_milli, 300);
  EXPECT_EQ(share->one_step_less->gpu_milli, 301);
}

TEST_F(ExplainPlainTest, AJobThatCouldEvictNamesThePriority) {
  run(with_priority(whole_request(1), 7));
  const Explanation explanation = engine_.explain(engine_.intern(with_priority(whole_request(1), 2)), 0);
  const RequestChange* priority = change(explanation, "priority");
  ASSERT_NE(priority, nullptr);
  EXPECT_EQ(priority->request.priority, 8);
  EXPECT_EQ(priority->answer.outcome, "preempt");
}

TEST_F(ExplainPlainTest, TooMuchCpuNamesWhatIsLeft) {
  GpuRequest request = whole_request(1);
  request.cpu_milli = 40'000;
  const Explanation explanation = engine_.explain(engine_.intern(request), 0);
  EXPECT_EQ(explanation.answer.outcome, "infeasible");
  const RequestChange* cpu = change(explanation, "cpu");
  ASSERT_NE(cpu, nullptr);
  EXPECT_EQ(cpu->to, "16");
  EXPECT_EQ(cpu->answer.outcome, "bind");
}

}  // namespace
}  // namespace gpusched
