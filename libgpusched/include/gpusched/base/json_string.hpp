#pragma once

#include <string>
#include <string_view>

namespace gpusched {

/// Appends `text` as a JSON string. Its UTF-8 is the caller's business: bytes from 0x80 on are kept as they are.
void append_json_string(std::string_view text, std::string& out);

}  // namespace gpusched
