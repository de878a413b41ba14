#pragma once

#include <optional>
#include <span>
#include <vector>

#include "gpusched/reshape/gpu_layout.hpp"

#include "reshape/mask_losses.hpp"

namespace gpusched::reshape {

/// What compaction knows of one GPU.
struct CompactionGpu {
  std::size_t index = 0;  ///< into the layouts
  NodeId node;
  std::uint16_t mask = 0;  ///< units that pods or pinned partitions hold; idle instances count as free
  bool can_empty = false;
  int units = 0, pods = 0;
  std::vector<int> pods_of_shape;
};

/// Which GPUs to empty, as indexes into `gpus` in the order of choice: the one with the fewest units that still fits
/// elsewhere together with those chosen before, at most `most_pods` pods in all.
std::vector<std::size_t> choose_gpus_to_empty(std::span<const CompactionGpu> gpus, const MaskLosses& losses,
                                              int most_pods);

/// One pod from one GPU to another one; `placement` is where it goes.
struct CompactionMove {
  std::size_t from = 0, to = 0;  ///< into `gpus`
  int shape = 0;
  int placement = 0;
};

/// A place for every pod of the GPUs to empty, on GPUs that are in use and not emptied. nullopt where a pod finds none.
std::optional<std::vector<CompactionMove>> assign_places(std::span<const CompactionGpu> gpus,
                                                         std::span<const std::size_t> emptied,
                                                         const MaskLosses& losses);

}  // namespace gpusched::reshape
