#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "gpusched/base/ids.hpp"
#include "gpusched/base/index_bitset.hpp"
#include "gpusched/cluster/gpu_state.hpp"

namespace gpusched {

/// The GPUs that can take MIG instances, by (model, occupied units). A decision looks at the classes that have members,
/// so its cost does not grow with the cluster. A member is a GPU ordinal: GPUs counted in node order.
class GpuIndex {
 public:
  struct Bucket {
    std::uint16_t model = 0;
    std::uint16_t occupancy = 0;
    IndexBitset members;
  };

  /// Empties the index; ordinals stay below `gpu_count`.
  void reset(std::uint32_t gpu_count);
  void insert(const GpuState& gpu, std::uint32_t ordinal);
  void erase(const GpuState& gpu, std::uint32_t ordinal);

  /// Buckets in order of first use; empty ones included.
  std::span<const Bucket> buckets() const { return buckets_; }
  /// Index of the bucket of (model, occupancy), or -1 where none has existed yet.
  std::int32_t find(std::uint16_t model, std::uint16_t occupancy) const;

 private:
  Bucket& bucket_of(const GpuState& gpu);

  std::uint32_t gpu_count_ = 0;
  std::vector<Bucket> buckets_;
  std::vector<std::vector<std::int32_t>> by_model_;  // [model][occupancy] -> bucket, -1 = none
};

}  // namespace gpusched
