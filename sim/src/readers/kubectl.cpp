#include "gpusched/sim/readers/kubectl.hpp"

#include <algorithm>
#include <limits>
#include <unordered_set>

#include "gpusched/kube/rfc3339.hpp"

#include "readers/job_collector.hpp"
#include "readers/kubectl_objects.hpp"
#include "readers/row_checker.hpp"

namespace gpusched::sim {

namespace {

constexpr int max_depth = 64;
constexpr std::array<std::string_view, 2> extra_columns = {"x_node", "x_ignored"};

class ClusterReader {
 public:
  ClusterReader(const std::string& file, ReadOutcome& outcome)
      : file_(file), trace_(outcome.trace), checker_(outcome.report, file + " item"), jobs_(outcome.trace) {}

  Status read(const Json& list) {
    trace_.job_extra_columns.assign(extra_columns.begin(), extra_columns.end());
    int number = 0;
    for (const Json& item : list) {
      checker_.begin_row(++number);
      const std::string_view kind = text_at(item, {"kind"});
      if (kind == "Node") {
        if (Status status = add_node(item); !status.ok()) {
          return status;
        }
      } else if (kind == "Pod") {
        add_pod(item);
      } else {
        checker_.reject("other_kind", "an object of kind '" + std::string(kind.substr(0, 60)) + "', not Node or Pod");
      }
    }
    shift_times();
    sort_by_time(trace_);
    return {};
  }

 private:
  Status add_node(const Json& object) {
    std::optional<ObjectProblem> problem;
    TraceNode node = node_of(object, problem);
    if (problem && problem->is_fatal) {
      return Error{.code = ErrorCode::not_found,
                   .message = problem->message,
                   .file = file_,
                   .line = 0,
                   .remedy = problem->remedy};
    }
    if (problem) {
      checker_.reject(problem->reason, problem->message);
      return {};
    }
    if (!node_ids_.insert(node.id).second) {
      checker_.reject("duplicate_id", "node '" + node.id + "' appears twice");
      return {};
    }
    if (!is_ready(object)) {
      trace_.events.push_back(
          {.time_ns = 0, .target = "node", .target_id = node.id, .event = "down", .cause = "not_ready", .extra = {}});
    } else if (is_unschedulable(object)) {
      trace_.events.push_back({.time_ns = 0,
                               .target = "node",
                               .target_id = node.id,
                               .event = "drain",
                               .cause = "unschedulable",
                               .extra = {}});
    }
    trace_.nodes.push_back(std::move(node));
    checker_.keep_row();
    return {};
  }

  bool add_pod(const Json& object) {
    const std::string name = std::string(text_at(object, {"metadata", "namespace"})) + "/" +
                             std::string(text_at(object, {"metadata", "name"}));
    const std::string_view phase = text_at(object, {"status", "phase"});
    if (phase == "Succeeded" || phase == "Failed") {
      return checker_.reject(phase == "Succeeded" ? "finished_succeeded" : "finished_failed",
                             "pod '" + name + "' is finished");
    }
    JobSpec spec;
    const Result<GpuRequest> request = make_gpu_request(pod_spec_of(object));
    if (!request.ok()) {
      return checker_.reject(
          request.error().code == ErrorCode::unsupported ? "request_not_supported" : "request_malformed",
          "pod '" + name + "': " + request.error().message);
    }
    if (!request.value().mig_profile.empty() && request.value().gpu_milli < milli_per_unit) {
      return checker_.reject("request_not_supported",
                             "pod '" + name + "': replicas of MIG instances are not simulated");
    }
    if (!can_be_map(request.value().node_labels)) {
      return checker_.reject("labels_malformed", "pod '" + name + "' selects a label with '|'");
    }
    spec.request = request.value();
    spec.tenant = text_at(object, {"metadata", "namespace"});
    spec.qos = text_at(object, {"status", "qosClass"});
    const std::string_view node = text_at(object, {"spec", "nodeName"});
    TraceJob job;
    job.id = name;
    if (node.empty() && !read_creation(object, name, job)) {
      return false;
    }
    job.spec = jobs_.intern_spec(spec);
    const std::array<std::string_view, 2> extra = {node, ignored_parts(object)};
    job.extra = jobs_.add_extra(extra);
    if (!jobs_.add(std::move(job))) {
      return checker_.reject("duplicate_id", "pod '" + name + "' appears twice");
    }
    is_pending_.push_back(node.empty());
    checker_.keep_row();
    return true;
  }

  bool read_creation(const Json& object, const std::string& name, TraceJob& job) {
    const std::string_view text = text_at(object, {"metadata", "creationTimestamp"});
    const std::optional<std::int64_t> time = parse_rfc3339(text);
    if (!time) {
      return checker_.reject("creation_malformed",
                             "pod '" + name + "' has the creationTimestamp '" + std::string(text.substr(0, 60)) + "'");
    }
    if (first_creation_s_ < 0 || *time < first_creation_s_) {
      first_creation_s_ = *time;
      trace_.metadata["time_origin"] = text;
    }
    job.submit_ns = *time * ns_per_s;
    return true;
  }

  /// Constraints that a request cannot carry yet stay visible instead of vanishing.
  static std::string_view ignored_parts(const Json& object) {
    const bool affinity = find_path(object, {"spec", "affinity"}) != nullptr;
    const bool spread = find_path(object, {"spec", "topologySpreadConstraints"}) != nullptr;
    if (affinity) {
      return spread ? "affinity topologySpreadConstraints" : "affinity";
    }
    return spread ? "topologySpreadConstraints" : "";
  }

  /// What runs was there before; the first pending pod marks the origin.
  void shift_times() {
    for (std::size_t i = 0; i < trace_.jobs.size(); ++i) {
      if (is_pending_[i]) {
        trace_.jobs[i].submit_ns -= first_creation_s_ * ns_per_s;
      }
    }
  }

  const std::string& file_;
  Trace& trace_;
  RowChecker checker_;
  JobCollector jobs_;
  std::unordered_set<std::string> node_ids_;
  std::vector<bool> is_pending_;
  std::int64_t first_creation_s_ = -1;
};

}  // namespace

Status read_kubectl(std::string_view text, const std::string& file, ReadOutcome& outcome) {
  if (!outcome.trace.jobs.empty() || !outcome.trace.nodes.empty()) {
    return Error{.code = ErrorCode::invalid_argument,
                 .message = "a cluster is read alone",
                 .file = file,
                 .line = 0,
                 .remedy = ""};
  }
  bool too_deep = false;
  const auto limit_depth = [&too_deep](int depth, Json::parse_event_t, Json&) {
    too_deep = too_deep || depth > max_depth;
    return depth <= max_depth;
  };
  const Json document = Json::parse(text.begin(), text.end(), limit_depth, /*allow_exceptions=*/false);
  if (document.is_discarded() || too_deep) {
    return Error{.code = ErrorCode::data_loss,
                 .message = too_deep ? "is nested deeper than any Kubernetes object" : "is no complete JSON document",
                 .file = file,
                 .line = 0,
                 .remedy = "Write it with: kubectl get nodes,pods -A -o json"};
  }
  ClusterReader reader(file, outcome);
  if (const Json* const items = find_member(document, "items"); items != nullptr && items->is_array()) {
    return reader.read(*items);
  }
  if (find_member(document, "kind") != nullptr) {
    return reader.read(Json::array({document}));
  }
  return Error{.code = ErrorCode::invalid_argument,
               .message = "is no list of Kubernetes objects: it has no array 'items'",
               .file = file,
               .line = 0,
               .remedy = "Write it with: kubectl get nodes,pods -A -o json"};
}

}  // namespace gpusched::sim
