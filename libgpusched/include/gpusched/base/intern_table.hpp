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
    return slots_.empty() ? none : slots_[slot_of(value, hash_value(value))].index;
  }

  std::uint32_t intern(const T& value) {
    if (values_.size() * 2 >= slots_.size()) {
      grow();
    }
    const std::uint64_t hash = hash_value(value);
    Slot& slot = slots_[slot_of(value, hash)];
    if (slot.index == none) {
      slot = {.tag = tag_of(hash), .index = size()};
      values_.push_back(value);
      hashes_.push_back(hash);
    }
    return slot.index;
  }

  void clear() {
    values_.clear();
    hashes_.clear();
    slots_.clear();
  }

 private:
  struct Slot {
    std::uint32_t tag = 0;  // upper half of the hash: values that differ are hardly ever fetched to be compared
    std::uint32_t index = none;
  };

  static std::uint32_t tag_of(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32); }

  /// Where the value is, or would go.
  std::size_t slot_of(const T& value, std::uint64_t hash) const {
    for (std::size_t slot = hash & (slots_.size() - 1);; slot = (slot + 1) & (slots_.size() - 1)) {
      const Slot& found = slots_[slot];
      if (found.index == none || (found.tag == tag_of(hash) && values_[found.index] == value)) {
        return slot;
      }
    }
  }

  void grow() {
    slots_.assign(slots_.empty() ? 64 : slots_.size() * 2, {});
    for (std::uint32_t index = 0; index < size(); ++index) {
      std::size_t slot = hashes_[index] & (slots_.size() - 1);
      while (slots_[slot].index != none) {
        slot = (slot + 1) & (slots_.size() - 1);
      }
      slots_[slot] = {.tag = tag_of(hashes_[index]), .index = index};
    }
  }

  std::vector<T> values_;
  std::vector<std::uint64_t> hashes_;
  std::vector<Slot> slots_;
};

}  // namespace gpusched
