#pragma once

#include <cstdint>
#include <string>
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
};

/// The parts of a pod's manifest that decide what it asks for.
struct PodSpec {
  std::string name;
  std::vector<ContainerSpec> containers;
  std::vector<ContainerSpec> init_containers;  ///< in their order
  ResourceList overhead;
  std::vector<std::pair<std::string, std::string>> node_selector, annotations, labels;
  std::int32_t priority = 0;
};

/// What the scheduler must find for the pod: per resource the larger of all containers and sidecars together, and of
/// each init container with the sidecars started before it; plus overhead. A limit without a request counts as a
/// request.
///
/// A shared resource (`nvidia.com/gpu.shared`) becomes a time-sliced share of the smallest size: who holds how much of
/// the device is not stated, and the node's replicas bound the tenants. Annotations read: gpusched.io/{class,
/// isolation, memory, max-slowdown, job-profile, mode}.
///
/// invalid_argument: a quantity, a name under nvidia.com/, a request that differs from the limit of a GPU resource, an
/// unknown annotation under gpusched.io/, wishes that contradict each other (check_gpu_request). unsupported: several
/// different GPU resources in one pod, time-sliced MIG instances, compute instances.
///
/// Source: Kubernetes, component-helpers resource.PodRequests and KEP-753.
Result<GpuRequest> make_gpu_request(const PodSpec& pod);

}  // namespace gpusched
