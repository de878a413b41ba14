#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gpusched::sim {

/// One JSON object without nesting, as texts: numbers as they are written (never through a double), booleans as 0 and
/// 1, null as nothing. An object of scalars becomes `k=v|k=v`, an array of scalars `a|b`: GTF's maps and sets. Only the
/// value of `document_key` may be nested deeper: it is kept as JSON, repeated keys included.
class JsonLine {
 public:
  static constexpr std::string_view document_key = "profile";

  struct Entry {
    std::string key;
    std::string value;
  };

  /// False when `text` is not such an object; problem() says why. Never throws.
  bool parse(std::string_view text);

  /// In the order of the line; a key may repeat.
  const std::vector<Entry>& entries() const { return entries_; }
  const std::string& problem() const { return problem_; }

  /// The first value of a key; empty when there is none.
  std::string_view find(std::string_view key) const;

 private:
  friend class JsonLineHandler;
  std::vector<Entry> entries_;
  std::string problem_;
};

/// Whether JSON can hold `text` as a number that is read back as the same text.
bool is_json_number(std::string_view text);

}  // namespace gpusched::sim
