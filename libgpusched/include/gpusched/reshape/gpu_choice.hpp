#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "gpusched/base/result.hpp"
#include "gpusched/reshape/gpu_layout.hpp"
#include "gpusched/reshape/reshape_planner.hpp"

namespace gpusched {

/// A GPU to reshape, and how.
struct GpuChoice {
  std::size_t gpu = 0;  ///< index into the layouts
  ReshapePlan plan;
};

/// The GPU of that model whose plan for an instance of `need` loses the least GPU time; of equal ones the GPU that
/// keeps the largest free blocks whole (buddy potential), then the first. nullopt: no GPU can make room. Equal layouts
/// are planned once. GPUs that are drained, or whose MIG mode is off, are left out. Errors as plan_room().
Result<std::optional<GpuChoice>> choose_gpu(std::span<const GpuLayout> gpus, GpuModelId model, MigProfileId need,
                                            const ReshapePlanOptions& options);

}  // namespace gpusched
