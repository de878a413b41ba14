#include "wire/json_reader.hpp"

#include <memory>

namespace gpusched::extender {

bool JsonReader::begins(ondemand::value& value, ondemand::json_type wanted, const char* name, bool& found) {
  ondemand::json_type type{};
  if (const auto problem = value.type().get(type)) {
    return fail(problem);
  }
  found = type == wanted;
  if (found) {
    return true;
  }
  if (type != ondemand::json_type::null) {
    return expected(name);
  }
  bool is_null = false;
  if (const auto problem = value.is_null().get(is_null)) {
    return fail(problem);
  }
  return is_null || fail(simdjson::N_ATOM_ERROR);
}

bool JsonReader::text(ondemand::value value, std::string& out) {
  out.clear();
  bool found = false;
  if (!begins(value, ondemand::json_type::string, "string", found)) {
    return false;
  }
  std::string_view view;
  if (const auto problem = found ? value.get_string().get(view) : simdjson::SUCCESS) {
    return fail(problem);
  }
  out.assign(view);
  return true;
}

bool JsonReader::flag(ondemand::value value, bool& out) {
  out = false;
  bool found = false;
  if (!begins(value, ondemand::json_type::boolean, "boolean", found)) {
    return false;
  }
  const auto problem = found ? value.get_bool().get(out) : simdjson::SUCCESS;
  return problem ? fail(problem) : true;
}

bool JsonReader::integer(ondemand::value value, std::int64_t& out) {
  out = 0;
  bool found = false;
  if (!begins(value, ondemand::json_type::number, "whole number", found)) {
    return false;
  }
  const auto problem = found ? value.get_int64().get(out) : simdjson::SUCCESS;
  if (problem == simdjson::INCORRECT_TYPE || problem == simdjson::NUMBER_OUT_OF_RANGE ||
      problem == simdjson::NUMBER_ERROR) {
    return expected("whole number of 64 bits");
  }
  return problem ? fail(problem) : true;
}

bool JsonReader::view(ondemand::value value, std::deque<std::string>& unescaped, std::string_view& out) {
  out = {};
  bool found = false;
  if (!begins(value, ondemand::json_type::string, "string", found) || !found) {
    return what_.empty();
  }
  std::string_view token = value.raw_json_token();
  token = token.substr(0, token.find_last_of('"'));
  if (!token.empty() && token.find('\\') == std::string_view::npos) {
    out = token.substr(1);
    return true;
  }
  std::string_view text;
  if (const auto problem = value.get_string().get(text)) {
    return fail(problem);
  }
  out = unescaped.emplace_back(text);
  return true;
}

bool JsonReader::fail(ErrorCode code, std::string what) {
  code_ = code;
  what_ = std::move(what);
  path_.clear();
  return false;
}

bool JsonReader::fail(simdjson::error_code code) {
  return fail(ErrorCode::data_loss, std::string("is no JSON: ") + simdjson::error_message(code));
}

bool JsonReader::at(std::string_view key) {
  constexpr std::size_t most = 100;  // keys are the caller's: an answer must not grow with them
  path_.insert(0, std::string(key.substr(0, most)) + (path_.empty() || path_.front() == '[' ? "" : "."));
  return false;
}

bool JsonReader::at(std::size_t index) {
  path_.insert(0, "[" + std::to_string(index) + "]" + (path_.empty() || path_.front() == '[' ? "" : "."));
  return false;
}

Error JsonReader::error() const {
  return {.code = code_,
          .message = (path_.empty() ? "the body" : path_) + " " + what_,
          .file = {},
          .line = 0,
          .remedy = {}};
}

ondemand::parser& thread_parser(std::size_t bytes) {
  constexpr std::size_t kept_bytes = std::size_t{32} << 20;
  thread_local std::unique_ptr<ondemand::parser> parser;
  if (!parser || (parser->capacity() > kept_bytes && bytes <= kept_bytes / 2)) {
    parser = std::make_unique<ondemand::parser>();
  }
  return *parser;
}

}  // namespace gpusched::extender
