#include "gpusched/extender/routes.hpp"

#include <array>

#include <nlohmann/json.hpp>

#include "gpusched/base/version.hpp"
#include "gpusched/extender/snapshot.hpp"
#include "gpusched/kube/resource_name.hpp"

namespace gpusched::extender {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view plain_text = "text/plain; version=0.0.4; charset=utf-8";

HttpReply text(int status, std::string body) {
  return {.status = status, .content_type = plain_text, .body = std::move(body)};
}
HttpReply json(const Json& body) {
  return {.status = 200,
          .content_type = "application/json",
          .body = body.dump(-1, ' ', false, Json::error_handler_t::replace)};
}

const char* stage_name(PodStage stage) {
  constexpr std::array<const char*, 4> names = {"pending", "held", "binding", "bound"};
  return names[static_cast<std::size_t>(stage)];
}

HttpReply show_state(const RouteTargets& targets) {
  const std::lock_guard lock(targets.view_mutex);
  const ClusterState& state = targets.view.engine().state();
  Json body;
  body["nodes"] = Json::array();
  for (std::uint32_t i = 0; i < state.nodes().size(); ++i) {
    const Node& node = state.nodes()[i];
    if (node.removed) {
      continue;
    }
    Json entry;
    entry["name"] = node.spec.name;
    entry["schedulable"] = node.state.schedulable;
    entry["gpus"] = node.spec.gpus.size();
    entry["pods"] = node.pods.size();
    for (std::size_t r = 0; r < node.spec.resources.size(); ++r) {
      const NodeResource& resource = node.spec.resources[r];
      entry["resources"].push_back({{"name", resource_name(resource.mig_profile, resource.shared)},
                                    {"allocatable", resource.allocatable},
                                    {"free", state.resource_free(NodeId{i}, r)},
                                    {"replicas", resource.replicas}});
    }
    body["nodes"].push_back(std::move(entry));
  }
  body["pods"] = Json::array();
  for (const auto& [uid, pod] : targets.view.pods()) {
    if (pod.resource.empty() && pod.stage == PodStage::bound) {
      continue;  // asks for no GPU
    }
    Json entry = {{"namespace", pod.ns}, {"name", pod.name}, {"uid", uid}, {"stage", stage_name(pod.stage)}};
    entry["resource"] = pod.resource;
    if (pod.node.valid()) {
      entry["node"] = state.node(pod.node).spec.name;
    }
    body["pods"].push_back(std::move(entry));
  }
  return json(body);
}

std::string_view query_value(std::string_view query, std::string_view key) {
  while (!query.empty()) {
    const std::string_view part = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), part.size() + 1));
    if (part.size() > key.size() && part.substr(0, key.size()) == key && part[key.size()] == '=') {
      return part.substr(key.size() + 1);
    }
  }
  return {};
}

HttpReply explain(std::string_view query, const RouteTargets& targets) {
  const std::string_view wanted = query_value(query, "pod");
  const std::size_t slash = wanted.find('/');
  if (slash == std::string_view::npos) {
    return text(400, "ask for /v1/explain?pod=NAMESPACE/NAME\n");
  }
  const std::lock_guard lock(targets.view_mutex);
  const ClusterState& state = targets.view.engine().state();
  for (const auto& [uid, pod] : targets.view.pods()) {
    if (pod.ns != wanted.substr(0, slash) || pod.name != wanted.substr(slash + 1)) {
      continue;
    }
    Json body = {{"namespace", pod.ns}, {"name", pod.name}, {"uid", uid}, {"stage", stage_name(pod.stage)}};
    body["resource"] = pod.resource;
    body["problem"] = pod.problem;
    body["states_intent_only"] = pod.states_intent_only;
    body["last_decision"] = pod.last_decision;
    body["note"] = pod.note;
    if (pod.node.valid()) {
      body["node"] = state.node(pod.node).spec.name;
    }
    std::vector<NodeId> all;
    for (std::uint32_t i = 0; i < state.nodes().size(); ++i) {
      all.push_back(NodeId{i});
    }
    const Evaluation evaluation = targets.view.engine().evaluate(pod.request, all);
    body["nodes_that_fit_now"] = evaluation.ranked.size();
    for (std::size_t i = 0; i < std::min<std::size_t>(5, evaluation.ranked.size()); ++i) {
      body["best"].push_back(
          {{"node", state.node(evaluation.ranked[i].node).spec.name}, {"cost", evaluation.ranked[i].cost}});
    }
    RejectCounts counts{};
    for (const NodeVerdict& verdict : evaluation.refused) {
      ++counts[static_cast<std::size_t>(verdict.reason)];
    }
    for (std::size_t i = 1; i < counts.size(); ++i) {
      if (counts[i] > 0) {
        body["refused"][to_string(static_cast<RejectReason>(i))] = counts[i];
      }
    }
    return json(body);
  }
  return text(404, "pod '" + std::string(wanted) + "' is not known\n");
}

