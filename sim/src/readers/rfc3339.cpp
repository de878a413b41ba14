#include "readers/rfc3339.hpp"

#include <algorithm>
#include <chrono>

namespace gpusched::sim {

namespace {

/// Reads `digits` digits and then `separator` (NUL: nothing) from the front.
bool take(std::string_view& text, std::size_t digits, char separator, int& value) {
  value = 0;
  if (text.size() < digits + (separator != '\0' ? 1 : 0)) {
    return false;
  }
  for (std::size_t i = 0; i < digits; ++i) {
    if (text[i] < '0' || text[i] > '9') {
      return false;
    }
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(digits);
  if (separator == '\0') {
    return true;
  }
  const bool matches = text.front() == separator;
  text.remove_prefix(1);
  return matches;
}

std::optional<int> offset_minutes(std::string_view text) {
  if (text == "Z" || text == "z") {
    return 0;
  }
  const bool east = text.substr(0, 1) == "+";
  if (!east && text.substr(0, 1) != "-") {
    return std::nullopt;
  }
  text.remove_prefix(1);
  int hours = 0;
  int minutes = 0;
  if (!take(text, 2, ':', hours) || !take(text, 2, '\0', minutes) || !text.empty() || hours > 23 || minutes > 59) {
    return std::nullopt;
  }
  return (east ? 1 : -1) * (hours * 60 + minutes);
}

}  // namespace

std::optional<std::int64_t> parse_rfc3339(std::string_view text) {
  int year = 0;
  int month = 0;
  int day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
  if (!take(text, 4, '-', year) || !take(text, 2, '-', month) || !take(text, 2, 'T', day) ||
      !take(text, 2, ':', hour) || !take(text, 2, ':', minute) || !take(text, 2, '\0', second)) {
    return std::nullopt;
  }
  if (text.substr(0, 1) == ".") {
    text.remove_prefix(1);
    text.remove_prefix(std::min(text.find_first_not_of("0123456789"), text.size()));
  }
  const std::optional<int> offset = offset_minutes(text);
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!offset || !date.ok() || year < 1970 || year > 2200 || hour > 23 || minute > 59 || second > 60) {
    return std::nullopt;
  }
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return ((days * 24 + hour) * 60 + minute - *offset) * 60 + second;
}

}  // namespace gpusched::sim
