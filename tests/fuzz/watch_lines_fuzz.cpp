// Any bytes as the body of a watch, cut anyhow: the same lines come out, and each is an event or an error. The first
// two bytes say where it is cut and how long a line may be.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gpusched/base/check.hpp"

#include "api/list_page.hpp"
#include "api/watch_lines.hpp"

namespace {

using gpusched::extender::wire_padding;

struct Lines {
  std::vector<std::string> lines;
  bool fits = true;
};

Lines fed(std::string_view body, std::size_t piece, std::size_t max_bytes) {
  gpusched::extender::WatchLines framing(max_bytes);
  Lines out;
  while (!body.empty() && out.fits) {
    // A copy of its own, so that reading past the piece is found.
    const std::string part(body.substr(0, piece));
    out.fits = framing.feed(part, [&](std::string_view line) {
      GPUSCHED_CHECK(std::string_view(line.data() + line.size(), wire_padding) == std::string(wire_padding, ' '),
                     "a line without its padding");
      out.lines.emplace_back(line);
    });
    body.remove_prefix(part.size());
  }
  return out;
}

/// The same said simply.
Lines cut(std::string_view body, std::size_t max_bytes) {
  Lines out;
  while (!body.empty()) {
    const std::size_t end = body.find('\n');
    const std::string_view line = body.substr(0, end);
    if (line.size() > max_bytes) {
      out.fits = false;
      break;
    }
    if (end == std::string_view::npos) {
      break;
    }
    if (!line.empty()) {
      out.lines.emplace_back(line);
    }
    body.remove_prefix(end + 1);
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gpusched;
  if (size < 2) {
    return 0;
  }
  const std::string_view body(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::size_t piece = std::size_t{1} + data[0];
  const std::size_t max_bytes = data[1] == 0 ? body.size() + 1 : std::size_t{data[1]};
  const Lines expected = cut(body, max_bytes);
  for (const std::size_t bytes : {std::size_t{1}, piece, body.size() + 1}) {
    const Lines lines = fed(body, bytes, max_bytes);
    GPUSCHED_CHECK(lines.fits == expected.fits && lines.lines == expected.lines, "other lines than there are");
  }
  for (const std::string& line : expected.lines) {
    std::string padded = line + std::string(wire_padding, ' ');
    padded.shrink_to_fit();
    const std::string_view text(padded.data(), line.size());
    if (const Result<extender::WatchLine> event = extender::read_watch_line(text)) {
      const std::string_view object = event.value().object;
      GPUSCHED_CHECK(!event.value().type.empty() && object.size() >= 2 && object.front() == '{' && object.back() == '}',
                     "an event without type or object");
      GPUSCHED_CHECK(object.data() >= text.data() && object.data() + object.size() <= text.data() + text.size(),
                     "an object outside of its line");
    }
  }
  return 0;
}
