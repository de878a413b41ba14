#pragma once

#include <bit>
#include <cstdint>
#include <vector>

namespace gpusched {

/// A set of small integers with O(log64 n) insert, erase and "first member from i on": the members of a state class.
class IndexBitset {
 public:
  static constexpr std::uint32_t none = 0xffffffffU;

  /// Empties the set and makes room for members below `capacity`.
  void reset(std::uint32_t capacity) {
    levels_.clear();
    count_ = 0;
    std::uint32_t words = capacity;
    do {
      words = (words + 63) / 64;
      levels_.emplace_back(words, 0);
    } while (words > 1);
  }
  bool allocated() const { return !levels_.empty(); }
  std::uint32_t count() const { return count_; }
  bool empty() const { return count_ == 0; }

  void insert(std::uint32_t i) {
    ++count_;
    for (auto& level : levels_) {
      std::uint64_t& word = level[i >> 6];
      const bool was_empty = word == 0;
      word |= std::uint64_t{1} << (i & 63);
      if (!was_empty) {
        return;
      }
      i >>= 6;
    }
  }
  void erase(std::uint32_t i) {
    --count_;
    for (auto& level : levels_) {
      std::uint64_t& word = level[i >> 6];
      word &= ~(std::uint64_t{1} << (i & 63));
      if (word != 0) {
        return;
      }
      i >>= 6;
    }
  }
  std::uint32_t first() const { return empty() ? none : descend(levels_.size() - 1, 0); }

  /// The smallest member >= i, or none.
  std::uint32_t next(std::uint32_t i) const {
    if (empty()) {
      return none;
    }
    for (std::size_t level = 0; level < levels_.size(); ++level) {
      const std::uint32_t word = i >> 6;
      if (word >= levels_[level].size()) {
        return none;
      }
      const std::uint64_t rest = levels_[level][word] & (~std::uint64_t{0} << (i & 63));
      if (rest != 0) {
        const std::uint32_t found = (word << 6) + static_cast<std::uint32_t>(std::countr_zero(rest));
        return level == 0 ? found : descend(level - 1, found);
      }
      i = word + 1;
    }
    return none;
  }

  bool contains(std::uint32_t i) const { return (levels_[0][i >> 6] >> (i & 63) & 1U) != 0; }

  /// The largest member < i, or none. Contract: i <= capacity.
  std::uint32_t previous(std::uint32_t i) const {
    for (std::size_t level = 0; level < levels_.size() && i > 0; ++level) {
      const std::uint32_t word = (i - 1) >> 6;
      const std::uint64_t rest = levels_[level][word] & (~std::uint64_t{0} >> (63 - ((i - 1) & 63)));
      if (rest != 0) {
        std::uint32_t found = (word << 6) + 63U - static_cast<std::uint32_t>(std::countl_zero(rest));
        while (level-- > 0) {
          found = (found << 6) + 63U - static_cast<std::uint32_t>(std::countl_zero(levels_[level][found]));
        }
        return found;
      }
      i = word;
    }
    return none;
  }

 private:
  std::uint32_t descend(std::size_t level, std::uint32_t word) const {
    for (;; --level) {
      const std::uint32_t bit = (word << 6) + static_cast<std::uint32_t>(std::countr_zero(levels_[level][word]));
      if (level == 0) {
        return bit;
      }
      word = bit;
    }
  }

  std::vector<std::vector<std::uint64_t>> levels_;  // level 0 = members, each bit above = a word that is not empty
  std::uint32_t count_ = 0;
};

}  // namespace gpusched
