#pragma once

#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gpusched/base/result.hpp"
#include "gpusched/reshape/gpu_layout.hpp"
#include "gpusched/reshape/reshape_plan.hpp"

namespace gpusched {

struct ReshapePlanOptions {
  Actuation actuation = Actuation::per_instance;
  ReshapeDurations durations;
  int most_moved_pods = std::numeric_limits<int>::max();  ///< disruption budget of the plan
};

/// A plan, or why there is none.
struct ReshapeAnswer {
  std::optional<ReshapePlan> plan;
  std::string reason;  ///< empty with a plan
};

/// The cheapest plan after which GPU `gpu` of the node has an idle instance of profile `need`, every pod in place or
/// moved within the GPU: fewest moved pods, then the smallest, then fewest interrupted, then fewest steps. A plan
/// without steps: there is such an instance already. `node_gpus` are all GPUs of the node: mig-parted resets them all
/// where a change of mode needs a reset. Instances of capped profiles (+me, +me.all) and other labels stay where they
/// are.
/// unsupported: a model without lattice; a `need` with a label. invalid_argument: an illegal layout.
Result<ReshapeAnswer> plan_room(std::span<const GpuLayout> node_gpus, std::size_t gpu, MigProfileId need,
                                const ReshapePlanOptions& options);

/// The cheapest plan to exactly these instances (only profile and range count), every pod kept. Errors as above.
Result<ReshapeAnswer> plan_layout(std::span<const GpuLayout> node_gpus, std::size_t gpu,
                                  std::span<const PlacedPartition> target, const ReshapePlanOptions& options);

}  // namespace gpusched
