#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <vector>

#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/reshape/gpu_layout.hpp"

#include "cluster_builders.hpp"

namespace gpusched::test {

inline GpuLayout empty_gpu(GpuModelId model, std::uint32_t node = 0, std::uint16_t gpu = 0) {
  GpuLayout layout;
  layout.node = NodeId{node};
  layout.gpu = gpu;
  layout.model = model;
  return layout;
}

/// A GPU in a lattice state: `pinned` and `movable` are bits over the placements, the rest is idle. Pods are numbered
/// from `first_pod` by placement.
inline GpuLayout layout_in_state(GpuModelId model, MigLattice::StateId state, std::uint32_t pinned,
                                 std::uint32_t movable, std::uint32_t first_pod = 0) {
  const MigLattice& lattice = MigLattice::of(model);
  GpuLayout layout = empty_gpu(model);
  for (std::uint32_t bits = lattice.placed(state); bits != 0; bits &= bits - 1) {
    const int index = std::countr_zero(bits);
    const MigPlacement& placement = lattice.placements()[static_cast<std::size_t>(index)];
    PlacedPartition part;
    part.profile = plain_profile(model, placement.shape);
    part.range = placement.range;
    if (((pinned | movable) >> index & 1U) != 0) {
      part.use = (pinned >> index & 1U) != 0 ? PartitionUse::pinned : PartitionUse::movable;
      part.pod = PodId{first_pod + static_cast<std::uint32_t>(index)};
    }
    layout.partitions.push_back(part);
  }
  layout.sort();
  return layout;
}

/// Adds an instance, "3g.40gb" at 4.
inline void place(GpuLayout& layout, const char* profile, int start, PartitionUse use, std::uint32_t pod = 0) {
  const MigProfileId id = find_mig_profile(layout.model, profile).value();
  const int units = gpu_model(layout.model).profiles[id.value].memory_units;
  layout.partitions.push_back(
      {.profile = id,
       .range = {.start = static_cast<std::int16_t>(start), .size = static_cast<std::int16_t>(units)},
       .use = use,
       .pod = use == PartitionUse::idle ? PodId{} : PodId{pod}});
  layout.sort();
}

}  // namespace gpusched::test
