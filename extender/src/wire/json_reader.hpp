#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include <simdjson.h>

#include "gpusched/base/result.hpp"
#include "gpusched/extender/wire.hpp"

/// Typed reading of simdjson values, each once and in document order. All functions return false on an error, which is
/// kept in the JsonReader, and add their part of the path on the way out.
namespace gpusched::extender {

namespace ondemand = simdjson::ondemand;

class JsonReader {
 public:
  explicit JsonReader(const WireLimits& limits) : limits_(limits) {}

  const WireLimits& limits() const { return limits_; }
  ondemand::document& document() { return document_; }

  /// Parses the text and hands its root object, field by field, to `field(key, value)`. Nothing may follow it.
  template <typename Field>
  bool root(std::string_view padded_json, Field field);

  /// Every field of an object; null counts as an object without any.
  template <typename Field>
  bool object(ondemand::value value, Field field);

  /// Every element of an array; null counts as an empty one.
  template <typename Element>
  bool array(ondemand::value value, std::size_t most, Element element);

  /// null gives the empty or zero value.
  bool text(ondemand::value value, std::string& out);
  bool flag(ondemand::value value, bool& out);
  bool integer(ondemand::value value, std::int64_t& out);
  /// A view into the document where the text has no escapes, else into one of `unescaped`.
  bool view(ondemand::value value, std::deque<std::string>& unescaped, std::string_view& out);

  bool fail(ErrorCode code, std::string what);
  /// Puts a key or index in front of the path of the error; returns false.
  bool at(std::string_view key);
  bool at(std::size_t index);

  Error error() const;

 private:
  bool fail(simdjson::error_code code);
  /// Whether the value is of the type that is wanted; true with `found` unset for null, false for anything else.
  bool begins(ondemand::value& value, ondemand::json_type wanted, const char* name, bool& found);
  bool expected(const char* what) { return fail(ErrorCode::invalid_argument, std::string("is no ") + what); }

  template <typename Field>
  bool fields(ondemand::object object, Field& field);

  WireLimits limits_;
  ondemand::document document_;
  ErrorCode code_ = ErrorCode::invalid_argument;
  std::string path_, what_;
};

/// The parser of this thread; one that has grown beyond a few bodies of ordinary size is given up again.
ondemand::parser& thread_parser(std::size_t bytes);

template <typename Field>
bool JsonReader::fields(ondemand::object object, Field& field) {
  for (auto entry : object) {
    ondemand::field pair;
    if (const auto problem = std::move(entry).get(pair)) {
      return fail(problem);
    }
    std::string_view key;
    if (const auto problem = pair.unescaped_key().get(key)) {
      return fail(problem);
    }
    if (!field(key, pair.value())) {
      return at(key);
    }
  }
  return true;
}

template <typename Field>
bool JsonReader::root(std::string_view padded_json, Field field) {
  if (padded_json.size() > limits_.max_bytes) {
    return fail(ErrorCode::data_loss, "longer than " + std::to_string(limits_.max_bytes) + " bytes");
  }
  const simdjson::padded_string_view padded(padded_json.data(), padded_json.size(), padded_json.size() + wire_padding);
  if (const auto problem = thread_parser(padded_json.size()).iterate(padded).get(document_)) {
    return fail(problem);
  }
  ondemand::object object;
  if (const auto problem = document_.get_object().get(object)) {
    return problem == simdjson::INCORRECT_TYPE ? expected("object") : fail(problem);
  }
  if (!fields(object, field)) {
    return false;
  }
  return !document_.current_location().error() ? fail(simdjson::TRAILING_CONTENT) : true;
}

template <typename Field>
bool JsonReader::object(ondemand::value value, Field field) {
  bool found = false;
  if (!begins(value, ondemand::json_type::object, "object", found)) {
    return false;
  }
  if (!found) {
    return true;
  }
  ondemand::object object;
  if (const auto problem = value.get_object().get(object)) {
    return fail(problem);
  }
  return fields(object, field);
}

template <typename Element>
bool JsonReader::array(ondemand::value value, std::size_t most, Element element) {
  bool found = false;
  if (!begins(value, ondemand::json_type::array, "array", found)) {
    return false;
  }
  if (!found) {
    return true;
  }
  ondemand::array array;
  if (const auto problem = value.get_array().get(array)) {
    return fail(problem);
  }
  std::size_t index = 0;
  for (auto entry : array) {
    ondemand::value item;
    if (const auto problem = std::move(entry).get(item)) {
      return fail(problem);
    }
    if (index == most) {
      return fail(ErrorCode::data_loss, "has more than " + std::to_string(most) + " elements");
    }
    if (!element(item)) {
      return at(index);
    }
    ++index;
  }
  return true;
}

}  // namespace gpusched::extender
