#pragma once

#include <array>
#include <cstdint>

#include "gpusched/cluster/node_state.hpp"

namespace gpusched {

/// Free CPU and GPUs of a node, all that most scores depend on: GPUs by free share, largest first.
struct FreeShares {
  static constexpr int max_gpus = 16;  ///< of a node with more, the freest count

  std::int32_t cpu_milli = 0;
  std::uint16_t model = 0;  ///< GpuModelId, or a number of the caller's
  std::uint16_t gpu_count = 0;
  std::array<std::uint16_t, max_gpus> free_milli{};

  /// What is free on a node; memory is not looked at, and CPU beyond 32 bits is cut off.
  static FreeShares of(const NodeState& node);

  friend bool operator==(const FreeShares&, const FreeShares&) = default;
  std::int32_t total_milli() const;
  int idle_gpus() const;

 private:
  void insert(std::uint16_t share);
};

std::uint64_t hash_value(const FreeShares& node);

}  // namespace gpusched
