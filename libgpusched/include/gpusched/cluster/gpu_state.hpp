#pragma once

#include <cstdint>

#include "gpusched/base/units.hpp"
#include "gpusched/model/gpu_model.hpp"

namespace gpusched {

/// How the tenants of one partition take turns.
enum class PartitionSharing : std::uint8_t { exclusive, time_slice, mps };

/// What can be seen of one GPU: equal values are interchangeable for every policy.
/// A GPU is idle, shared (free_milli < 1000), held whole (free_milli == 0) or cut by MIG (mig_occupancy != 0).
struct GpuState {
  std::uint16_t model = 0;                                 ///< GpuModelId
  std::uint16_t free_milli = 1000;                         ///< of the MIG-off device
  std::uint16_t mig_occupancy = 0;                         ///< occupied placement units, bit i = unit i
  std::uint8_t mig_labels = 0;                             ///< MigLabel bits of the instances placed
  PartitionSharing sharing = PartitionSharing::exclusive;  ///< of a device that a choice of mode opened for sharing
  /// Shares placed; counted where the node limits them or a choice of mode made them. Of a GPU cut by MIG: two bits for
  /// each unit where a time-sliced instance may start, its tenants less one.
  std::uint16_t tenants = 0;
  bool held = false;                 ///< kept free for somebody: takes no newcomer
  std::uint8_t sliced_starts = 0;    ///< bit i: the tenants of the instance that starts at unit i take turns
  std::int32_t free_memory_mib = 0;  ///< of the MIG-off device; -1 = unknown

  friend bool operator==(const GpuState&, const GpuState&) = default;

  bool idle() const { return free_milli == milli_per_unit && mig_occupancy == 0; }
  /// Tenants of the time-sliced instance that starts at a unit; 0 where none does.
  int turn_takers(int start) const { return (sliced_starts >> start & 1) != 0 ? 1 + (tenants >> (2 * start) & 3) : 0; }
  /// Whether MIG instances can be created on it.
  bool takes_instances() const { return free_milli == milli_per_unit && !held; }
  /// Milli-GPU that stated shares can still take: none once MIG cuts the GPU, a choice of mode opened it, or it is
  /// held.
  std::int32_t shareable_milli() const {
    return mig_occupancy == 0 && sharing == PartitionSharing::exclusive && !held ? free_milli : 0;
  }
};

/// A time-sliced MIG instance has at most this many tenants, and starts at one of the first units: a GpuState counts
/// them in what a GPU that is not cut needs for its shares.
inline constexpr int most_turn_takers = 4;
inline constexpr int time_sliced_starts = 8;

/// Capped labels in use on one GPU. A GPU takes one instance of each kind, and +me.all excludes +me and plain ones;
/// -me and +gfx instances take no label (+gfx fits as often as its placements).
enum MigLabel : std::uint8_t {
  mig_label_media = 1,      ///< +me
  mig_label_all_media = 2,  ///< +me.all
};

/// The labels that an instance of the profile takes.
inline std::uint8_t mig_label_bits(const MigProfile& profile) {
  return static_cast<std::uint8_t>((profile.media_extensions ? mig_label_media : 0) |
                                   (profile.all_media_extensions ? mig_label_all_media : 0));
}

}  // namespace gpusched
