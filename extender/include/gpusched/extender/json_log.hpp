#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "gpusched/base/result.hpp"

namespace gpusched::extender {

enum class LogLevel { debug, info, warning, error };

/// "debug", "info", "warning", "error".
Result<LogLevel> parse_log_level(std::string_view text);

using LogFields = std::initializer_list<std::pair<std::string_view, std::string>>;

/// The log of the process: one JSON object per line on stderr, with time, level, message and fields. Thread-safe. A
/// secret has no business in it.
void set_log_level(LogLevel level);
void log(LogLevel level, std::string_view message, LogFields fields = {});

}  // namespace gpusched::extender
