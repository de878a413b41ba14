#include "io/json_fields.hpp"

#include <algorithm>
#include <set>
#include <vector>

namespace gpusched::io {

namespace {

constexpr std::size_t shown_bytes = 60;
constexpr int most_levels = 32;  // showing a value descends into it: a million levels would end the stack

/// A value as an error shows it. Bytes that are not UTF-8 cannot be shown.
std::string shown(const Json& value) {
  std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  if (text.size() > shown_bytes) {
    text.resize(shown_bytes);
    text += "...";
  }
  return text;
}

}  // namespace

Result<Json> parse_json(std::string_view text, const std::string& file) {
  std::vector<std::set<std::string>> keys;  // of the objects that are open
  std::string repeated;
  int levels = 0;
  const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
    levels = std::max(levels, depth);
    if (event == Json::parse_event_t::object_start) {
      keys.emplace_back();
    } else if (event == Json::parse_event_t::object_end) {
      keys.pop_back();
    } else if (event == Json::parse_event_t::key && !keys.back().insert(parsed.get<std::string>()).second &&
               repeated.empty()) {
      repeated = parsed.get<std::string>();
    }
    return true;
  };
  Error error{.code = ErrorCode::data_loss, .message = {}, .file = file, .line = 0, .remedy = {}};
  try {
    Json json = Json::parse(text, watch);
    if (levels > most_levels) {
      error.code = ErrorCode::invalid_argument;
      error.message = "nested " + std::to_string(levels) + " levels deep, more than " + std::to_string(most_levels);
      return error;
    }
    if (repeated.empty()) {
      return json;
    }
    error.message = "the key " + shown(repeated) + " occurs twice in one object";
    error.remedy = "Keep one of them";
  } catch (const Json::parse_error& problem) {
    const auto end = text.begin() + static_cast<std::ptrdiff_t>(std::min(problem.byte, text.size()));
    error.line = 1 + static_cast<int>(std::count(text.begin(), end, '\n'));
    error.message = std::string("not JSON: ") + problem.what();
  } catch (const Json::exception& problem) {  // a number beyond double, for example
    error.message = std::string("not JSON: ") + problem.what();
  }
  return error;
}

bool JsonFields::object(const Json& json, const std::string& path, std::span<const std::string_view> known) {
  if (!json.is_object()) {
    fail(ErrorCode::invalid_argument, path + " is " + shown(json) + ", not an object", "");
    return false;
  }
  for (const auto& [key, value] : json.items()) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      std::string names;
      for (const std::string_view name : known) {
        names += (names.empty() ? "" : ", ") + std::string(name);
      }
      fail(ErrorCode::invalid_argument, path + " has an unknown field " + shown(key), "Known fields: " + names);
      return false;
    }
  }
  return true;
}

const Json* JsonFields::member(const Json& object, const std::string& path, std::string_view name) {
  const auto found = object.is_object() ? object.find(std::string(name)) : object.end();
  if (found == object.end()) {
    fail(ErrorCode::invalid_argument, path + " has no field " + std::string(name), "It is required");
    return nullptr;
  }
  return &*found;
}

std::string JsonFields::text(const Json& object, const std::string& path, std::string_view name) {
  const Json* value = member(object, path, name);
  if (value == nullptr) {
    return {};
  }
  if (!value->is_string()) {
    fail(ErrorCode::invalid_argument, path + "." + std::string(name) + " is " + shown(*value) + ", not a text", "");
    return {};
  }
  return value->get<std::string>();
}

double JsonFields::as_number(const Json& value, const std::string& path) {
  if (!value.is_number()) {
    fail(ErrorCode::invalid_argument, path + " is " + shown(value) + ", not a number",
         "JSON has no NaN and no infinity: leave out what was not measured");
    return 0;
  }
  return value.get<double>();
}

double JsonFields::number(const Json& object, const std::string& path, std::string_view name) {
  const Json* value = member(object, path, name);
  return value == nullptr ? 0 : as_number(*value, path + "." + std::string(name));
}

std::optional<double> JsonFields::optional_number(const Json& object, const std::string& path, std::string_view name) {
  const auto found = object.is_object() ? object.find(std::string(name)) : object.end();
  if (found == object.end()) {
    return std::nullopt;
  }
  return as_number(*found, path + "." + std::string(name));
}

std::int64_t JsonFields::integer(const Json& object, const std::string& path, std::string_view name) {
  const Json* value = member(object, path, name);
  if (value == nullptr) {
    return 0;
  }
  if (!value->is_number_integer() ||
      (value->is_number_unsigned() && value->get<std::uint64_t>() > std::uint64_t{1} << 62)) {
    fail(ErrorCode::invalid_argument, path + "." + std::string(name) + " is " + shown(*value) + ", not a whole number",
         "");
    return 0;
  }
  return value->get<std::int64_t>();
}

void JsonFields::fail(ErrorCode code, std::string message, std::string remedy) {
  if (status_.ok()) {
    status_ = Error{.code = code, .message = std::move(message), .file = file_, .line = 0, .remedy = std::move(remedy)};
  }
}

}  // namespace gpusched::io
