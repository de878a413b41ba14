#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "gpusched/base/intern_table.hpp"

namespace gpusched::sim {

inline std::uint64_t hash_text(std::string_view text) {
  std::uint64_t hash = text.size();
  while (text.size() >= sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data(), sizeof word);
    hash = mix_bits(hash ^ word);
    text.remove_prefix(sizeof word);
  }
  std::uint64_t rest = 0;
  if (!text.empty()) {
    std::memcpy(&rest, text.data(), text.size());
  }
  return mix_bits(hash ^ rest);
}

/// Finds the number of a text that lives elsewhere: a million ids cost 8 bytes each here instead of a map's 80.
/// `text_of(number)` gives the text back.
class IdIndex {
 public:
  static constexpr std::uint32_t none = 0xffffffffU;

  /// The number under which `text` is known; otherwise remembers it under `number` and returns none.
  template <typename TextOf>
  std::uint32_t find_or_add(std::string_view text, std::uint32_t number, const TextOf& text_of) {
    if (size_ * 2 >= slots_.size()) {
      grow(text_of);
    }
    std::uint32_t& slot = slots_[probe(text, text_of)];
    if (slot == none) {
      slot = number;
      ++size_;
      return none;
    }
    return slot;
  }

  template <typename TextOf>
  std::uint32_t find(std::string_view text, const TextOf& text_of) const {
    return slots_.empty() ? none : slots_[probe(text, text_of)];
  }

 private:
  template <typename TextOf>
  std::size_t probe(std::string_view text, const TextOf& text_of) const {
    std::size_t at = hash_text(text) & (slots_.size() - 1);
    while (slots_[at] != none && text_of(slots_[at]) != text) {
      at = (at + 1) & (slots_.size() - 1);
    }
    return at;
  }

  template <typename TextOf>
  void grow(const TextOf& text_of) {
    std::vector<std::uint32_t> old(slots_.empty() ? 64 : slots_.size() * 2, none);
    old.swap(slots_);
    for (const std::uint32_t number : old) {
      if (number != none) {
        slots_[probe(text_of(number), text_of)] = number;
      }
    }
  }

  std::vector<std::uint32_t> slots_;
  std::size_t size_ = 0;
};

}  // namespace gpusched::sim
