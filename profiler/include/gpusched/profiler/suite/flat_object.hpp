#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "gpusched/base/result.hpp"

namespace gpusched::suite {

/// A JSON object without nesting: one line of what a job prints and of a result log. The suite runs on machines that
/// have nothing but a compiler, so it reads and writes its own lines.
class FlatObject {
 public:
  using Value = std::variant<std::string, double, bool>;

  /// Reads one line. invalid_argument names the position of what is no JSON, nested, null, not finite or a key twice.
  static Result<FlatObject> parse(std::string_view line);

  /// Appends a field, or replaces the one of that name. Contract: numbers are finite.
  FlatObject& set(std::string_view key, double value) { return put(key, value); }
  FlatObject& set(std::string_view key, int value) { return put(key, static_cast<double>(value)); }
  FlatObject& set(std::string_view key, bool value) { return put(key, value); }
  FlatObject& set(std::string_view key, std::string value) { return put(key, std::move(value)); }
  FlatObject& set(std::string_view key, const char* value) { return put(key, std::string(value)); }
  /// Sets every field of another object but those named.
  FlatObject& merge(const FlatObject& other, std::span<const std::string_view> without = {});

  /// The field, or nothing where it is missing or of another type.
  std::optional<double> number(std::string_view key) const;
  std::optional<std::string> text(std::string_view key) const;
  std::optional<bool> flag(std::string_view key) const;

  const std::vector<std::pair<std::string, Value>>& fields() const { return fields_; }

  /// One line without its newline, fields in the order in which they were set; reading it gives an equal object.
  std::string line() const;

  friend bool operator==(const FlatObject&, const FlatObject&) = default;

 private:
  friend class LineParser;
  FlatObject& put(std::string_view key, Value value);
  const Value* find(std::string_view key) const;

  std::vector<std::pair<std::string, Value>> fields_;
};

}  // namespace gpusched::suite
