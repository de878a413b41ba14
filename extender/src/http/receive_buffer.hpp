#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

namespace gpusched::extender {

/// Readable bytes that JSON parsers want behind the end of their text.
inline constexpr std::size_t body_padding_bytes = 64;

/// Bytes that came from a client and are not used up, in one piece, `body_padding_bytes` readable ones behind them.
class ReceiveBuffer {
 public:
  explicit ReceiveBuffer(std::size_t capacity)
      : bytes_(std::make_unique_for_overwrite<char[]>(capacity + body_padding_bytes)), capacity_(capacity) {}

  std::string_view data() const { return {bytes_.get() + begin_, end_ - begin_}; }

  /// Room for more. Moves the data to the front: views of it are void after this call.
  std::span<char> space() {
    if (begin_ > 0) {
      std::memmove(bytes_.get(), bytes_.get() + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
    }
    return {bytes_.get() + end_, capacity_ - end_};
  }

  void commit(std::size_t count) { end_ += count; }
  void consume(std::size_t count) { begin_ += count; }

 private:
  std::unique_ptr<char[]> bytes_;
  std::size_t capacity_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace gpusched::extender
