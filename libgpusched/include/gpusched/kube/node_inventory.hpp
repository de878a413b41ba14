#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gpusched/base/ids.hpp"
#include "gpusched/cluster/node_spec.hpp"
#include "gpusched/kube/gpu_layout_annotation.hpp"
#include "gpusched/kube/pod_request.hpp"

namespace gpusched {

/// The parts of a Node object that say what it offers.
struct NodeObject {
  std::string name, uid;
  std::vector<std::pair<std::string, std::string>> labels, annotations;  ///< sorted by key
  ResourceList allocatable, capacity;                                    ///< sorted by name
  bool ready = true;
  bool unschedulable = false;

  friend bool operator==(const NodeObject&, const NodeObject&) = default;
};

/// What labels and counts of a node leave open or contradict. `kind` is constant per cause, for counting.
struct NodeProblem {
  std::string kind;     ///< see node_problem
  std::string message;  ///< names the node and the value
  std::string remedy;   ///< may be empty

  friend bool operator==(const NodeProblem&, const NodeProblem&) = default;
};

namespace node_problem {
/// cpu, memory or a GPU resource is no quantity: it counts as 0.
inline constexpr std::string_view quantity_malformed = "quantity_malformed";
/// A name under nvidia.com/ that is unknown or stands for compute instances: it is left out.
inline constexpr std::string_view resource_not_supported = "resource_not_supported";
/// GPU resources without label nvidia.com/gpu.product: counted, their GPUs unknown.
inline constexpr std::string_view gpu_product_missing = "gpu_product_missing";
/// The catalogue does not know the product: counted, their GPUs unknown.
inline constexpr std::string_view unknown_gpu_model = "unknown_gpu_model";
/// Product ends in -MIG-INVALID: strategy "single" cannot describe what is there.
inline constexpr std::string_view mig_invalid = "mig_invalid";
/// Neither labels nor resources tell how many GPUs there are: as few as hold what is counted, or none.
inline constexpr std::string_view gpu_count_unknown = "gpu_count_unknown";
/// Labels or capacity have GPUs, allocatable has none: the device plugin is starting, or stopped.
inline constexpr std::string_view nothing_allocatable = "nothing_allocatable";
/// Units are missing: a GPU or instance is unhealthy.
inline constexpr std::string_view allocatable_below_capacity = "allocatable_below_capacity";
/// The layout annotation cannot be read, or contradicts the counts: it is ignored.
inline constexpr std::string_view gpu_layout_malformed = "gpu_layout_malformed";
inline constexpr std::string_view gpu_layout_differs = "gpu_layout_differs";
}  // namespace node_problem

struct NodeInventory {
  /// `resources` by name, `gpus` as many as exist. Where the model is unknown `gpus` is empty and the resources are
  /// counted all the same.
  NodeSpec spec;
  std::vector<std::string> unit_profiles;  ///< per entry of spec.resources: MIG profile of a unit; empty = a device
  std::vector<NodeProblem> problems;
  std::string gpu_product;               ///< model part of gpu.product, as the label writes it
  std::vector<AnnotatedGpu> gpu_layout;  ///< from the annotation; empty = nobody says
};

/// What a node offers, decided from its own labels and counts alone. Never fails: what is not sure is a problem, and
/// the counts of the kubelet are the truth. cpu and memory: allocatable, or capacity where the node states no
/// allocatable.
///
/// What a unit is: `nvidia.com/mig-<profile>` an instance (strategy mixed); `nvidia.com/gpu` an instance of the profile
/// in gpu.product (strategy single), else a GPU; replicas of either where gpu.replicas, mig-<profile>.replicas or the
/// -SHARED suffix say so, with or without renaming to `.shared`. How many GPUs: gpu.count where it counts GPUs
/// (strategies none and mixed), else as many as the counts need.
///
/// `sharing` and `replicas` are what a simulated node of this kind has.
///
/// Sources: NVIDIA k8s-device-plugin README and GFD internal/lm (labels, suffixes, strategies).
NodeInventory node_inventory(const NodeObject& node);

}  // namespace gpusched
