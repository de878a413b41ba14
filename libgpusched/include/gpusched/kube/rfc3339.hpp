#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace gpusched {

/// Seconds since 1970 of "2026-05-01T12:34:56Z" (a fraction is cut off, an offset like +02:00 is applied); nullopt for
/// anything else, and for years outside 1970 to 2200.
std::optional<std::int64_t> parse_rfc3339(std::string_view text);

}  // namespace gpusched
