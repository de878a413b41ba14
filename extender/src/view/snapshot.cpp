#include "gpusched/extender/snapshot.hpp"

#include <nlohmann/json.hpp>

namespace gpusched::extender {

namespace {

using Json = nlohmann::json;

constexpr std::size_t most_problems = 5;

Error not_a_list(const std::string& file, ErrorCode code, const char* message) {
  return {.code = code,
          .message = message,
          .file = file,
          .line = 0,
          .remedy = "Write it with: kubectl get nodes,pods -A -o json"};
}

void note(SnapshotReport& report, const std::string& problem) {
  if (report.problems.size() < most_problems) {
    report.problems.push_back(problem);
  }
}

void read_object(const Json& object, ClusterView& view, SnapshotReport& report) {
  const std::string kind = object.is_object() ? object.value("kind", std::string()) : std::string();
  std::string text = object.dump(-1, ' ', false, Json::error_handler_t::replace);
  const std::size_t size = text.size();
  text.append(wire_padding, ' ');
  const std::string_view json(text.data(), size);
  if (kind == "Node") {
    const Result<NodeUpdate> node = decode_node(json);
    if (node) {
      ++report.nodes;
      for (const NodeProblem& problem : view.update_node(node.value(), 0)) {
        note(report, problem.message);
      }
      return;
    }
    note(report, node.error().message);
  } else if (kind == "Pod") {
    const Result<PodObject> pod = decode_pod(json);
    if (pod) {
      ++report.pods;
      view.update_pod(pod.value(), 0);
      if (pod.value().node_name.empty() && pod.value().names_gpu && pod.value().phase != "Succeeded" &&
          pod.value().phase != "Failed") {
        report.pending.push_back(pod.value());
      }
      return;
    }
    note(report, pod.error().message);
  } else {
    note(report, "an object of kind '" + kind.substr(0, 60) + "', not Node or Pod");
  }
  ++report.skipped;
}

}  // namespace

Result<SnapshotReport> read_snapshot(std::string_view json, const std::string& file, ClusterView& view) {
  constexpr int max_depth = 64;
  bool too_deep = false;
  const auto limit_depth = [&too_deep](int depth, Json::parse_event_t, Json&) {
    too_deep = too_deep || depth > max_depth;
    return depth <= max_depth;
  };
  const Json document = Json::parse(json.begin(), json.end(), limit_depth, /*allow_exceptions=*/false);
  if (document.is_discarded() || too_deep) {
    return not_a_list(file, ErrorCode::data_loss,
                      too_deep ? "is nested deeper than any Kubernetes object" : "is no complete JSON document");
  }
  SnapshotReport report;
  const auto items = document.is_object() ? document.find("items") : document.end();
  if (items != document.end() && items->is_array()) {
    // Nodes first: a list sorts by kind, but whoever writes one by hand need not.
    for (const char* const kind : {"Node", "Pod"}) {
      for (const Json& item : *items) {
        const bool is_node = item.is_object() && item.value("kind", std::string()) == "Node";
        if (is_node == (std::string_view(kind) == "Node")) {
          read_object(item, view, report);
        }
      }
    }
    return report;
  }
  if (document.is_object() && document.contains("kind")) {
    read_object(document, view, report);
    return report;
  }
  return not_a_list(file, ErrorCode::invalid_argument, "is no list of Kubernetes objects: it has no array 'items'");
}

}  // namespace gpusched::extender
