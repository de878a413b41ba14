#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace gpusched::extender {

/// Status line and headers up to and with the empty line. `content_type` is left out for an empty body.
std::string reply_head(int status, std::string_view content_type, std::size_t body_bytes, bool close);

}  // namespace gpusched::extender