/// Nodes and pods in, decisions out; touches nothing that is live.
HttpReply simulate(std::string_view body, const RouteTargets& targets) {
  auto view = ClusterView::create({.engine = targets.view.options().engine, .log_sink = {}});
  if (!view) {
    return text(500, view.error().to_string() + "\n");
  }
  ClusterView& trial = *view.value();
  const Result<SnapshotReport> read = read_snapshot(body, "body", trial);
  if (!read) {
    return text(400, read.error().to_string() + "\n");
  }
  std::vector<NodeId> all;
  for (std::uint32_t i = 0; i < trial.engine().state().nodes().size(); ++i) {
    all.push_back(NodeId{i});
  }
  Json answer = {{"nodes", read.value().nodes}, {"pods", read.value().pods}, {"skipped", read.value().skipped}};
  answer["problems"] = read.value().problems;
  answer["decisions"] = Json::array();
  for (const PodObject& object : read.value().pending) {
    LivePod& pod = trial.submit(object, 0);
    Json entry = {{"namespace", pod.ns}, {"name", pod.name}};
    if (!pod.problem.empty() || pod.states_intent_only) {
      entry["outcome"] = "infeasible";
      entry["reason"] =
          pod.problem.empty() ? "states intent only: the admission webhook chooses its resource" : pod.problem;
    } else {
      const Decision decision = trial.decide(pod, all, 0);
      entry["outcome"] = outcome_name(decision);
      if (const Candidate* place = candidate_of(decision)) {
        entry["node"] = trial.engine().state().node(place->node).spec.name;
        trial.hold(pod, decision, PodStage::held, 0);
      }
    }
    answer["decisions"].push_back(std::move(entry));
  }
  return json(answer);
}

HttpReply get(std::string_view path, std::string_view query, const RouteTargets& targets) {
  if (path == "/healthz" || path == "/livez") {
    return text(200, "ok\n");
  }
  if (path == "/readyz") {
    const std::string refusal = targets.refusal();
    return refusal.empty() ? text(200, "ok\n") : text(503, refusal + "\n");
  }
  if (path == "/metrics") {
    const std::lock_guard lock(targets.view_mutex);
    return text(200, targets.metrics.scrape(targets.snapshot(), targets.view.engine()));
  }
  if (path == "/version") {
    return json({{"version", version()}, {"commit", git_commit()}});
  }
  if (path == "/v1/state") {
    return show_state(targets);
  }
  return path == "/v1/explain" ? explain(query, targets) : text(404, {});
}

struct TargetParts {
  std::string_view path, query;
  std::string_view verb;  ///< the path's last segment
};

TargetParts parts_of(std::string_view target) {
  const std::size_t question = std::min(target.find('?'), target.size());
  const std::string_view path = target.substr(0, question);
  return {.path = path,
          .query = target.substr(std::min(question + 1, target.size())),
          .verb = path.substr(path.rfind('/') + 1)};
}

}  // namespace

bool waits(std::string_view target) {
  const TargetParts parts = parts_of(target);
  return parts.verb == "bind" || parts.path == "/v1/simulate";
}

HttpReply route(const HttpRequest& request, const RouteTargets& targets) {
  const auto [path, query, verb] = parts_of(request.target);
  if (request.method == "GET" || request.method == "HEAD") {
    return get(path, query, targets);
  }
  if (request.method != "POST") {
    return text(405, {});
  }
  if (verb == "filter") {
    return {.status = 200, .content_type = "application/json", .body = targets.verbs.filter(request.body)};
  }
  if (verb == "prioritize") {
    return {.status = 200, .content_type = "application/json", .body = targets.verbs.prioritize(request.body)};
  }
  if (verb == "preempt") {
    return {.status = 200, .content_type = "application/json", .body = targets.verbs.preempt(request.body)};
  }
  if (verb == "bind") {
    return {.status = 200, .content_type = "application/json", .body = targets.verbs.bind(request.body)};
  }
  if (path == "/v1/simulate") {
    return simulate(request.body, targets);
  }
  if (path == "/v1/admit" && targets.admit) {
    return {.status = 200, .content_type = "application/json", .body = targets.admit(request.body)};
  }
  return text(404, {});
}

}  // namespace gpusched::extender
