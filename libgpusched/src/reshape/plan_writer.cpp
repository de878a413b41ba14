#include "reshape/plan_writer.hpp"

#include <utility>

#include "gpusched/base/check.hpp"

namespace gpusched::reshape {

PlanWriter::PlanWriter(std::vector<GpuLayout> gpus, Actuation actuation) {
  plan_.actuation = actuation;
  plan_.fingerprint = fingerprint(gpus);
  plan_.from.gpus = std::move(gpus);
  state_ = plan_.from;
}

void PlanWriter::add(const ReshapeStep& step) {
  const Status applied = apply_step(state_, step, plan_.actuation);
  GPUSCHED_CHECK(applied.ok(), applied.error().to_string());
  plan_.steps.push_back(step);
}

void PlanWriter::add(ReshapeStepKind kind, const GpuLayout& gpu, MigProfileId profile, SliceRange range, PodId pod) {
  add({.kind = kind,
       .at = {.node = gpu.node, .gpu = gpu.gpu, .profile = profile, .range = range},
       .to = {},
       .pod = pod,
       .node_wide = false});
}

void PlanWriter::add(ReshapeStepKind kind, const GpuLayout& gpu, const PlacedPartition& part) {
  add(kind, gpu, part.profile, part.range, part.pod);
}

void PlanWriter::add_move(const GpuLayout& from, const PlacedPartition& part, const GpuLayout& to, SliceRange range) {
  add({.kind = ReshapeStepKind::move_pod,
       .at = {.node = from.node, .gpu = from.gpu, .profile = part.profile, .range = part.range},
       .to = {.node = to.node, .gpu = to.gpu, .profile = part.profile, .range = range},
       .pod = part.pod,
       .node_wide = false});
}

ReshapePlan PlanWriter::finish(const ReshapeDurations& durations) {
  plan_.cost = cost_of(plan_, durations);
  return std::move(plan_);
}

}  // namespace gpusched::reshape
