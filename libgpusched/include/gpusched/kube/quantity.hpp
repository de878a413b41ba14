#pragma once

#include <cstdint>
#include <string_view>

#include "gpusched/base/result.hpp"

namespace gpusched {

/// Kubernetes quantities ("1500m", "2Gi", "0.5", "1e3") in exact integers; what does not divide is rounded up, as
/// Kubernetes does. Suffixes: n u m k M G T P E, Ki Mi Gi Ti Pi Ei, or a decimal exponent.
/// invalid_argument for anything else, for a negative quantity and for one that does not fit int64.
/// Source: k8s.io/apimachinery/pkg/api/resource, Quantity.

Result<std::int64_t> parse_cpu_milli(std::string_view text);
Result<std::int64_t> parse_bytes(std::string_view text);
Result<std::int64_t> parse_memory_mib(std::string_view text);

/// A count of devices: invalid_argument too when it is not a whole number.
Result<std::int64_t> parse_count(std::string_view text);

/// Bytes to MiB, rounded up.
std::int64_t mib_of_bytes(std::int64_t bytes);

}  // namespace gpusched
