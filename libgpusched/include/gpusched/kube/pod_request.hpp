#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gpusched/base/result.hpp"
#include "gpusched/cluster/gpu_request.hpp"

namespace gpusched {

/// Resource names and quantities as a manifest writes them.
using ResourceList = std::vector<std::pair<std::string, std::string>>;

struct ContainerSpec {
  std::string name;
  ResourceList requests, limits;
  bool is_sidecar = false;  ///< of an init container: restartPolicy Always (KEP-753)

  friend bool operator==(const ContainerSpec&, const ContainerSpec&) = default;
};

/// The parts of a pod's manifest that decide what it asks for.
struct PodSpec {
  std::string name;
  std::vector<ContainerSpec> containers;
  std::vector<ContainerSpec> init_containers;  ///< in their order
  ResourceList overhead;
  std::vector<std::pair<std::string, std::string>> node_selector, annotations, labels;
  std::int32_t priority = 0;

  friend bool operator==(const PodSpec&, const PodSpec&) = default;
};

/// In whose words a pod asks for GPUs. docs/formats/request-dialects.md has the keys of each.
enum class RequestDialect : std::uint8_t {
  none,      ///< asks for no GPU
  nvidia,    ///< resources of the stock device plugin
  hami,      ///< nvidia.com/gpu with nvidia.com/gpumem, gpumem-percentage, gpucores
  kai,       ///< KAI, Run:ai: annotations gpu-fraction, gpu-memory
  gpushare,  ///< aliyun.com/gpu-mem
  intent,    ///< nothing but annotations under gpusched.io/
};

/// A request and how it was written.
struct PodRequest {
  GpuRequest request;
  RequestDialect dialect = RequestDialect::none;
  std::string resource;   ///< counted name the pod asks for, "nvidia.com/gpu"; empty: the choice is ours (or no GPU)
  bool admitted = false;  ///< our webhook wrote the resource: annotation gpusched.io/decision
  std::int32_t stated_milli = 0;  ///< the fraction in the pod's own words where admission chose the resource; 0 = none
};

/// What the scheduler must find for the pod: per resource the larger of all containers and sidecars together, and of
/// each init container with the sidecars started before it; plus overhead. A limit without a request counts as a
/// request.
///
/// A shared resource (`.shared`) becomes a share of the smallest size: who holds how much of the device or instance is
/// not stated, and the node's replicas bound the tenants. So does a request by memory alone. Annotations that state a
/// GPU without a resource ask for one device, in the mode of the annotation or in none.
///
/// invalid_argument: a quantity, a name under nvidia.com/, a request that differs from the limit of a GPU resource, an
/// unknown annotation under gpusched.io/, a known key in the wrong place (with the right one), wishes and dialects that
/// contradict each other (check_gpu_request). unsupported: several different GPU resources in one pod, containers with
/// different shares, compute instances, keys that pick a device.
///
/// Source: Kubernetes, component-helpers resource.PodRequests and KEP-753.
Result<PodRequest> read_pod_request(const PodSpec& pod);

/// The request alone.
Result<GpuRequest> make_gpu_request(const PodSpec& pod);

/// Whether a pod asks for a GPU in any dialect, rightly or wrongly written: what read_pod_request() is asked about.
/// Cheap.
bool names_gpu(const PodSpec& pod);

/// Name of the pod's gang by label or annotation (coscheduling, Volcano); empty = none. Kubernetes' own
/// `spec.schedulingGroup` is no part of a PodSpec.
std::string_view gang_name(const PodSpec& pod);

/// How many pods the pod's gang needs at once, by annotation or by coscheduling's label
/// `pod-group.scheduling.sigs.k8s.io/min-available`; 0 = not said.
std::int64_t gang_size(const PodSpec& pod);
inline constexpr std::string_view gang_size_annotation = "gpusched.io/gang-size";

}  // namespace gpusched
