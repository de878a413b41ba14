#include "gpusched/kube/allocation_record.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

namespace gpusched {

namespace {

constexpr std::string_view version = "v1";
constexpr std::size_t max_text = std::size_t{256}
                                 << 10;  // what Kubernetes allows all annotations of an object together
constexpr std::size_t max_parts = 4096;

Error bad(std::string message) {
  return {.code = ErrorCode::invalid_argument, .message = std::move(message), .file = {}, .line = 0, .remedy = {}};
}

Error bad_field(std::string_view key, std::string_view value) {
  return bad(std::string(key) + " is '" + std::string(value.substr(0, 100)) + "'");
}

bool needs_escape(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7f || c == ';' || c == '%';
}

void append_field(std::string& text, std::string_view key, std::string_view value) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  text.append(";").append(key).append("=");
  for (const char c : value) {
    if (needs_escape(c)) {
      const auto byte = static_cast<unsigned char>(c);
      text.append({'%', digits[byte >> 4U], digits[byte & 15U]});
    } else {
      text += c;
    }
  }
}

int hex_value(char c) {
  return c >= '0' && c <= '9'   ? c - '0'
         : c >= 'A' && c <= 'F' ? c - 'A' + 10
         : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                : -1;
}

/// False for a '%' without two digits behind it.
bool unescape(std::string_view value, std::string& text) {
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value[i] != '%') {
      text += value[i];
      continue;
    }
    const int high = i + 2 < value.size() ? hex_value(value[i + 1]) : -1;
    const int low = i + 2 < value.size() ? hex_value(value[i + 2]) : -1;
    if (high < 0 || low < 0) {
      return false;
    }
    text += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return true;
}

template <typename Number>
bool take_number(std::string_view& text, Number most, Number& number) {
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || number < 0 || number > most || text.front() == '-') {
    return false;
  }
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

bool take(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) {
    return false;
  }
  text.remove_prefix(word.size());
  return true;
}

bool is_profile_char(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '.' || c == '-' || c == '+';
}

/// A profile's own '+' ("1g.10gb+me") has a letter behind it, the one before the memory a digit.
std::string_view take_profile(std::string_view& text) {
  std::size_t size = 0;
  while (size < text.size() && is_profile_char(text[size])) {
    const bool before_digit = size + 1 < text.size() && text[size + 1] >= '0' && text[size + 1] <= '9';
    if (text[size] == '+' && before_digit) {
      break;
    }
    ++size;
  }
  const std::string_view profile = text.substr(0, size);
  text.remove_prefix(size);
  return profile;
}

bool parse_part(std::string_view text, RecordedPart& part) {
  constexpr std::int32_t max_gpu = 65535;
  constexpr std::int32_t max_start = 255;
  if (!take_number(text, max_gpu, part.gpu)) {
    return false;
  }
  if (take(text, ":")) {
    part.mig_profile = take_profile(text);
    if (part.mig_profile.empty() || (take(text, "@") && !take_number(text, max_start, part.start))) {
      return false;
    }
  }
  if (take(text, "*") && (!take_number(text, std::int32_t{1000}, part.share_milli) || part.share_milli == 0)) {
    return false;
  }
  if (take(text, "+") &&
      (!take_number(text, std::int64_t{1} << 40U, part.memory_mib) || part.memory_mib == 0 || !take(text, "Mi"))) {
    return false;
  }
  return text.empty();
}

Status parse_parts(std::string_view text, std::vector<RecordedPart>& parts) {
  parts.clear();
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    RecordedPart part;
    if (!parse_part(text.substr(0, comma), part)) {
      return bad_field("parts", text.substr(0, comma));
    }
    if (parts.size() == max_parts) {
      return bad("more than " + std::to_string(max_parts) + " parts");
    }
    parts.push_back(std::move(part));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return {};
}

std::string format_parts(const std::vector<RecordedPart>& parts) {
  std::string text;
  for (const RecordedPart& part : parts) {
    text += (text.empty() ? "" : ",") + std::to_string(part.gpu);
    if (!part.mig_profile.empty()) {
      text += ":" + part.mig_profile + (part.start >= 0 ? "@" + std::to_string(part.start) : "");
    }
    text += part.share_milli > 0 ? "*" + std::to_string(part.share_milli) : "";
    text += part.memory_mib > 0 ? "+" + std::to_string(part.memory_mib) + "Mi" : "";
  }
  return text;
}

