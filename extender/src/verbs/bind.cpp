#include "gpusched/extender/verbs.hpp"
#include "gpusched/extender/wire_replies.hpp"
#include "gpusched/kube/allocation_record.hpp"

#include "verbs/fail_point.hpp"
#include "verbs/stopwatch.hpp"

namespace gpusched::extender {

/// What is written into the binding.
struct Verbs::Promise {
  AllocationRecord record;
  bool is_bound = false;  ///< to this very node: nothing is left to do
};

std::string Verbs::promise(const BindArgs& args, Promise& promise) {
  const std::lock_guard lock(mutex_);
  const TimeNs now = options_.now();
  LivePod* pod = view_.find_pod(args.pod_uid);
  const NodeId node = view_.find_node(args.node);
  if (pod == nullptr) {
    return "pod is not known";
  }
  if (!node.valid()) {
    return "node '" + args.node + "' is not yet in the extender's cache";
  }
  const ClusterState& state = view_.engine().state();
  if (!pod->problem.empty() || pod->states_intent_only) {
    return pod->problem.empty() ? "pod states intent only: nothing says what it is to get" : pod->problem;
  }
  if (pod->stage == PodStage::bound) {
    promise.is_bound = pod->node == node;
    return promise.is_bound ? "" : "pod is bound to node '" + state.node(pod->node).spec.name + "' already";
  }
  if (pod->stage == PodStage::binding && pod->node != node) {
    return "an earlier binding of the pod to node '" + state.node(pod->node).spec.name + "' is still being written";
  }
  if (pod->stage == PodStage::held && pod->node != node) {
    view_.release(*pod, now);  // the scheduler took another node than the one held
  }
  if (pod->stage == PodStage::pending) {
    const Decision decision = view_.decide(*pod, std::span(&node, 1), now);
    if (!std::holds_alternative<Bind>(decision)) {
      return "node '" + args.node + "' has no room for the pod any more";
    }
    view_.hold(*pod, decision, PodStage::binding, now);
  }
  view_.start_binding(*pod, now);
  const GpuRequest& request = state.request(pod->request);
  promise.record = {.node = args.node, .resource = pod->resource, .count = request.num_gpu, .mode = {}, .parts = {}};
  for (const GpuAssignment& part : state.pod(pod->id)->placement.gpus) {
    promise.record.parts.push_back(
        {.gpu = part.gpu, .mig_profile = {}, .start = -1, .share_milli = 0, .memory_mib = 0});
  }
  return {};
}

std::string Verbs::write_binding(const BindArgs& args, const Promise& promise) {
  const std::vector<std::pair<std::string, std::string>> annotations = {
      {std::string(allocation_annotation), format_allocation(promise.record)}};
  fail_point("bind_before_write");
  const BindingReply reply = api_.bind(
      {.ns = args.pod_ns, .name = args.pod_name, .uid = args.pod_uid, .node = args.node, .annotations = annotations});
  fail_point("bind_after_write");
  std::string error = reply.message;
  bool written = reply.fate == BindingFate::written;
  bool may_be_written = reply.fate == BindingFate::unknown;
  if (!written && reply.fate != BindingFate::refused) {
    // Did an earlier try get through, or this one although its answer did not?
    if (const auto pod = api_.read_pod(args.pod_ns, args.pod_name)) {
      const bool is_ours = pod.value() && pod.value()->uid == args.pod_uid;
      written = is_ours && pod.value()->node_name == args.node;
      // A request without an answer may still be on its way: that nothing is written yet says little.
      may_be_written = may_be_written && is_ours && pod.value()->node_name.empty();
      if (!written) {
        error = is_ours && !pod.value()->node_name.empty() ? "pod is bound to node '" + pod.value()->node_name + "'"
                                                           : (error.empty() ? "the API server did not bind" : error);
      }
    }
  }
  return settle(args, written, may_be_written, std::move(error));
}

std::string Verbs::settle(const BindArgs& args, bool is_written, bool may_be_written, std::string error) {
  const std::lock_guard lock(mutex_);
  LivePod* pod = view_.find_pod(args.pod_uid);
  const NodeId node = view_.find_node(args.node);
  // A pod deleted meanwhile is in the books no more.
  if (pod != nullptr && is_written && node.valid()) {
    view_.confirm(*pod, node, options_.now());
  } else if (pod != nullptr && !is_written && !may_be_written && pod->stage == PodStage::binding && pod->node == node) {
    view_.release(*pod, options_.now());  // else it stays held until the watch or the deadline tells
  }
  if (is_written) {
    return {};
  }
  return error.empty() ? "the API server refused the binding" : error;
}

std::string Verbs::learn_pod(const BindArgs& args, bool& is_bound) {
  {
    const std::lock_guard lock(mutex_);
    if (view_.find_pod(args.pod_uid) != nullptr) {
      return {};
    }
  }
  const auto read = api_.read_pod(args.pod_ns, args.pod_name);
  if (!read) {
    return read.error().to_string();
  }
  if (!read.value() || read.value()->uid != args.pod_uid) {
    return "the pod is gone";
  }
  const PodObject& pod = *read.value();
  if (!pod.node_name.empty()) {  // the watch will tell, and when it ends too
    is_bound = pod.node_name == args.node;
    return is_bound ? "" : "pod is bound to node '" + pod.node_name + "' already";
  }
  const std::lock_guard lock(mutex_);
  view_.submit(pod, options_.now());
  return {};
}

std::string Verbs::bind(std::string_view padded_json) {
  const Stopwatch watch;
  VerbRecord record{.verb = "bind", .result = "error", .reason = {}, .ns = {}, .pod = {}, .uid = {}, .node = {}};
  const Result<BindArgs> args = decode_bind_args(padded_json);
  std::string error;
  if (!args) {
    error = args.error().to_string();
  } else {
    record.ns = args.value().pod_ns;
    record.pod = args.value().pod_name;
    record.uid = args.value().pod_uid;
    record.node = args.value().node;
    error = options_.refusal();
  }
  if (args && error.empty()) {
    Promise made;
    error = learn_pod(args.value(), made.is_bound);
    if (error.empty() && !made.is_bound) {
      error = promise(args.value(), made);
    }
    if (error.empty() && !made.is_bound) {
      error = write_binding(args.value(), made);
    }
  }
  record.result = error.empty() ? "bound" : "error";
  record.reason = error.empty() ? "" : "error";  // what went wrong may be the API server's own words
  record.message = error;
  record.duration_ns = watch.elapsed_ns();
  options_.observer(record);
  return encode_bind_result(error);
}

}  // namespace gpusched::extender
