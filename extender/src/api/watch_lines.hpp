#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "gpusched/extender/wire.hpp"

namespace gpusched::extender {

/// Cuts a stream of bytes into lines, however it comes in pieces. A line may be as long as `max_bytes`.
class WatchLines {
 public:
  explicit WatchLines(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  /// Calls `take(line)` for every line that ends in `bytes`; each is followed by wire_padding readable bytes. Empty
  /// lines are left out. False: a line is too long; nothing more is to be expected then.
  template <typename Take>
  bool feed(std::string_view bytes, Take take) {
    while (!bytes.empty()) {
      const std::size_t end = bytes.find('\n');
      const std::string_view part = bytes.substr(0, end);
      if (line_.size() + part.size() > max_bytes_) {
        return false;
      }
      line_ += part;
      if (end == std::string_view::npos) {
        return true;
      }
      if (!line_.empty()) {
        const std::size_t size = line_.size();
        line_.append(wire_padding, ' ');
        take(std::string_view(line_.data(), size));
      }
      line_.clear();
      if (line_.capacity() > keep_bytes) {
        line_ = {};
      }
      bytes.remove_prefix(end + 1);
    }
    return true;
  }
  /// Forgets a line that has begun.
  void reset() { line_ = {}; }

 private:
  static constexpr std::size_t keep_bytes = std::size_t{1} << 20;

  std::size_t max_bytes_;
  std::string line_;
};

}  // namespace gpusched::extender
