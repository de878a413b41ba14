#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "gpusched/base/units.hpp"

namespace gpusched::sim {

/// Times of traces stay below this (95 years), so that the sum of three fits int64 nanoseconds.
inline constexpr TimeNs max_trace_time_ns = 3'000'000'000LL * ns_per_s;

enum class NumberProblem { none, not_a_number, negative, too_precise, out_of_range };

/// "not_a_number" and so on: the second half of a reject reason.
std::string_view to_string(NumberProblem problem);

/// A whole number and nothing else. out_of_range beyond int64.
NumberProblem parse_integer(std::string_view text, std::int64_t& value);

/// Decimal seconds ("12.5", "1e-3") to nanoseconds, without a double in between. At most nine digits after the point.
NumberProblem parse_seconds(std::string_view text, TimeNs& value);

/// A finite decimal number.
NumberProblem parse_decimal(std::string_view text, double& value);

/// Shortest text that parse_seconds() reads back as the same value.
std::string format_seconds(TimeNs value);

/// Shortest text that parse_decimal() reads back as the same value.
std::string format_decimal(double value);

}  // namespace gpusched::sim
