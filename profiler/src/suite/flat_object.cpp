#include "gpusched/profiler/suite/flat_object.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>

#include "gpusched/base/json_string.hpp"

namespace gpusched::suite {

namespace {

void append_number(std::string& out, double value) {
  GPUSCHED_CHECK(std::isfinite(value), "a number of a line is finite");
  std::array<char, 32> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  out.append(buffer.data(), end);
}

/// UTF-8 of a code point below 0x10000; \u escapes are all that nests into a string.
void append_code_point(std::string& out, unsigned code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | (code >> 6));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    out += static_cast<char>(0xE0 | (code >> 12));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

}  // namespace

class LineParser {
 public:
  explicit LineParser(std::string_view line) : line_(line) {}

  Result<FlatObject> object() {
    FlatObject result;
    if (!take('{')) {
      return fail("expected '{'");
    }
    if (!take('}')) {
      do {
        std::string key;
        if (!string(key)) {
          return fail("expected a field's name in quotes");
        }
        if (!take(':')) {
          return fail("expected ':'");
        }
        FlatObject::Value value;
        if (!read(value)) {
          return fail("expected text, a finite number, true or false");
        }
        const std::size_t before = result.fields().size();
        result.put(key, std::move(value));
        if (result.fields().size() == before) {
          return fail("field '" + key + "' is there twice");
        }
      } while (take(','));
      if (!take('}')) {
        return fail("expected ',' or '}'");
      }
    }
    skip_blanks();
    if (at_ != line_.size()) {
      return fail("text behind the object");
    }
    return result;
  }

 private:
  Error fail(std::string what) const {
    return {.code = ErrorCode::invalid_argument,
            .message = "no JSON object in one line: " + std::move(what) + " at character " + std::to_string(at_ + 1),
            .file = {},
            .line = 0,
            .remedy = {}};
  }

  void skip_blanks() {
    while (at_ < line_.size() && (line_[at_] == ' ' || line_[at_] == '\t' || line_[at_] == '\r')) {
      ++at_;
    }
  }

  bool take(char wanted) {
    skip_blanks();
    const bool there = at_ < line_.size() && line_[at_] == wanted;
    at_ += there ? 1 : 0;
    return there;
  }

  bool word(std::string_view wanted) {
    const bool there = line_.substr(at_, wanted.size()) == wanted;
    at_ += there ? wanted.size() : 0;
    return there;
  }

  bool string(std::string& out) {
    if (!take('"')) {
      return false;
    }
    while (at_ < line_.size()) {
      const char c = line_[at_++];
      if (c == '"') {
        return true;
      }
      if (static_cast<unsigned char>(c) < 0x20) {
        return false;
      }
      if (c != '\\') {
        out += c;
      } else if (!escape(out)) {
        return false;
      }
    }
    return false;
  }

  bool escape(std::string& out) {
    if (at_ == line_.size()) {
      return false;
    }
    constexpr std::string_view names = "\"\\/bfnrt";
    constexpr std::string_view values = "\"\\/\b\f\n\r\t";
    const char c = line_[at_++];
    if (const std::size_t known = names.find(c); known != std::string_view::npos) {
      out += values[known];
      return true;
    }
    if (c != 'u' || line_.size() - at_ < 4) {
      return false;
    }
    unsigned code = 0;
    const char* const begin = line_.data() + at_;
    const auto [end, problem] = std::from_chars(begin, begin + 4, code, 16);
    if (problem != std::errc() || end != begin + 4 || (code >= 0xD800 && code < 0xE000)) {
      return false;
    }
    at_ += 4;
    append_code_point(out, code);
    return true;
  }

  bool read(FlatObject::Value& value) {
    skip_blanks();
    if (at_ < line_.size() && line_[at_] == '"') {
      std::string text;
      const bool complete = string(text);
      value = std::move(text);
      return complete;
    }
    if (word("true")) {
      value = true;
      return true;
    }
    if (word("false")) {
      value = false;
      return true;
    }
    // from_chars takes "inf" and "nan" too, which JSON has not.
    if (at_ == line_.size() || (line_[at_] != '-' && (line_[at_] < '0' || line_[at_] > '9'))) {
      return false;
    }
    double number = 0;
    const auto [end, problem] = std::from_chars(line_.data() + at_, line_.data() + line_.size(), number);
    if (problem != std::errc() || !std::isfinite(number)) {
      return false;
    }
    at_ = static_cast<std::size_t>(end - line_.data());
    value = number;
    return true;
  }

  std::string_view line_;
  std::size_t at_ = 0;
};

Result<FlatObject> FlatObject::parse(std::string_view line) { return LineParser(line).object(); }

FlatObject& FlatObject::put(std::string_view key, Value value) {
  const auto known =
      std::find_if(fields_.begin(), fields_.end(), [&](const auto& field) { return field.first == key; });
  if (known != fields_.end()) {
    known->second = std::move(value);
  } else {
    fields_.emplace_back(std::string(key), std::move(value));
  }
  return *this;
}

FlatObject& FlatObject::merge(const FlatObject& other, std::span<const std::string_view> without) {
  for (const auto& [key, value] : other.fields_) {
    if (std::find(without.begin(), without.end(), key) == without.end()) {
      put(key, value);
    }
  }
  return *this;
}

const FlatObject::Value* FlatObject::find(std::string_view key) const {
  const auto known =
      std::find_if(fields_.begin(), fields_.end(), [&](const auto& field) { return field.first == key; });
  return known == fields_.end() ? nullptr : &known->second;
}

std::optional<double> FlatObject::number(std::string_view key) const {
  const Value* value = find(key);
  const double* number = value == nullptr ? nullptr : std::get_if<double>(value);
  return number == nullptr ? std::nullopt : std::optional(*number);
}

std::optional<std::string> FlatObject::text(std::string_view key) const {
  const Value* value = find(key);
  const std::string* text = value == nullptr ? nullptr : std::get_if<std::string>(value);
  return text == nullptr ? std::nullopt : std::optional(*text);
}

std::optional<bool> FlatObject::flag(std::string_view key) const {
  const Value* value = find(key);
  const bool* flag = value == nullptr ? nullptr : std::get_if<bool>(value);
  return flag == nullptr ? std::nullopt : std::optional(*flag);
}

std::string FlatObject::line() const {
  std::string out = "{";
  for (const auto& [key, value] : fields_) {
    if (out.size() > 1) {
      out += ", ";
    }
    append_json_string(key, out);
    out += ": ";
    if (const auto* text = std::get_if<std::string>(&value)) {
      append_json_string(*text, out);
    } else if (const auto* number = std::get_if<double>(&value)) {
      append_number(out, *number);
    } else {
      out += std::get<bool>(value) ? "true" : "false";
    }
  }
  return out + "}";
}

}  // namespace gpusched::suite
