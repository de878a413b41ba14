#pragma once

#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include "gpusched/base/result.hpp"
#include "gpusched/reshape/gpu_layout.hpp"
#include "gpusched/reshape/reshape_plan.hpp"

namespace gpusched {

struct CompactionOptions {
  ReshapeDurations durations;
  int most_moved_pods = std::numeric_limits<int>::max();  ///< disruption budget of the plan
};

struct CompactionPlan {
  ReshapePlan plan;
  std::vector<std::size_t> emptied;  ///< GPUs that hold nothing afterwards, as indexes into the input, in plan order
};

/// Empties as many GPUs as it can by moving their pods into free places of GPUs of the same model that are in use and
/// stay so; every pod by exchange (its new instance is created first), one GPU after the other, so that a plan that is
/// broken off leaves whole GPUs empty. GPUs are tried in the order of the units that would move. Pods that are pinned
/// or in a profile with a label stay, and with them their GPU. Among the places that keep the largest free blocks
/// whole, pods take those in their own node first: a min-cost flow per size, the large ones first. Idle instances in
/// the way are destroyed. Actuation is per instance: mig-parted would drain the GPUs that take the pods.
/// invalid_argument: an illegal layout. GPUs with MIG off, without lattice or drained are left alone.
Result<CompactionPlan> plan_compaction(std::span<const GpuLayout> gpus, const CompactionOptions& options);

}  // namespace gpusched
