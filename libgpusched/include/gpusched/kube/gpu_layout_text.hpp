#pragma once

#include <string_view>
#include <vector>

#include "gpusched/base/ids.hpp"
#include "gpusched/base/result.hpp"
#include "gpusched/reshape/gpu_layout.hpp"

namespace gpusched {

/// A profile by NVIDIA's name ("3g.40gb"), its Kubernetes spelling, or its compute slices alone ("3g": the profile
/// without label that has them and the least memory). Errors as find_mig_profile().
Result<MigProfileId> parse_profile(GpuModelId model, std::string_view text);

/// Instances as text: PROFILE@START joined by commas, "1g@0,1g@3,3g.40gb@4"; empty text is none. All idle, by start.
/// invalid_argument names the part that is no PROFILE@START, a start that is no legal one (with those that are), or an
/// instance that overlaps another one.
Result<std::vector<PlacedPartition>> parse_instances(GpuModelId model, std::string_view text);

/// What runs on a GPU: every instance of `instances` holds a movable pod, but those of `pinned` and `idle`. Pods are
/// numbered by start. invalid_argument as above, and for a pinned or idle one that is not among the instances.
Result<GpuLayout> parse_gpu_layout(GpuModelId model, std::string_view instances, std::string_view pinned,
                                   std::string_view idle);

}  // namespace gpusched
