#include "gpusched/kube/rfc3339.hpp"

#include <algorithm>

namespace gpusched {

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

constexpr bool is_leap(int year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

constexpr int leap_days_before(int year) { return (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400; }

constexpr int days_of(int year, int month) {
  constexpr int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return days[month - 1] + (month == 2 && is_leap(year) ? 1 : 0);
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
  const bool has_date =
      year >= 1970 && year <= 2200 && month >= 1 && month <= 12 && day >= 1 && day <= days_of(year, month);
  if (!offset || !has_date || hour > 23 || minute > 59 || second > 60) {
    return std::nullopt;
  }
  std::int64_t days = day - 1;
  for (int earlier = 1; earlier < month; ++earlier) {
    days += days_of(year, earlier);
  }
  days += 365LL * (year - 1970) + leap_days_before(year) - leap_days_before(1970);
  return ((days * 24 + hour) * 60 + minute - *offset) * 60 + second;
}

}  // namespace gpusched
