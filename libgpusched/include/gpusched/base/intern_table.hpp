#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace gpusched {

/// Mixes 64 bits well enough for open addressing (the finaliser of SplitMix64).
inline constexpr std::uint64_t mix_bits(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

/// Gives equal values one dense number, in the order of first appearance. Nothing is ever removed, only all of it.
/// `T` needs operator== and a member or free function `std::uint64_t hash_value(const T&)`.
template <typename T>
class InternTable {
 public:
  static constexpr std::uint32_t none = 0xffffffffU;

  std::uint32_t size() const { return static_cast<std::uint32_t>(values_.size()); }
  const T& operator[](std::uint32_t index) const { return values_[index]; }

  std::uint32_t find(const T& value) const {
    if (slots_.empty()) {
      return none;
    }
    const std::uint64_t hash = hash_value(value);
    for (std::size_t slot = hash & (slots_.size() - 1);; slot = (slot + 1) & (slots_.size() - 1)) {
      const std::uint32_t index = slots_[slot];
      if (index == none || (hashes_[index] == hash && values_[index] == value)) {
        return index;
      }
    }
  }

  std::uint32_t intern(const T& value) {
    if (values_.size() * 2 >= slots_.size()) {
      grow();
    }
    const std::uint64_t hash = hash_value(value);
    for (std::size_t slot = hash & (slots_.size() - 1);; slot = (slot + 1) & (slots_.size() - 1)) {
      const std::uint32_t index = slots_[slot];
      if (index == none) {
        slots_[slot] = size();
        values_.push_back(value);
        hashes_.push_back(hash);
        return slots_[slot];
      }
      if (hashes_[index] == hash && values_[index] == value) {
        return index;
      }
    }
  }

  void clear() {
    values_.clear();
    hashes_.clear();
    slots_.clear();
  }

 private:
  void grow() {
    slots_.assign(slots_.empty() ? 64 : slots_.size() * 2, none);
    for (std::uint32_t index = 0; index < size(); ++index) {
      std::size_t slot = hashes_[index] & (slots_.size() - 1);
      while (slots_[slot] != none) {
        slot = (slot + 1) & (slots_.size() - 1);
      }
      slots_[slot] = index;
    }
  }

  std::vector<T> values_;
  std::vector<std::uint64_t> hashes_;
  std::vector<std::uint32_t> slots_;
};

}  // namespace gpusched
