#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gpusched/base/result.hpp"
#include "gpusched/kube/node_inventory.hpp"
#include "gpusched/kube/pod_request.hpp"

/// JSON that comes in. Every `padded_json` must be followed by wire_padding readable bytes, of any content; views in
/// results point into it. Each thread keeps a parser of its own.
///
/// What is common to all decoders: unknown keys are skipped, and what is skipped is not validated below its brackets;
/// null is an absent value; of a repeated key the last one counts; text must be UTF-8. Top-level keys of the extender's
/// protocol match without regard to case, as Go's do; those of Kubernetes objects exactly. Bytes behind the first JSON
/// value must be white space.
/// Errors: data_loss for what is no JSON or has more bytes or entries than the limits; invalid_argument for a wrong
/// type or a number out of range, with the path of the key ("Pod.spec.containers[0].name").
namespace gpusched::extender {

inline constexpr std::size_t wire_padding = 64;

/// More than any cluster sends: beyond them a body is refused.
struct WireLimits {
  std::size_t max_bytes = std::size_t{256} << 20;
  std::size_t max_nodes = 200'000;   ///< names, nodes or candidates
  std::size_t max_pods = 200'000;    ///< victims of one preempt call
  std::size_t max_entries = 10'000;  ///< containers, labels, annotations or resources of one object
};

/// A Pod as the scheduler sends it or a watch delivers it.
struct PodObject {
  std::string ns, name, uid, resource_version, node_name, nominated_node_name, scheduler_name, phase;
  bool terminating = false;  ///< metadata.deletionTimestamp is set: it still holds what it has
  bool has_scheduling_gates = false;
  bool has_scheduling_group = false;  ///< spec.schedulingGroup names one: kube-scheduler's own gang cycle places it
  std::int64_t creation_s = 0;  ///< metadata.creationTimestamp, seconds since 1970; 0 = absent or no RFC 3339 time
  PodSpec spec;
  bool names_gpu = false;      ///< gpusched::names_gpu(spec)
  std::string pod_group;       ///< spec.schedulingGroup.podGroupName, or gang_name(spec)
  std::int64_t gang_size = 0;  ///< gpusched::gang_size(spec)

  friend bool operator==(const PodObject&, const PodObject&) = default;
};

/// A Node as a watch delivers it.
struct NodeUpdate {
  NodeObject node;
  std::string resource_version;
  bool terminating = false;

  friend bool operator==(const NodeUpdate&, const NodeUpdate&) = default;
};

Result<PodObject> decode_pod(std::string_view padded_json, const WireLimits& limits = {});
Result<NodeUpdate> decode_node(std::string_view padded_json, const WireLimits& limits = {});

/// Body of filter and prioritize (ExtenderArgs). invalid_argument too without a Pod, or for a Node without a name.
/// Nodes, where not null, win over NodeNames, as in Kubernetes only one of them is given.
struct FilterArgs {
  PodObject pod;
  std::vector<std::string_view> node_names;  ///< of either form, in the order given, duplicates kept
  bool has_full_nodes = false;
  /// name, and the Node's JSON byte for byte; empty unless has_full_nodes. decode_node() may be called on the JSON.
  std::vector<std::pair<std::string_view, std::string_view>> nodes;
  std::deque<std::string> unescaped;  ///< owns names that were written with escapes
};
Result<FilterArgs> decode_filter_args(std::string_view padded_json, const WireLimits& limits = {});

/// ExtenderBindingArgs. invalid_argument too when a field is missing or empty.
struct BindArgs {
  std::string pod_name, pod_ns, pod_uid, node;

  friend bool operator==(const BindArgs&, const BindArgs&) = default;
};
Result<BindArgs> decode_bind_args(std::string_view padded_json, const WireLimits& limits = {});

/// Whom kube-scheduler would evict on one node; without victims where it found that nobody need go.
struct NodeVictims {
  std::string node;
  std::vector<std::string> pod_uids;
  std::int64_t pdb_violations = 0;

  friend bool operator==(const NodeVictims&, const NodeVictims&) = default;
};

/// ExtenderPreemptionArgs, in either form; invalid_argument too without a Pod.
/// NodeNameToMetaVictims wins where both are given.
struct PreemptArgs {
  PodObject pod;
  std::vector<NodeVictims> candidates;  ///< by node name
};
Result<PreemptArgs> decode_preempt_args(std::string_view padded_json, const WireLimits& limits = {});

/// What a container of an admitted pod already has: a JSON patch must know.
struct ContainerShape {
  bool has_resources = false, has_requests = false, has_limits = false;

  friend bool operator==(const ContainerShape&, const ContainerShape&) = default;
};

/// AdmissionReview of admission.k8s.io/v1 with a Pod inside. invalid_argument too for another version, without a
/// request or its uid; unsupported for an object of another kind.
struct AdmissionReview {
  std::string uid, ns, operation;
  std::string sub_resource;  ///< empty for the pod itself
  bool dry_run = false;
  PodObject pod;  ///< all empty for DELETE, which has no object
  bool pod_has_annotations = false;
  std::vector<ContainerShape> containers;  ///< as pod.spec.containers
};
Result<AdmissionReview> decode_admission_review(std::string_view padded_json, const WireLimits& limits = {});

}  // namespace gpusched::extender
