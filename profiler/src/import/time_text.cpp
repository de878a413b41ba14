#include "import/time_text.hpp"

#include <charconv>
#include <chrono>
#include <cmath>

#include "import/prometheus_line.hpp"

namespace gpusched::profiler {

namespace {

/// Takes `digits` digits and the byte behind them off the front; -1 where they are not there.
int take_digits(std::string_view& text, std::size_t digits) {
  int value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + std::min(digits, text.size()), value);
  if (problem != std::errc() || end != text.data() + digits || value < 0) {
    return -1;
  }
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, std::string_view bytes) {
  const bool there = !text.empty() && bytes.find(text.front()) != std::string_view::npos;
  text.remove_prefix(there);
  return there;
}

}  // namespace

std::optional<std::int64_t> whole_time_ms(double milliseconds) {
  constexpr double largest = 9.2e12;
  return milliseconds >= 0 && milliseconds <= largest ? std::optional(static_cast<std::int64_t>(milliseconds))
                                                      : std::nullopt;
}

std::optional<std::int64_t> read_time_ms(std::string_view text) {
  constexpr double least_milliseconds = 1e11;
  if (const std::optional<double> number = read_number(text)) {
    return whole_time_ms(*number > least_milliseconds ? *number : *number * 1000);
  }
  const int year = take_digits(text, 4);
  const bool date = take(text, "-");
  const int month = take_digits(text, 2);
  const bool month_end = take(text, "-");
  const int day = take_digits(text, 2);
  const bool day_end = take(text, "T ");
  const int hour = take_digits(text, 2);
  const bool hour_end = take(text, ":");
  const int minute = take_digits(text, 2);
  const bool minute_end = take(text, ":");
  const int second = take_digits(text, 2);
  const std::chrono::year_month_day when{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date || !month_end || !day_end || !hour_end || !minute_end || month < 0 || day < 0 || !when.ok() || hour < 0 ||
      hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) {
    return std::nullopt;
  }
  double fraction = 0;
  if (take(text, ".")) {
    for (double unit = 0.1; !text.empty() && text.front() >= '0' && text.front() <= '9'; unit /= 10) {
      fraction += unit * (text.front() - '0');
      text.remove_prefix(1);
    }
  }
  take(text, "Z");
  if (!text.empty()) {
    return std::nullopt;  // another time zone
  }
  const std::int64_t days = std::chrono::sys_days(when).time_since_epoch().count();
  const std::int64_t whole_s = ((days * 24 + hour) * 60 + minute) * 60 + second;
  return whole_time_ms(static_cast<double>(whole_s * 1000) + std::floor(fraction * 1000));
}

}  // namespace gpusched::profiler
