#include "gpusched/score/free_shares.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

#include "gpusched/base/intern_table.hpp"

namespace gpusched {

FreeShares FreeShares::of(const NodeState& node) {
  FreeShares free;
  free.cpu_milli = static_cast<std::int32_t>(std::clamp<std::int64_t>(
      node.cpu_free_milli, std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max()));
  if (node.gpus.empty()) {
    return free;
  }
  free.model = node.gpus[0].model;
  // From the back: what an index shows is sorted by free share, smallest first.
  for (std::size_t i = node.gpus.size(); i > 0; --i) {
    free.insert(static_cast<std::uint16_t>(node.gpus[i - 1].shareable_milli()));
  }
  return free;
}

void FreeShares::insert(std::uint16_t share) {
  std::size_t place = gpu_count;
  if (gpu_count < max_gpus) {
    ++gpu_count;
  } else if (share <= free_milli[--place]) {
    return;
  }
  for (; place > 0 && free_milli[place - 1] < share; --place) {
    free_milli[place] = free_milli[place - 1];
  }
  free_milli[place] = share;
}

std::int32_t FreeShares::total_milli() const {
  std::int32_t sum = 0;
  for (int i = 0; i < gpu_count; ++i) {
    sum += free_milli[static_cast<std::size_t>(i)];
  }
  return sum;
}

int FreeShares::idle_gpus() const {
  int count = 0;
  while (count < gpu_count && free_milli[static_cast<std::size_t>(count)] == milli_per_unit) {
    ++count;
  }
  return count;
}

std::uint64_t hash_value(const FreeShares& node) {
  std::array<std::uint64_t, FreeShares::max_gpus / 4> words{};
  std::memcpy(words.data(), node.free_milli.data(), sizeof words);
  std::uint64_t hash = (static_cast<std::uint64_t>(static_cast<std::uint32_t>(node.cpu_milli)) << 32) ^
                       (std::uint64_t{node.model} << 16) ^ node.gpu_count;
  hash *= 0x9e3779b97f4a7c15ULL;
  for (const std::uint64_t word : words) {
    hash = (hash ^ (hash >> 32) ^ word) * 0xff51afd7ed558ccdULL;
  }
  return mix_bits(hash);
}

}  // namespace gpusched
