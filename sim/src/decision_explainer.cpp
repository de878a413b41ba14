#include "gpusched/sim/decision_explainer.hpp"

#include <algorithm>

#include "gpusched/base/check.hpp"
#include "gpusched/cluster/request_check.hpp"
#include "gpusched/sim/pod_names.hpp"

namespace gpusched::sim {

namespace {

/// A few jobs for a message: those that begin like the name, or else the first ones.
std::string some_jobs(const std::vector<std::string>& names, const std::string& wanted) {
  constexpr std::size_t most = 5;
  std::string text;
  for (std::size_t length = wanted.size(); text.empty(); --length) {
    std::size_t listed = 0;
    for (std::size_t i = 0; i < names.size() && listed < most; ++i) {
      if (names[i].compare(0, length, wanted, 0, length) == 0) {
        text += (text.empty() ? "" : ", ") + names[i];
        ++listed;
      }
    }
    if (length == 0) {
      break;
    }
  }
  return text;
}

}  // namespace

Result<std::unique_ptr<DecisionExplainer>> DecisionExplainer::create(const Trace& trace,
                                                                     const SimulationOptions& options,
                                                                     ExplainQuestion question) {
  PodId pod;
  if (!question.job.empty()) {
    const std::vector<std::string> names = pod_names(trace, options);
    const auto found = std::find(names.begin(), names.end(), question.job);
    if (found == names.end()) {
      return Error{.code = ErrorCode::not_found,
                   .message = "the trace has no job '" + question.job + "'",
                   .file = {},
                   .line = 0,
                   .remedy = names.empty() ? "It has no jobs"
                                           : "It has " + std::to_string(names.size()) +
                                                 " pods, among them: " + some_jobs(names, question.job)};
    }
    pod = PodId{static_cast<std::uint32_t>(found - names.begin())};
  }
  Result<Engine> engine = Engine::create(
      {.policy = options.policy, .seed = options.seed, .target = options.target, .preemption = options.preemption});
  if (!engine) {
    return engine.error();
  }
  return std::unique_ptr<DecisionExplainer>(new DecisionExplainer(std::move(engine).value(), std::move(question), pod));
}

RequestClassId DecisionExplainer::own_class(const Engine& engine, RequestClassId request) {
  if (request.value >= own_class_.size()) {
    own_class_.resize(request.value + std::size_t{1});
  }
  if (!own_class_[request.value].valid()) {
    own_class_[request.value] = engine_.intern(engine.state().request(request));
  }
  return own_class_[request.value];
}

void DecisionExplainer::on_event(const Engine& engine, const Event& event) {
  done_ = done_ || (!pod_.valid() && event.time_ns > question_.at_ns);
  if (done_) {
    return;
  }
  Event own = event;
  if (auto* submitted = std::get_if<PodSubmitted>(&own.what)) {
    submitted->request = own_class(engine, submitted->request);
  }
  const Status observed = engine_.observe(own);
  GPUSCHED_CHECK(observed.ok(), observed.error().to_string());
}

void DecisionExplainer::on_decision(const Engine& engine, TimeNs now, std::span<const PodId> pods,
                                    std::span<const Decision> decisions) {
  done_ = done_ || (!pod_.valid() && now > question_.at_ns);
  if (done_) {
    return;
  }
  const RequestClassId request = own_class(engine, engine.state().pod(pods[0])->request);
  // Asked what the replay asks: caches that start at the first decision start at the same one.
  if (pods.size() == 1) {
    engine_.decide(request, now);
  } else {
    engine_.decide_gang(pods, now);
  }
  if (pod_.valid() && std::find(pods.begin(), pods.end(), pod_) != pods.end()) {
    done_ = candidate_of(decisions[0]) != nullptr;
    if (done_ || !explained_) {
      explain(engine_.state().request(request), now);
    }
  }
}

void DecisionExplainer::explain(GpuRequest request, TimeNs now) {
  if (question_.edit) {
    question_.edit(request);
  }
  refused_ = check_gpu_request(request);
  if (!refused_) {
    return;
  }
  explained_ =
      ExplainedDecision{.time_ns = now, .explanation = engine_.explain(engine_.intern(request), now), .node_names = {}};
  for (const Node& node : engine_.state().nodes()) {
    explained_->node_names.push_back(node.spec.name);
  }
}

Result<ExplainedDecision> DecisionExplainer::result() {
  if (!pod_.valid()) {
    GpuRequest request;
    request.num_gpu = 1;
    request.gpu_milli = static_cast<std::int32_t>(milli_per_unit);
    explain(request, question_.at_ns);
  }
  if (!refused_) {
    return refused_.error();
  }
  if (!explained_) {
    return Error{.code = ErrorCode::not_found,
                 .message = "no decision was asked for job '" + question_.job + "'",
                 .file = {},
                 .line = 0,
                 .remedy = "The replay ended before it; see --until"};
  }
  return *explained_;
}

}  // namespace gpusched::sim
