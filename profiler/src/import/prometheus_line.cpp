#include "import/prometheus_line.hpp"

#include <charconv>
#include <cmath>

#include "import/time_text.hpp"

namespace gpusched::profiler {

namespace {

bool is_name_byte(char byte, bool first) {
  const bool letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_' || byte == ':';
  return letter || (!first && byte >= '0' && byte <= '9');
}

/// Takes things off the front of a line.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}

  void skip_blanks() {
    while (!text_.empty() && (text_.front() == ' ' || text_.front() == '\t')) {
      text_.remove_prefix(1);
    }
  }
  bool take(char byte) {
    const bool there = !text_.empty() && text_.front() == byte;
    text_.remove_prefix(there);
    return there;
  }
  std::string_view name() {
    std::size_t end = 0;
    while (end < text_.size() && is_name_byte(text_[end], end == 0)) {
      ++end;
    }
    return cut(end);
  }
  std::string_view word() { return cut(std::min(text_.find_first_of(" \t"), text_.size())); }
  /// The rest of a quoted text after its first quote; nullopt when it does not end.
  std::optional<std::string> quoted() {
    std::string result;
    while (!text_.empty()) {
      const char byte = text_.front();
      text_.remove_prefix(1);
      if (byte == '"') {
        return result;
      }
      if (byte != '\\') {
        result += byte;
      } else if (!text_.empty()) {
        result += text_.front() == 'n' ? '\n' : text_.front();
        text_.remove_prefix(1);
      }
    }
    return std::nullopt;
  }
  bool empty() const { return text_.empty(); }

 private:
  std::string_view cut(std::size_t length) {
    const std::string_view result = text_.substr(0, length);
    text_.remove_prefix(length);
    return result;
  }
  std::string_view text_;
};

std::optional<std::string> read_labels(Cursor& cursor, std::map<std::string, std::string>& labels) {
  for (cursor.skip_blanks(); !cursor.take('}'); cursor.skip_blanks()) {
    const std::string label(cursor.name());
    cursor.skip_blanks();
    if (label.empty() || !cursor.take('=')) {
      return "labels are not of the form name=\"value\"";
    }
    cursor.skip_blanks();
    std::optional<std::string> text = cursor.take('"') ? cursor.quoted() : std::nullopt;
    if (!text) {
      return "the value of a label is not in quotes";
    }
    if (!labels.emplace(label, std::move(*text)).second) {
      return "a label stands twice";
    }
    cursor.skip_blanks();
    if (!cursor.take(',')) {
      cursor.skip_blanks();
      return cursor.take('}') ? std::nullopt : std::optional<std::string>("labels do not end");
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<double> read_number(std::string_view text) {
  double value = 0;
  const bool hexadecimal = text.starts_with("0x");
  text.remove_prefix(hexadecimal ? 2 : text.starts_with('+') ? 1 : 0);
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value,
                                              hexadecimal ? std::chars_format::hex : std::chars_format::general);
  const bool good = problem == std::errc() && end == text.data() + text.size() && std::isfinite(value);
  return good ? std::optional(value) : std::nullopt;
}

std::optional<std::string> read_prometheus_line(std::string_view line, DcgmImport::Value& value) {
  Cursor cursor(line);
  cursor.skip_blanks();
  value.field = cursor.name();
  if (value.field.empty()) {
    return "no metric name";
  }
  cursor.skip_blanks();
  if (cursor.take('{')) {
    if (auto problem = read_labels(cursor, value.labels)) {
      return problem;
    }
  }
  cursor.skip_blanks();
  const std::optional<double> number = read_number(cursor.word());
  if (!number) {
    return "the value is no finite number";
  }
  value.value = *number;
  cursor.skip_blanks();
  if (!cursor.empty()) {
    const std::optional<double> time = read_number(cursor.word());
    value.at_ms = time ? whole_time_ms(*time) : std::nullopt;
    cursor.skip_blanks();
    if (!value.at_ms || !cursor.empty()) {
      return "the time is no number of milliseconds from 1970 to 2262";
    }
  }
  return std::nullopt;
}

}  // namespace gpusched::profiler
