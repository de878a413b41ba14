#include "gpusched/kube/quantity.hpp"

#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <string>

namespace gpusched {

namespace {

__extension__ using Wide = unsigned __int128;

constexpr int mib_bits = 20;

/// digits * 10^decimal_exponent * 2^binary_exponent
struct Quantity {
  Wide digits = 0;
  int decimal_exponent = 0;
  int binary_exponent = 0;
};

struct Suffix {
  std::string_view text;
  int decimal_exponent;
  int binary_exponent;
};

constexpr std::array<Suffix, 16> suffixes = {{{"", 0, 0},
                                              {"n", -9, 0},
                                              {"u", -6, 0},
                                              {"m", -3, 0},
                                              {"k", 3, 0},
                                              {"M", 6, 0},
                                              {"G", 9, 0},
                                              {"T", 12, 0},
                                              {"P", 15, 0},
                                              {"E", 18, 0},
                                              {"Ki", 0, 10},
                                              {"Mi", 0, 20},
                                              {"Gi", 0, 30},
                                              {"Ti", 0, 40},
                                              {"Pi", 0, 50},
                                              {"Ei", 0, 60}}};

Error quantity_error(std::string_view text, std::string_view problem) {
  return {.code = ErrorCode::invalid_argument,
          .message = "quantity '" + std::string(text.substr(0, 60)) + "' " + std::string(problem),
          .file = "",
          .line = 0,
          .remedy = ""};
}

/// Digits and point from the front of `text`; false when there is no digit or more than fit.
bool take_digits(std::string_view& text, Quantity& quantity) {
  constexpr Wide most = 1'000'000'000'000'000'000U;
  bool any = false;
  bool fraction = false;
  for (; !text.empty(); text.remove_prefix(1)) {
    const char c = text.front();
    if (c == '.' && !fraction) {
      fraction = true;
      continue;
    }
    if (c < '0' || c > '9') {
      break;
    }
    any = true;
    if (quantity.digits >= most) {
      return false;
    }
    quantity.digits = quantity.digits * 10 + static_cast<unsigned>(c - '0');
    quantity.decimal_exponent -= fraction ? 1 : 0;
  }
  return any;
}

bool take_exponent(std::string_view text, Quantity& quantity) {
  for (const Suffix& suffix : suffixes) {
    if (suffix.text == text) {
      quantity.decimal_exponent += suffix.decimal_exponent;
      quantity.binary_exponent += suffix.binary_exponent;
      return true;
    }
  }
  if (text.front() != 'e' && text.front() != 'E') {
    return false;
  }
  text.remove_prefix(text.size() > 1 && text[1] == '+' ? 2 : 1);
  int exponent = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), exponent);
  if (error != std::errc() || end != text.data() + text.size() || exponent < -100 || exponent > 100) {
    return false;
  }
  quantity.decimal_exponent += exponent;
  return true;
}

/// Multiplies up to `times` times; false on overflow of int64 once everything is multiplied.
bool multiply(Wide& value, unsigned factor, int times) {
  constexpr Wide most = ~Wide{0};
  for (; times > 0 && value != 0; --times) {
    if (value > most / factor) {
      return false;
    }
    value *= factor;
  }
  return true;
}

/// Divides, rounding up: rounding up step by step is the same as rounding up once. Tells whether anything was lost.
bool divide(Wide& value, unsigned divisor, int times) {
  bool exact = true;
  for (; times > 0 && value != 0; --times) {
    exact = exact && value % divisor == 0;
    value = value / divisor + (value % divisor != 0 ? 1 : 0);
    if (value == 1 && !exact) {
      break;  // ceil(1 / anything) stays 1
    }
  }
  return exact;
}

struct Scaled {
  std::int64_t value = 0;
  bool exact = true;
};

/// The quantity times 10^decimal_shift * 2^binary_shift, rounded up.
Result<Scaled> scale(std::string_view text, int decimal_shift, int binary_shift) {
  std::string_view rest = text;
  if (!rest.empty() && rest.front() == '-') {
    return quantity_error(text, "is negative");
  }
  if (!rest.empty() && rest.front() == '+') {
    rest.remove_prefix(1);
  }
  Quantity quantity;
  if (!take_digits(rest, quantity) || !take_exponent(rest, quantity)) {
    return quantity_error(text, "is not a Kubernetes quantity such as 2, 500m, 1.5Gi or 1e3");
  }
  const int tens = quantity.decimal_exponent + decimal_shift;
  const int twos = quantity.binary_exponent + binary_shift;
  Scaled result;
  Wide value = quantity.digits;
  if (!multiply(value, 10, tens) || !multiply(value, 2, twos)) {
    return quantity_error(text, "is too large");
  }
  result.exact = divide(value, 10, -tens);
  result.exact = divide(value, 2, -twos) && result.exact;
  if (value > static_cast<Wide>(std::numeric_limits<std::int64_t>::max())) {
    return quantity_error(text, "is too large");
  }
  result.value = static_cast<std::int64_t>(value);
  return result;
}

Result<std::int64_t> rounded_up(std::string_view text, int decimal_shift, int binary_shift) {
  const Result<Scaled> scaled = scale(text, decimal_shift, binary_shift);
  if (!scaled.ok()) {
    return scaled.error();
  }
  return scaled.value().value;
}

}  // namespace

Result<std::int64_t> parse_cpu_milli(std::string_view text) { return rounded_up(text, 3, 0); }

Result<std::int64_t> parse_bytes(std::string_view text) { return rounded_up(text, 0, 0); }

Result<std::int64_t> parse_memory_mib(std::string_view text) { return rounded_up(text, 0, -mib_bits); }

Result<std::int64_t> parse_count(std::string_view text) {
  const Result<Scaled> scaled = scale(text, 0, 0);
  if (!scaled.ok()) {
    return scaled.error();
  }
  if (!scaled.value().exact) {
    return quantity_error(text, "is not a whole number");
  }
  return scaled.value().value;
}

std::int64_t mib_of_bytes(std::int64_t bytes) {
  constexpr std::int64_t mib = std::int64_t{1} << mib_bits;
  return bytes / mib + (bytes % mib > 0 ? 1 : 0);
}

}  // namespace gpusched
