#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "gpusched/base/ids.hpp"
#include "gpusched/base/result.hpp"
#include "gpusched/reshape/actuation.hpp"
#include "gpusched/reshape/gpu_layout.hpp"
#include "gpusched/reshape/reshape_cost.hpp"

namespace gpusched {

enum class ReshapeStepKind : std::uint8_t {
  create_instance,
  destroy_instance,
  move_pod,         ///< starts in `to`, then ends in `at`: both instances exist
  stop_pod,         ///< its place is given up before the new one exists
  start_pod,        ///< of a stopped pod
  drain_gpu,        ///< takes no newcomers from here on
  resume_gpu,       ///< takes newcomers again
  enable_mig,       ///< with `node_wide`: a reset of all GPUs of the node
  disable_mig,      ///< the same
  restart_operator  ///< device plugin, feature discovery, DCGM exporter of the node
};
const char* to_string(ReshapeStepKind kind);

/// A partition of one GPU; size 0 is the device with MIG off.
struct PartitionPlace {
  NodeId node;
  std::uint16_t gpu = 0;
  MigProfileId profile;
  SliceRange range;

  friend bool operator==(const PartitionPlace&, const PartitionPlace&) = default;
};

struct ReshapeStep {
  ReshapeStepKind kind = ReshapeStepKind::create_instance;
  PartitionPlace at;  ///< of drains, toggles and restarts only node and GPU count
  PartitionPlace to;  ///< of move_pod
  PodId pod;          ///< of move_pod, stop_pod, start_pod
  bool node_wide = false;

  friend bool operator==(const ReshapeStep&, const ReshapeStep&) = default;
};

/// The GPUs in the middle of a plan.
struct ReshapeState {
  struct StoppedPod {
    PodId pod;
    MigProfileId profile;  ///< of the partition that it left
    SliceRange range;

    friend bool operator==(const StoppedPod&, const StoppedPod&) = default;
  };
  std::vector<GpuLayout> gpus;
  std::vector<StoppedPod> stopped;  ///< by pod

  friend bool operator==(const ReshapeState&, const ReshapeState&) = default;
};

/// A reshape as a value: from which state it starts, its steps in order, what it costs. Every prefix of the steps
/// leaves a legal state; running pods that are pinned are never touched.
struct ReshapePlan {
  Actuation actuation = Actuation::per_instance;
  ReshapeState from;              ///< the GPUs that it touches, as they were when it was made
  std::uint64_t fingerprint = 0;  ///< of `from.gpus`
  std::vector<ReshapeStep> steps;
  ReshapeCost cost;

  friend bool operator==(const ReshapePlan&, const ReshapePlan&) = default;

  int moved_pods() const;        ///< pods that start again, here or elsewhere
  int interrupted_pods() const;  ///< of these, pods that stop before their new place exists
};

/// Carries out one step. invalid_argument names the step and why it is not legal here; the state is then as before.
Status apply_step(ReshapeState& state, const ReshapeStep& step, Actuation actuation);

/// The state after the first `count` steps.
Result<ReshapeState> state_after(const ReshapePlan& plan, std::size_t count);

/// Whether the plan can be carried out: `now` holds its GPUs exactly as they were, every prefix is legal, nobody is
/// left stopped, and a reset hits no GPU of its node that the plan does not drain. invalid_argument names the first GPU
/// that changed, or the step: then nothing may be applied.
Status check_plan(const ReshapePlan& plan, std::span<const GpuLayout> now);

/// The plan that leads back once the first `done` steps are carried out. Contract: check_plan() passed.
ReshapePlan undo(const ReshapePlan& plan, std::size_t done, const ReshapeDurations& durations);

/// Times and losses of the steps.
ReshapeCost cost_of(const ReshapePlan& plan, const ReshapeDurations& durations);

/// "create 3g.40gb@4 on node 0, GPU 2": the GPUs are those of `layouts`, for their models.
std::string to_text(const ReshapeStep& step, std::span<const GpuLayout> layouts);

}  // namespace gpusched
