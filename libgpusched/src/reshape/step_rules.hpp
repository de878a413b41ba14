#pragma once

#include "gpusched/reshape/reshape_plan.hpp"

namespace gpusched::reshape {

/// What each kind of step asks of the state and does to it.
Status carry_out(ReshapeState& state, const ReshapeStep& step, Actuation actuation);

/// GPU and partition of a place, or nullptr.
GpuLayout* find_gpu(ReshapeState& state, const PartitionPlace& place);
PlacedPartition* find_partition(GpuLayout& gpu, const PartitionPlace& place, PodId pod);

}  // namespace gpusched::reshape
