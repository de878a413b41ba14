#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "gpusched/base/result.hpp"

namespace gpusched::io {

using Json = nlohmann::ordered_json;

/// Parses one JSON document. Errors (data_loss) name file and line; a key that occurs twice in an object is one,
/// because JSON libraries keep either value.
Result<Json> parse_json(std::string_view text, const std::string& file);

/// Reads the members of JSON objects into values. The first problem counts and names the member's path and its value;
/// readers go on with defaults and ask status() at the end.
class JsonFields {
 public:
  explicit JsonFields(std::string file) : file_(std::move(file)) {}

  /// True when `json` is an object whose members are all among `known`.
  bool object(const Json& json, const std::string& path, std::span<const std::string_view> known);

  // A required member; a default after a problem.
  std::string text(const Json& object, const std::string& path, std::string_view name);
  double number(const Json& object, const std::string& path, std::string_view name);
  std::int64_t integer(const Json& object, const std::string& path, std::string_view name);
  /// The member itself; nullptr after a problem.
  const Json* member(const Json& object, const std::string& path, std::string_view name);

  // Nothing where the member is not there.
  std::optional<double> optional_number(const Json& object, const std::string& path, std::string_view name);

  void fail(ErrorCode code, std::string message, std::string remedy);
  void fail(Error error) { fail(error.code, std::move(error.message), std::move(error.remedy)); }

  const Status& status() const { return status_; }
  bool ok() const { return status_.ok(); }

 private:
  double as_number(const Json& value, const std::string& path);

  std::string file_;
  Status status_;
};

}  // namespace gpusched::io
