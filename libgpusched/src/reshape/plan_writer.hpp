#pragma once

#include <vector>

#include "gpusched/reshape/reshape_plan.hpp"

namespace gpusched::reshape {

/// Appends steps and carries each one out on its own copy of the GPUs, so that an illegal plan is a bug found here.
class PlanWriter {
 public:
  PlanWriter(std::vector<GpuLayout> gpus, Actuation actuation);

  const ReshapeState& state() const { return state_; }
  const GpuLayout& gpu(std::size_t index) const { return state_.gpus[index]; }

  void add(const ReshapeStep& step);
  void add(ReshapeStepKind kind, const GpuLayout& gpu, MigProfileId profile = {}, SliceRange range = {},
           PodId pod = {});
  void add(ReshapeStepKind kind, const GpuLayout& gpu, const PlacedPartition& part);
  /// The pod of `part` starts in an instance of the same profile on GPU `to`, then ends where it is.
  void add_move(const GpuLayout& from, const PlacedPartition& part, const GpuLayout& to, SliceRange range);

  ReshapePlan finish(const ReshapeDurations& durations);

 private:
  ReshapePlan plan_;
  ReshapeState state_;
};

}  // namespace gpusched::reshape
