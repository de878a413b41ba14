#pragma once

#include <cstdint>
#include <vector>

#include "gpusched/base/ids.hpp"
#include "gpusched/cluster/gpu_request.hpp"

namespace gpusched {

/// How often a kind of request arrives.
struct DemandClass {
  GpuRequest request;
  std::int64_t count = 0;
};

/// The workload that a cluster expects: what fragmentation and placeable value are measured against.
struct DemandMix {
  std::vector<DemandClass> classes;  ///< distinct requests, in order of first appearance
  std::int64_t population = 0;       ///< requests that the classes were chosen from; 0 = just these

  std::int64_t total_count() const;
};

/// FGD's typical tasks: classes by (cpu, GPU share, number of GPUs, allowed models), most frequent first (ties: larger
/// values first), until they make up `percent` of all requests. Memory is not told apart.
/// Source: Weng et al., "Beware of Fragmentation", USENIX ATC'23, and its simulator; docs/policies/fgd.md.
DemandMix typical_classes(const DemandMix& mix, int percent);

}  // namespace gpusched
