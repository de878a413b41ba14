#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "gpusched/base/result.hpp"

namespace gpusched::sim {

/// invalid_argument that names the line of the first byte that is not UTF-8. What passes can be written as JSON.
Status check_utf8(std::string_view text, const std::string& file);

}  // namespace gpusched::sim
