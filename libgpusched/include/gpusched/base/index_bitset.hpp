#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace gpusched {

/// A set of small integers with O(log64 n) insert, erase and "first member from i on".
class IndexBitset {
 public:
  static constexpr std::uint32_t none = 0xffffffffU;

  /// Empties the set and makes room for members below `capacity`.
  void reset(std::uint32_t capacity) {
    std::size_t size = 0;
    std::uint32_t words = capacity;
    level_count_ = 0;
    do {
      words = (words + 63) / 64;
      level_start_[level_count_++] = size;
      size += words;
    } while (words > 1);
    words_.assign(size, 0);
  }
  bool empty() const { return words_.empty() || words_.back() == 0; }

  /// Inserting a member, or erasing what is none, changes nothing.
  void insert(std::uint32_t i) {
    for (std::size_t level = 0; level < level_count_; ++level) {
      std::uint64_t& word = words_[level_start_[level] + (i >> 6)];
      const bool was_empty = word == 0;
      word |= std::uint64_t{1} << (i & 63);
      if (!was_empty) {
        return;
      }
      i >>= 6;
    }
  }
  void erase(std::uint32_t i) {
    for (std::size_t level = 0; level < level_count_; ++level) {
      std::uint64_t& word = words_[level_start_[level] + (i >> 6)];
      word &= ~(std::uint64_t{1} << (i & 63));
      if (word != 0) {
        return;
      }
      i >>= 6;
    }
  }
  std::uint32_t first() const { return next(0); }

  /// The smallest member >= i, or none.
  std::uint32_t next(std::uint32_t i) const {
    for (std::size_t level = 0; level < level_count_; ++level) {
      const std::size_t word = level_start_[level] + (i >> 6);
      if (word >= (level + 1 < level_count_ ? level_start_[level + 1] : words_.size())) {
        return none;
      }
      const std::uint64_t rest = words_[word] & (~std::uint64_t{0} << (i & 63));
      if (rest != 0) {
        i = (i & ~63U) + static_cast<std::uint32_t>(std::countr_zero(rest));
        return descend(level, i);
      }
      i = (i >> 6) + 1;
    }
    return none;
  }

  bool contains(std::uint32_t i) const { return (words_[i >> 6] >> (i & 63) & 1U) != 0; }

  /// The largest member < i, or none. Contract: i <= capacity.
  std::uint32_t previous(std::uint32_t i) const {
    for (std::size_t level = 0; level < level_count_ && i > 0; ++level) {
      const std::uint32_t word = (i - 1) >> 6;
      const std::uint64_t rest = words_[level_start_[level] + word] & (~std::uint64_t{0} >> (63 - ((i - 1) & 63)));
      if (rest != 0) {
        std::uint32_t found = (word << 6) + 63U - static_cast<std::uint32_t>(std::countl_zero(rest));
        while (level-- > 0) {
          const std::uint64_t below = words_[level_start_[level] + found];
          found = (found << 6) + 63U - static_cast<std::uint32_t>(std::countl_zero(below));
        }
        return found;
      }
      i = word;
    }
    return none;
  }

 private:
  /// The smallest member below bit `i` of a level.
  std::uint32_t descend(std::size_t level, std::uint32_t i) const {
    for (; level > 0; --level) {
      i = (i << 6) + static_cast<std::uint32_t>(std::countr_zero(words_[level_start_[level - 1] + i]));
    }
    return i;
  }

  std::vector<std::uint64_t> words_;  // the members, then levels on which each bit is a word below that is not empty
  std::array<std::size_t, 6> level_start_{};  // into words_; 64^6 exceeds what 32 bits can number
  std::size_t level_count_ = 0;
};

}  // namespace gpusched