/// Whether the text begins with a version, "v" and digits, and ends there or goes on with ';'.
std::string_view version_of(std::string_view text) {
  const std::string_view word = text.substr(0, text.find(';'));
  const bool is_version = word.size() > 1 && word.size() < 10 && word[0] == 'v' &&
                          std::all_of(word.begin() + 1, word.end(), [](char c) { return c >= '0' && c <= '9'; });
  return is_version ? word : std::string_view();
}

/// Calls `set(key, value)` for every field behind the version. False: another version than ours.
template <typename SetField>
Result<bool> read_fields(std::string_view text, SetField set) {
  const std::string_view word = version_of(text);
  if (word.empty() || text.size() > max_text) {
    return text.size() > max_text ? bad("longer than 256 KiB")
                                  : bad("'" + std::string(text.substr(0, 60)) + "' does not begin with a version");
  }
  if (word != version) {
    return false;
  }
  text.remove_prefix(word.size());
  while (!text.empty()) {
    text.remove_prefix(1);
    const std::string_view field = text.substr(0, text.find(';'));
    text.remove_prefix(field.size());
    const std::size_t equals = field.find('=');
    std::string value;
    if (equals == std::string_view::npos || equals == 0 || !unescape(field.substr(equals + 1), value)) {
      return bad("'" + std::string(field.substr(0, 100)) + "' is no KEY=VALUE");
    }
    if (Status status = set(field.substr(0, equals), value); !status) {
      return status.error();
    }
  }
  return true;
}

Status set_count(std::string_view value, std::int64_t& count) {
  std::string_view rest = value;
  return take_number(rest, std::int64_t{1} << 32U, count) && rest.empty() ? Status() : bad_field("count", value);
}

}  // namespace

std::string format_allocation(const AllocationRecord& record) {
  std::string text(version);
  append_field(text, "node", record.node);
  append_field(text, "resource", record.resource);
  append_field(text, "count", std::to_string(record.count));
  if (!record.mode.empty()) {
    append_field(text, "mode", record.mode);
  }
  if (!record.parts.empty()) {
    append_field(text, "parts", format_parts(record.parts));
  }
  return text;
}

Result<std::optional<AllocationRecord>> parse_allocation(std::string_view text) {
  AllocationRecord record;
  const Result<bool> ours = read_fields(text, [&](std::string_view key, std::string& value) -> Status {
    if (key == "count") {
      return set_count(value, record.count);
    }
    if (key == "parts") {
      return parse_parts(value, record.parts);
    }
    for (const auto& [name, field] :
         {std::pair("node", &record.node), std::pair("resource", &record.resource), std::pair("mode", &record.mode)}) {
      if (key == name) {
        *field = std::move(value);
        return {};
      }
    }
    return {};
  });
  if (!ours) {
    return ours.error();
  }
  return ours.value() ? std::optional(std::move(record)) : std::optional<AllocationRecord>();
}

std::string format_decision(const DecisionNote& note) {
  std::string text(version);
  for (const auto& [name, field] :
       {std::pair("mode", &note.mode), std::pair("resource", &note.resource), std::pair("reason", &note.reason)}) {
    if (!field->empty()) {
      append_field(text, name, *field);
    }
  }
  return text;
}

Result<std::optional<DecisionNote>> parse_decision(std::string_view text) {
  DecisionNote note;
  const Result<bool> ours = read_fields(text, [&](std::string_view key, std::string& value) -> Status {
    for (const auto& [name, field] :
         {std::pair("mode", &note.mode), std::pair("resource", &note.resource), std::pair("reason", &note.reason)}) {
      if (key == name) {
        *field = std::move(value);
      }
    }
    return {};
  });
  if (!ours) {
    return ours.error();
  }
  return ours.value() ? std::optional(std::move(note)) : std::optional<DecisionNote>();
}

}  // namespace gpusched
