#pragma once

#include <string>
#include <string_view>

namespace gpusched::extender {

/// Appends a JSON string with its quotes. Bytes that are no UTF-8 become U+FFFD, one each; control characters, quotes
/// and backslashes are escaped, and U+2028 and U+2029 too.
void append_json_string(std::string& out, std::string_view text);

/// A JSON string, as append_json_string().
std::string json_string(std::string_view text);

/// Standard base64 with padding (RFC 4648).
std::string base64(std::string_view bytes);

}  // namespace gpusched::extender
