#pragma once

#include <limits>
#include <string>
#include <unordered_map>
#include <vector>

#include "gpusched/base/units.hpp"

#include "table.hpp"

namespace gpusched::python {

/// No number: NaN in numpy, null in Arrow.
inline constexpr double missing = std::numeric_limits<double>::quiet_NaN();

/// Seconds; missing where the time is -1.
inline double to_s(TimeNs time_ns) {
  return time_ns < 0 ? missing : static_cast<double>(time_ns) / static_cast<double>(ns_per_s);
}

/// A column of `value(row)` for each row.
template <typename T, typename Rows, typename Value>
std::vector<T> numbers_of(const Rows& rows, Value value) {
  std::vector<T> numbers;
  numbers.reserve(rows.size());
  for (const auto& row : rows) {
    numbers.push_back(static_cast<T>(value(row)));
  }
  return numbers;
}

template <typename Rows, typename Value>
Texts texts_of(const Rows& rows, Value value) {
  Texts texts;
  texts.offsets.reserve(rows.size() + 1);
  for (const auto& row : rows) {
    texts.add(value(row));
  }
  return texts;
}

/// Words in order of first appearance; an empty one is no value.
template <typename Rows, typename Value>
Words words_of(const Rows& rows, Value value) {
  Words words;
  words.codes.reserve(rows.size());
  std::unordered_map<std::string, std::int32_t> known;
  for (const auto& row : rows) {
    const std::string word(value(row));
    if (word.empty()) {
      words.codes.push_back(-1);
      continue;
    }
    const auto [place, is_new] = known.emplace(word, static_cast<std::int32_t>(known.size()));
    if (is_new) {
      words.words.add(word);
    }
    words.codes.push_back(place->second);
  }
  return words;
}

}  // namespace gpusched::python
