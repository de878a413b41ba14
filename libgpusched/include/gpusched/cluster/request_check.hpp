#pragma once

#include "gpusched/base/result.hpp"
#include "gpusched/cluster/gpu_request.hpp"

namespace gpusched {

/// Whether a request can mean anything, whatever the cluster: numbers in range, wishes that do not contradict each
/// other, memory and mode that some GPU model of those allowed has. An error names the field, its value and the remedy.
Status check_gpu_request(const GpuRequest& request);

}  // namespace gpusched
