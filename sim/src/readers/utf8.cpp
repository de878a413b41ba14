#include "readers/utf8.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace gpusched::sim {

namespace {

/// Length of the well-formed sequence at the front of `text`; 0 when there is none (RFC 3629: no surrogates, nothing
/// overlong, nothing above U+10FFFF).
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  const std::size_t length = first < 0x80   ? 1
                             : first < 0xc2 ? 0
                             : first < 0xe0 ? 2
                             : first < 0xf0 ? 3
                             : first < 0xf5 ? 4
                                            : 0;
  if (length == 0 || length > text.size()) {
    return 0;
  }
  for (std::size_t i = 1; i < length; ++i) {
    const unsigned char least = i > 1 ? 0x80 : first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    const unsigned char most = i > 1 ? 0xbf : first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (byte(i) < least || byte(i) > most) {
      return 0;
    }
  }
  return length;
}

}  // namespace

Status check_utf8(std::string_view text, const std::string& file) {
  constexpr std::uint64_t high_bits = 0x8080808080808080ULL;
  std::size_t at = 0;
  while (at < text.size()) {
    std::uint64_t word = 0;
    if (at + sizeof word <= text.size()) {
      std::memcpy(&word, text.data() + at, sizeof word);
      if ((word & high_bits) == 0) {
        at += sizeof word;
        continue;
      }
    }
    const std::size_t length = sequence_length(text.substr(at));
    if (length == 0) {
      const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n');
      return Error{.code = ErrorCode::invalid_argument,
                   .message = "byte " + std::to_string(static_cast<unsigned char>(text[at])) + " is not UTF-8",
                   .file = file,
                   .line = static_cast<int>(line),
                   .remedy = "Convert the file to UTF-8"};
    }
    at += length;
  }
  return {};
}

}  // namespace gpusched::sim
