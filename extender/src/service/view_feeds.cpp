#include "service/view_feeds.hpp"

#include "gpusched/extender/json_log.hpp"

namespace gpusched::extender {

void NodeFeed::list_begins() {
  const std::lock_guard lock(target_.mutex);
  target_.view.begin_node_list();
}

void NodeFeed::list_object(std::string_view json) { update(json, false); }

void NodeFeed::list_ends() {
  {
    const std::lock_guard lock(target_.mutex);
    target_.view.end_node_list(target_.now());
  }
  if (!synced_.exchange(true)) {
    on_first_list_();
  }
}

void NodeFeed::object(std::string_view type, std::string_view json) { update(json, type == "DELETED"); }

void NodeFeed::update(std::string_view json, bool deleted) {
  const Result<NodeUpdate> node = decode_node(json);
  if (!node) {
    log(LogLevel::warning, "a node cannot be read", {{"error", node.error().message}});
    return;
  }
  std::vector<NodeProblem> problems;
  {
    const std::lock_guard lock(target_.mutex);
    if (deleted) {
      target_.view.remove_node(node.value().node.name, target_.now());
    } else {
      problems = target_.view.update_node(node.value(), target_.now());
    }
  }
  for (const NodeProblem& problem : problems) {
    log(LogLevel::debug, problem.message, {{"node", node.value().node.name}, {"kind", problem.kind}});
  }
}

void NodeFeed::trouble(const std::string& message) { log(LogLevel::warning, "watch of nodes", {{"error", message}}); }

void PodFeed::list_begins() {
  const std::lock_guard lock(target_.mutex);
  target_.view.begin_pod_list();
}

void PodFeed::list_object(std::string_view json) { update(json, false); }

void PodFeed::list_ends() {
  const std::lock_guard lock(target_.mutex);
  target_.view.end_pod_list(target_.now());
  synced_ = true;
}

void PodFeed::list_fails() {
  const std::lock_guard lock(target_.mutex);
  target_.view.abandon_pod_list();
}

void PodFeed::object(std::string_view type, std::string_view json) { update(json, type == "DELETED"); }

void PodFeed::update(std::string_view json, bool deleted) {
  const Result<PodObject> pod = decode_pod(json);
  if (!pod) {
    log(LogLevel::warning, "a pod cannot be read", {{"error", pod.error().message}});
    return;
  }
  const std::lock_guard lock(target_.mutex);
  if (deleted) {
    target_.view.remove_pod(pod.value().uid, target_.now());
  } else {
    target_.view.update_pod(pod.value(), target_.now());
  }
}

void PodFeed::trouble(const std::string& message) { log(LogLevel::warning, "watch of pods", {{"error", message}}); }

}  // namespace gpusched::extender
