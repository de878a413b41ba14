#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "gpusched/profiler/dcgm_import.hpp"

namespace gpusched::profiler {

/// Reads one line of the text exposition format, `name{label="value",...} value [milliseconds]`, into `value`; what is
/// wrong with it, or nothing. https://prometheus.io/docs/instrumenting/exposition_formats
std::optional<std::string> read_prometheus_line(std::string_view line, DcgmImport::Value& value);

/// A finite number that takes the whole text; hexadecimal with 0x. nullopt otherwise.
std::optional<double> read_number(std::string_view text);

}  // namespace gpusched::profiler
