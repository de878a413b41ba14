#pragma once

#include <cstdint>

#include "gpusched/base/ids.hpp"
#include "gpusched/base/inline_vector.hpp"
#include "gpusched/base/units.hpp"
#include "gpusched/cluster/gpu_state.hpp"
#include "gpusched/model/gpu_model.hpp"

namespace gpusched {

/// One GPU, share or MIG instance of one pod.
struct GpuAssignment {
  std::uint16_t gpu = 0;          ///< index within the node
  std::uint16_t share_milli = 0;  ///< of the MIG-off device; 0 for an instance
  SliceRange range;               ///< of the instance; size 0 otherwise
  MigProfileId profile;           ///< of the instance; invalid otherwise
  std::uint8_t mig_labels = 0;    ///< MigLabel bits that the instance takes
  /// Of a share that a choice of mode placed, or of an instance whose tenants take turns.
  PartitionSharing sharing = PartitionSharing::exclusive;
  /// Taken from the memory of the device, or of an instance whose tenants take turns; 0 for what one pod has alone.
  std::int32_t memory_mib = 0;

  friend bool operator==(const GpuAssignment&, const GpuAssignment&) = default;

  /// Whether it is a tenant's part of a MIG instance that several may have by turns.
  bool takes_turns() const { return range.size > 0 && sharing == PartitionSharing::time_slice; }
};

/// Puts a part on a device state, which must have room, or takes it off again.
inline void add_part(GpuState& gpu, const GpuAssignment& part, bool counts_tenants) {
  if (part.range.size > 0) {
    if (part.takes_turns()) {
      const int bit = 1 << part.range.start;
      if ((gpu.sliced_starts & bit) != 0) {
        gpu.tenants = static_cast<std::uint16_t>(gpu.tenants + (1 << (2 * part.range.start)));
        return;
      }
      gpu.sliced_starts = static_cast<std::uint8_t>(gpu.sliced_starts | bit);
    }
    gpu.mig_occupancy = static_cast<std::uint16_t>(gpu.mig_occupancy | part.range.mask());
    gpu.mig_labels = static_cast<std::uint8_t>(gpu.mig_labels | part.mig_labels);
    return;
  }
  gpu.free_milli = static_cast<std::uint16_t>(gpu.free_milli - part.share_milli);
  gpu.free_memory_mib -= part.memory_mib;
  const bool chosen = part.sharing != PartitionSharing::exclusive;
  if (chosen) {
    gpu.sharing = part.sharing;
  }
  if (chosen || (counts_tenants && part.share_milli < milli_per_unit)) {
    ++gpu.tenants;
  }
}

inline void remove_part(GpuState& gpu, const GpuAssignment& part, bool counts_tenants) {
  if (part.range.size > 0) {
    if (part.takes_turns()) {
      if (gpu.turn_takers(part.range.start) > 1) {
        gpu.tenants = static_cast<std::uint16_t>(gpu.tenants - (1 << (2 * part.range.start)));
        return;
      }
      gpu.sliced_starts = static_cast<std::uint8_t>(gpu.sliced_starts & ~(1 << part.range.start));
    }
    gpu.mig_occupancy = static_cast<std::uint16_t>(gpu.mig_occupancy & ~part.range.mask());
    gpu.mig_labels = static_cast<std::uint8_t>(gpu.mig_labels & ~part.mig_labels);
    return;
  }
  gpu.free_milli = static_cast<std::uint16_t>(gpu.free_milli + part.share_milli);
  gpu.free_memory_mib += part.memory_mib;
  const bool chosen = part.sharing != PartitionSharing::exclusive;
  if (chosen || (counts_tenants && part.share_milli < milli_per_unit)) {
    --gpu.tenants;
  }
  if (chosen && gpu.tenants == 0) {
    gpu.sharing = PartitionSharing::exclusive;
  }
}

using GpuAssignments = InlineVector<GpuAssignment, 2>;

/// Where one pod goes: enough to bind without computing again.
struct Candidate {
  NodeId node;
  GpuAssignments gpus;

  friend bool operator==(const Candidate&, const Candidate&) = default;
};

/// One pod changes its place.
struct PodMove {
  PodId pod;
  Candidate from;
  Candidate to;

  friend bool operator==(const PodMove&, const PodMove&) = default;
};

/// Life of a pod as the cluster sees it.
enum class PodPhase : std::uint8_t { absent, pending, reserved, bound, running };

/// What the cluster state knows about one pod: one line of memory, since a pod that leaves was placed long ago.
struct alignas(64) PodRecord {
  Candidate placement;  ///< meaningful from `reserved` on
  RequestClassId request;
  PodPhase phase = PodPhase::absent;
  std::uint64_t version = 0;

  bool holds_resources() const { return phase >= PodPhase::reserved; }
};
static_assert(sizeof(PodRecord) == 64);

}  // namespace gpusched
