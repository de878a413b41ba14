#include "exact/share_patterns.hpp"

#include <algorithm>
#include <limits>

#include "gpusched/base/check.hpp"
#include "gpusched/base/units.hpp"

namespace gpusched::sim {

namespace {

struct Left {
  std::int64_t gpu_milli = 0, memory_mib = 0, tenants = 0;

  std::int64_t most(const ShareSize& size) const {
    std::int64_t count = std::min(gpu_milli / size.gpu_milli, tenants);
    return size.memory_mib > 0 ? std::min(count, memory_mib / size.memory_mib) : count;
  }
  Left without(const ShareSize& size, std::int64_t count) const {
    return {gpu_milli - count * size.gpu_milli, memory_mib - count * size.memory_mib, tenants - count};
  }
};

Left all_of(const ShareRoom& room) {
  return {milli_per_unit, room.memory_mib, room.tenants > 0 ? room.tenants : std::numeric_limits<std::int64_t>::max()};
}

class PatternLister {
 public:
  PatternLister(std::span<const ShareSize> sizes, std::size_t most) : sizes_(sizes), most_(most) {}

  /// False when there are too many, or too many to look at.
  bool list(const Left& left) {
    if (pattern_.size() == sizes_.size()) {
      const bool full =
          std::all_of(sizes_.begin(), sizes_.end(), [&](const ShareSize& size) { return left.most(size) == 0; });
      if (full) {
        patterns.push_back(pattern_);
      }
      return patterns.size() <= most_ && ++looked_at_ <= looks_per_pattern * most_;
    }
    const ShareSize& size = sizes_[pattern_.size()];
    for (std::int64_t count = left.most(size); count >= 0; --count) {
      pattern_.push_back(count);
      const bool good = list(left.without(size, count));
      pattern_.pop_back();
      if (!good) {
        return false;
      }
    }
    return true;
  }

  std::vector<std::vector<std::int64_t>> patterns;

 private:
  static constexpr std::size_t looks_per_pattern = 100;

  std::span<const ShareSize> sizes_;
  std::size_t most_;
  std::size_t looked_at_ = 0;
  std::vector<std::int64_t> pattern_;
};

}  // namespace

std::optional<std::vector<std::vector<std::int64_t>>> share_patterns(std::span<const ShareSize> sizes,
                                                                     const ShareRoom& room, std::size_t most) {
  GPUSCHED_CHECK(std::all_of(sizes.begin(), sizes.end(), [](const ShareSize& size) { return size.gpu_milli > 0; }),
                 "a share of nothing fits for ever");
  PatternLister lister(sizes, most);
  return lister.list(all_of(room)) ? std::optional(std::move(lister.patterns)) : std::nullopt;
}

std::int64_t most_shares(const ShareSize& size, const ShareRoom& room) { return all_of(room).most(size); }

}  // namespace gpusched::sim
