#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

namespace gpusched {

/// A vector of trivially copyable values whose first N live inside the object: nodes rarely have more than eight GPUs,
/// and a decision must not allocate.
template <typename T, std::size_t N>
class InlineVector {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  InlineVector() = default;

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T* data() { return size_ <= N ? inline_.data() : heap_.data(); }
  const T* data() const { return size_ <= N ? inline_.data() : heap_.data(); }
  T* begin() { return data(); }
  T* end() { return data() + size_; }
  const T* begin() const { return data(); }
  const T* end() const { return data() + size_; }
  T& operator[](std::size_t i) { return data()[i]; }
  const T& operator[](std::size_t i) const { return data()[i]; }

  void push_back(const T& value) {
    if (size_ < N) {
      inline_[size_] = value;
    } else {
      if (size_ == N) {
        heap_.assign(inline_.begin(), inline_.end());
      }
      heap_.push_back(value);
    }
    ++size_;
  }
  /// Contract: not empty.
  void pop_back() {
    if (size_ <= N) {
      --size_;
      return;
    }
    heap_.pop_back();
    if (--size_ == N) {
      std::copy(heap_.begin(), heap_.end(), inline_.begin());
      heap_.clear();
    }
  }
  void clear() {
    size_ = 0;
    heap_.clear();
  }

  friend bool operator==(const InlineVector& a, const InlineVector& b) {
    if (a.size_ != b.size_) {
      return false;
    }
    for (std::size_t i = 0; i < a.size_; ++i) {
      if (!(a[i] == b[i])) {
        return false;
      }
    }
    return true;
  }

 private:
  std::size_t size_ = 0;
  std::array<T, N> inline_{};
  std::vector<T> heap_;  // all elements, once there are more than N
};

}  // namespace gpusched
