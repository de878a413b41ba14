#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "gpusched/extender/verbs.hpp"

#include "extender/view/live_objects.hpp"
#include "extender/wire/padded.hpp"

/// The verbs over a view, with an API server that does what the test says.
namespace gpusched::extender {

using Json = nlohmann::ordered_json;

/// Pods by name, bound once as the API server does it. `before_reply` may do anything in the middle of a binding.
class FakePodApi : public PodApi {
 public:
  BindingReply bind(const BindingWrite& write) override {
    BindingReply reply{.fate = BindingFate::written, .message = {}};
    {
      const std::lock_guard lock(mutex);
      ++bindings;
      PodObject& pod = pods[std::string(write.name)];
      if (answer) {
        reply = *answer;
      } else if (pod.uid != write.uid || !pod.node_name.empty()) {
        reply = {.fate = BindingFate::conflict, .message = "conflict"};
      }
      if (reply.fate == BindingFate::written || (reply.fate == BindingFate::unknown && writes_unanswered)) {
        pod.node_name = std::string(write.node);
        pod.spec.annotations.assign(write.annotations.begin(), write.annotations.end());
      }
    }
    if (before_reply) {
      before_reply();
    }
    return reply;
  }

  Result<std::optional<PodObject>> read_pod(const std::string&, const std::string& name) override {
    const std::lock_guard lock(mutex);
    ++reads;
    if (fails_reads) {
      return Error{.code = ErrorCode::data_loss, .message = "no answer", .file = {}, .line = 0, .remedy = {}};
    }
    const auto found = pods.find(name);
    return found == pods.end() ? std::optional<PodObject>() : std::optional(found->second);
  }

  PodObject pod(const std::string& name) {
    const std::lock_guard lock(mutex);
    return pods[name];
  }

  std::mutex mutex;
  std::map<std::string, PodObject> pods;
  std::optional<BindingReply> answer;  ///< instead of the truth
  bool writes_unanswered = false, fails_reads = false;
  std::function<void()> before_reply;
  int bindings = 0, reads = 0;
};

inline Json pod_json(const PodObject& pod) {
  Json json = {{"metadata", {{"name", pod.name}, {"namespace", pod.ns}, {"uid", pod.uid}}}};
  for (const auto& [key, value] : pod.spec.annotations) {
    json["metadata"]["annotations"][key] = value;
  }
  for (const auto& [key, value] : pod.spec.labels) {
    json["metadata"]["labels"][key] = value;
  }
  Json limits = Json::object();
  for (const auto& [name, value] : pod.spec.containers[0].limits) {
    limits[name] = value;
  }
  json["spec"] = {{"containers", {{{"name", "main"}, {"resources", {{"limits", limits}}}}}},
                  {"priority", pod.spec.priority}};
  if (pod.has_scheduling_group) {
    json["spec"]["schedulingGroup"]["podGroupName"] = pod.pod_group;
  }
  return json;
}

class VerbsWorld {
 public:
  explicit VerbsWorld(std::size_t candidates = 1, std::chrono::milliseconds patience = {})
      : verbs({.candidates = candidates,
               .refusal = [this] { return refusal; },
               .patience = patience,
               .now = [this] { return live.now; },
               .observer =
                   [this](const VerbRecord& record) {
                     const std::lock_guard lock(records_mutex);
                     records.push_back(record);
                   }},
              *live.view, mutex, api) {}

  void node(const std::string& name, int allocatable) { live.view->update_node(gpu_node(name, allocatable), live.now); }
  /// The API server has the pod, and the watch says so.
  PodObject create(const PodObject& pod) {
    api.pods[pod.name] = pod;
    live.view->update_pod(pod, live.now);
    return pod;
  }

  std::string filter_text(const PodObject& pod, const std::vector<std::string>& names) {
    return verbs.filter(Padded(Json{{"Pod", pod_json(pod)}, {"Nodes", nullptr}, {"NodeNames", names}}.dump()).view());
  }
  Json filter(const PodObject& pod, const std::vector<std::string>& names) {
    return Json::parse(filter_text(pod, names));
  }
  Json prioritize(const PodObject& pod, const std::vector<std::string>& names) {
    return Json::parse(
        verbs.prioritize(Padded(Json{{"Pod", pod_json(pod)}, {"Nodes", nullptr}, {"NodeNames", names}}.dump()).view()));
  }
  /// Error text; empty: bound.
  std::string bind(const PodObject& pod, const std::string& node) {
    const Json args = {{"PodName", pod.name}, {"PodNamespace", pod.ns}, {"PodUID", pod.uid}, {"Node", node}};
    return Json::parse(verbs.bind(Padded(args.dump()).view())).at("Error").get<std::string>();
  }
  /// Node chosen among `victims` (node, uids, PDB violations); empty: none.
  std::vector<std::string> preempt(const PodObject& pod,
                                   const std::map<std::string, std::pair<std::vector<std::string>, int>>& victims) {
    Json candidates = Json::object();
    for (const auto& [node, who] : victims) {
      Json pods = Json::array();
      for (const std::string& uid : who.first) {
        pods.push_back({{"UID", uid}});
      }
      candidates[node] = {{"Pods", pods}, {"NumPDBViolations", who.second}};
    }
    const Json args = {{"Pod", pod_json(pod)}, {"NodeNameToVictims", nullptr}, {"NodeNameToMetaVictims", candidates}};
    std::vector<std::string> nodes;
    const Json reply = Json::parse(verbs.preempt(Padded(args.dump()).view()));
    for (const auto& [node, who] : reply.at("NodeNameToMetaVictims").items()) {
      nodes.push_back(node);
      EXPECT_EQ(who.at("Pods").size(), victims.at(node).first.size());
    }
    return nodes;
  }

  std::string refusal;
  LiveWorld live;
  std::mutex mutex, records_mutex;
  std::vector<VerbRecord> records;
  FakePodApi api;
  Verbs verbs;
};

}  // namespace gpusched::extender
