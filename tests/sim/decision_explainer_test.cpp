#include "gpusched/sim/decision_explainer.hpp"

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "gpusched/sim/generators/trace_generators.hpp"

namespace gpusched::sim {
namespace {

/// Notes the first place that each pod is given.
class Places : public ReplayObserver {
 public:
  void on_event(const Engine&, const Event&) override {}
  void on_decision(const Engine&, TimeNs now, std::span<const PodId> pods,
                   std::span<const Decision> decisions) override {
    for (std::size_t i = 0; i < decisions.size(); ++i) {
      if (candidate_of(decisions[i]) != nullptr) {
        first.try_emplace(pods[i].value, now, *candidate_of(decisions[i]));
      }
    }
  }
  void on_arrival(const ArrivalSample&) override {}

  std::map<std::uint32_t, std::pair<TimeNs, Candidate>> first;
};

class DecisionExplainerTest : public testing::Test {
 protected:
  DecisionExplainerTest() : trace_(generate_trace("mode-mix", {{"mix", "mixedday"}, {"load", "1.0"}}, 7).value()) {
    options_.policy = parse_policy("auto").value();
    options_.queue = QueueDiscipline::lines;
    options_.until_ns = 30'000 * ns_per_s;
  }
  Result<ExplainedDecision> explain(ExplainQuestion question) {
    auto explainer = DecisionExplainer::create(trace_, options_, std::move(question));
    if (!explainer) {
      return explainer.error();
    }
    ReplayObserver* const observer = explainer.value().get();
    EXPECT_TRUE(simulate(trace_, options_, std::span(&observer, 1)).ok());
    return explainer.value()->result();
  }

  Trace trace_;
  SimulationOptions options_;
};

TEST_F(DecisionExplainerTest, ExplainsTheDecisionThatTheReplayMade) {
  Places places;
  ReplayObserver* const observer = &places;
  ASSERT_TRUE(simulate(trace_, options_, std::span(&observer, 1)).ok());
  ASSERT_GT(places.first.size(), 500U);
  int compared = 0;
  for (const auto& [pod, placed] : places.first) {
    const TraceJob& job = trace_.jobs[pod];  // as long as no job before it has replicas
    if (trace_.specs[job.spec].replicas > 1) {
      break;
    }
    if (pod % 40 == 0) {
      const Result<ExplainedDecision> explained = explain({.job = job.id, .at_ns = -1, .edit = {}});
      ASSERT_TRUE(explained.ok()) << explained.error().to_string();
      EXPECT_EQ(explained.value().time_ns, placed.first) << job.id;
      const Candidate* place = candidate_of(explained.value().explanation.decision);
      ASSERT_NE(place, nullptr) << job.id;
      EXPECT_EQ(*place, placed.second) << job.id;
      ++compared;
    }
  }
  EXPECT_GT(compared, 10);
}

TEST_F(DecisionExplainerTest, ExplainsAJobThatMightComeAtATime) {
  const auto edit = [](GpuRequest& request) {
    request.job_class = JobClass::dev;
    request.gpu_memory_mib = 4096;
  };
  const Result<ExplainedDecision> explained = explain({.job = {}, .at_ns = 20'000 * ns_per_s, .edit = edit});
  ASSERT_TRUE(explained.ok());
  EXPECT_EQ(explained.value().explanation.modes.size(), mode_kind_count);
  EXPECT_EQ(explained.value().explanation.request.gpu_memory_mib, 4096);
}

TEST_F(DecisionExplainerTest, NamesJobsWhereItKnowsNoneOfThatName) {
  const Result<ExplainedDecision> explained = explain({.job = "job-0001x", .at_ns = -1, .edit = {}});
  ASSERT_FALSE(explained.ok());
  const std::string text = explained.error().to_string();
  EXPECT_NE(text.find("'job-0001x'"), std::string::npos) << text;
  EXPECT_NE(text.find("job-00010"), std::string::npos) << text;
}

TEST_F(DecisionExplainerTest, RefusesARequestThatContradictsItself) {
  const auto edit = [](GpuRequest& request) {
    request.mode = SharingMode::mps;
    request.isolation = Isolation::fault;
  };
  const Result<ExplainedDecision> explained = explain({.job = {}, .at_ns = 0, .edit = edit});
  ASSERT_FALSE(explained.ok());
  EXPECT_NE(explained.error().to_string().find("mode mps contradicts isolation fault"), std::string::npos);
}

}  // namespace
}  // namespace gpusched::sim
