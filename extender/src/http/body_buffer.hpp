#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <new>

#include "http/receive_buffer.hpp"

namespace gpusched::extender {

/// Room for the body of one request, kept for the next one. All buffers of a server share one limit.
class BodyBuffer {
 public:
  /// `total` counts the bytes of all buffers and outlives this one.
  BodyBuffer(std::atomic<std::size_t>& total, std::size_t total_limit) : total_(total), total_limit_(total_limit) {}
  ~BodyBuffer() { release(); }
  BodyBuffer(const BodyBuffer&) = delete;
  BodyBuffer& operator=(const BodyBuffer&) = delete;

  /// Room for `count` bytes and the padding behind them; what was held is lost. False: the limit, or no memory.
  /// Pages are the system's until bytes arrive, so a client that only announces a large body costs nothing.
  bool reserve(std::size_t count) {
    if (count <= capacity_) {
      return true;
    }
    release();
    const std::size_t before = total_.fetch_add(count);
    if (before > total_limit_ || count > total_limit_ - before) {
      total_.fetch_sub(count);
      return false;
    }
    bytes_.reset(new (std::nothrow) char[count + body_padding_bytes]);
    if (bytes_ == nullptr) {
      total_.fetch_sub(count);
      return false;
    }
    capacity_ = count;
    return true;
  }

  void release() {
    bytes_.reset();
    total_.fetch_sub(capacity_);
    capacity_ = 0;
  }

  char* data() { return bytes_.get(); }
  std::size_t capacity() const { return capacity_; }

 private:
  std::atomic<std::size_t>& total_;
  std::size_t total_limit_;
  std::unique_ptr<char[]> bytes_;
  std::size_t capacity_ = 0;
};

}  // namespace gpusched::extender
