#include "readers/number_text.hpp"

#include <charconv>
#include <cmath>

namespace gpusched::sim {

namespace {

constexpr int ns_digits = 9;
constexpr int max_digits = 40;  // longer numbers are not data

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// The parts of "-12.50e3": digits without the point, and the power of ten of the last one.
struct DecimalText {
  bool negative = false;
  std::string_view whole, fraction;
  int exponent = 0;
};

bool split_decimal(std::string_view text, DecimalText& parts) {
  if (!text.empty() && text.front() == '-') {
    parts.negative = true;
    text.remove_prefix(1);
  }
  std::size_t at = 0;
  while (at < text.size() && is_digit(text[at])) {
    ++at;
  }
  parts.whole = text.substr(0, at);
  text.remove_prefix(at);
  if (!text.empty() && text.front() == '.') {
    at = 1;
    while (at < text.size() && is_digit(text[at])) {
      ++at;
    }
    parts.fraction = text.substr(1, at - 1);
    text.remove_prefix(at);
  }
  if (parts.whole.empty() && parts.fraction.empty()) {
    return false;
  }
  if (!text.empty() && (text.front() == 'e' || text.front() == 'E')) {
    text.remove_prefix(text.size() > 1 && text[1] == '+' ? 2 : 1);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), parts.exponent);
    return error == std::errc() && end == text.data() + text.size() && parts.exponent > -100 && parts.exponent < 100;
  }
  return text.empty();
}

}  // namespace

std::string_view to_string(NumberProblem problem) {
  switch (problem) {
    case NumberProblem::not_a_number:
      return "not_a_number";
    case NumberProblem::negative:
      return "negative";
    case NumberProblem::too_precise:
      return "too_precise";
    case NumberProblem::out_of_range:
      return "out_of_range";
    case NumberProblem::none:
      break;
  }
  return "fine";
}

NumberProblem parse_integer(std::string_view text, std::int64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size() || error == std::errc::invalid_argument) {
    return NumberProblem::not_a_number;
  }
  return error == std::errc() ? NumberProblem::none : NumberProblem::out_of_range;
}

NumberProblem parse_seconds(std::string_view text, TimeNs& value) {
  DecimalText parts;
  if (text.size() > max_digits || !split_decimal(text, parts)) {
    return NumberProblem::not_a_number;
  }
  // The digits as one number, and where its point stands relative to nanoseconds.
  TimeNs ns = 0;
  int scale = ns_digits + parts.exponent - static_cast<int>(parts.fraction.size());
  int dropped_scale = 0;
  for (const std::string_view digits : {parts.whole, parts.fraction}) {
    for (const char c : digits) {
      if (ns > max_trace_time_ns / 10) {
        // Only zeros may follow: the scale below accounts for them.
        if (c != '0' || dropped_scale > max_digits) {
          return NumberProblem::out_of_range;
        }
        ++dropped_scale;
        continue;
      }
      ns = ns * 10 + (c - '0');
    }
  }
  for (scale += dropped_scale; scale < 0 && ns != 0; ++scale) {
    if (ns % 10 != 0) {
      return NumberProblem::too_precise;
    }
    ns /= 10;
  }
  for (; scale > 0 && ns != 0; --scale) {
    if (ns > max_trace_time_ns / 10) {
      return NumberProblem::out_of_range;
    }
    ns *= 10;
  }
  if (ns > max_trace_time_ns) {
    return NumberProblem::out_of_range;
  }
  if (parts.negative && ns != 0) {
    return NumberProblem::negative;
  }
  value = ns;
  return NumberProblem::none;
}

NumberProblem parse_decimal(std::string_view text, double& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size() || error == std::errc::invalid_argument || !std::isfinite(value)) {
    return NumberProblem::not_a_number;
  }
  return error == std::errc() ? NumberProblem::none : NumberProblem::out_of_range;
}

std::string format_seconds(TimeNs value) {
  std::string text = std::to_string(value / ns_per_s);
  std::int64_t fraction = value % ns_per_s;
  if (fraction == 0) {
    return text;
  }
  std::string digits = std::to_string(fraction);
  digits.insert(0, ns_digits - digits.size(), '0');
  digits.erase(digits.find_last_not_of('0') + 1);
  return text + "." + digits;
}

std::string format_decimal(double value) {
  char buffer[32];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
  return {buffer, error == std::errc() ? end : buffer};
}

}  // namespace gpusched::sim
