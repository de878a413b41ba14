#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace gpusched::profiler {

/// The milliseconds since 1970, cut to whole ones; nullopt for times before it or after April 2262, whose differences
/// 64 bits of nanoseconds do not hold.
std::optional<std::int64_t> whole_time_ms(double milliseconds);

/// Milliseconds since 1970 of a number of seconds or milliseconds (what is above a hundred thousand million), or of ISO
/// 8601 in UTC: "2026-01-31T12:00:00.250Z", "2026-01-31 12:00:00". nullopt otherwise, and where whole_time_ms() gives
/// none.
std::optional<std::int64_t> read_time_ms(std::string_view text);

}  // namespace gpusched::profiler
