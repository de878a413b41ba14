#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace gpusched::sim {

/// What a share takes of a GPU.
struct ShareSize {
  std::int64_t gpu_milli = 0;
  std::int64_t memory_mib = 0;

  friend auto operator<=>(const ShareSize&, const ShareSize&) = default;
};

/// A GPU to be shared. 0 tenants = no limit.
struct ShareRoom {
  std::int64_t memory_mib = 0;
  std::int64_t tenants = 0;
};

/// How many shares of each size one GPU may hold: every way to which nothing can be added. nullopt when there are more
/// than `most`.
std::optional<std::vector<std::vector<std::int64_t>>> share_patterns(std::span<const ShareSize> sizes,
                                                                     const ShareRoom& room, std::size_t most);

/// How many shares of one size one GPU holds.
std::int64_t most_shares(const ShareSize& size, const ShareRoom& room);

}  // namespace gpusched::sim
