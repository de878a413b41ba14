#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "gpusched/base/huge_page_allocator.hpp"
#include "gpusched/base/ids.hpp"
#include "gpusched/base/index_bitset.hpp"
#include "gpusched/cluster/gpu_state.hpp"

namespace gpusched {

/// The GPUs that can take MIG instances, by (model, occupied units). A decision looks at the classes that have members,
/// so its cost does not grow with the cluster. A member is a GPU ordinal: GPUs counted in node order.
///
/// Each GPU has two bytes that say its bucket, 32 of them in a line of memory; a bucket knows which lines hold members
/// of it. Small enough to stay in the cache with a million GPUs, where a set of members per bucket would not.
class GpuIndex {
 public:
  static constexpr std::uint32_t none = IndexBitset::none;

  struct Bucket {
    std::uint16_t model = 0;
    std::uint16_t occupancy = 0;
    std::uint32_t count = 0;     ///< of members
    std::uint32_t first = none;  ///< the lowest member
    IndexBitset lines;           ///< that hold members

    bool empty() const { return count == 0; }
  };

  /// Empties the index; ordinals stay below `gpu_count`.
  void reset(std::uint32_t gpu_count);
  /// Contract: the GPU is not in the index.
  void insert(const GpuState& gpu, std::uint32_t ordinal);
  /// Takes the GPU out; nothing happens where it is not in.
  void erase(std::uint32_t ordinal);
  /// Units of the GPU were occupied or given back; nothing happens where it is not in the index.
  void flip_units(std::uint32_t ordinal, std::uint16_t units);

  /// Buckets in order of first use; empty ones included.
  std::span<const Bucket> buckets() const { return buckets_; }
  /// Index of the bucket of (model, occupancy), or -1 where none has existed yet.
  std::int32_t find(std::uint16_t model, std::uint16_t occupancy) const;
  /// The lowest member of the bucket >= `from`, or none.
  std::uint32_t next_member(std::size_t bucket, std::uint32_t from) const;

 private:
  static constexpr std::uint16_t no_bucket = 0xffff;
  static constexpr std::uint32_t line_size = 32;

  /// The buckets of 32 GPUs, compared four at a time: GPU i is in word i % 8, field i / 8 of 16 bits.
  class alignas(64) Line {
   public:
    Line() { words_.fill(~std::uint64_t{0}); }
    std::uint16_t get(std::uint32_t i) const { return static_cast<std::uint16_t>(words_[i % 8] >> (i / 8 * 16)); }
    void set(std::uint32_t i, std::uint16_t bucket) {
      const std::uint64_t change = static_cast<std::uint16_t>(get(i) ^ bucket);
      words_[i % 8] ^= change << (i / 8 * 16);
    }
    /// The lowest GPU >= `from` that is in the bucket, or none.
    std::uint32_t first_from(std::uint16_t bucket, std::uint32_t from) const;

   private:
    static constexpr std::uint32_t bit_of(std::uint32_t i) { return i / 8 * 16 + i % 8; }

    std::array<std::uint64_t, line_size / 4> words_;
  };

  std::uint16_t bucket_of(std::uint16_t model, std::uint16_t occupancy);
  void join(std::uint16_t bucket, std::uint32_t ordinal);
  void leave(std::uint16_t bucket, std::uint32_t ordinal);

  std::vector<Line, HugePageAllocator<Line>> lines_;
  std::vector<Bucket> buckets_;
  std::vector<std::vector<std::int32_t>> by_model_;  // [model][occupancy] -> bucket, -1 = none
};

}  // namespace gpusched
