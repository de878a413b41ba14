#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <type_traits>
#include <utility>

namespace gpusched {

/// A vector of trivially copyable values whose first N live inside the object: nodes rarely have more than eight GPUs,
/// and a decision must not allocate. Beyond N all of them live on the heap, whose address takes the place of the first
/// values: the object is four bytes larger than its values, because with a million GPUs every line of memory counts.
template <typename T, std::size_t N>
class InlineVector {
  static_assert(std::is_trivially_copyable_v<T> && alignof(T) <= alignof(std::max_align_t));

 public:
  InlineVector() = default;
  InlineVector(const InlineVector& other) : size_(other.size_), storage_(other.storage_) {
    if (size_ > N) {
      set_heap(copy_to_heap(other.data(), size_));
    }
  }
  InlineVector(InlineVector&& other) noexcept : size_(std::exchange(other.size_, 0)), storage_(other.storage_) {}
  InlineVector& operator=(const InlineVector& other) {
    if (size_ <= N && other.size_ <= N) {
      size_ = other.size_;
      storage_ = other.storage_;
    } else {
      *this = InlineVector(other);
    }
    return *this;
  }
  InlineVector& operator=(InlineVector&& other) noexcept {
    std::swap(size_, other.size_);
    std::swap(storage_, other.storage_);
    return *this;
  }
  ~InlineVector() { clear(); }

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T* data() { return size_ <= N ? reinterpret_cast<T*>(storage_.data()) : heap(); }
  const T* data() const { return size_ <= N ? reinterpret_cast<const T*>(storage_.data()) : heap(); }
  T* begin() { return data(); }
  T* end() { return data() + size_; }
  const T* begin() const { return data(); }
  const T* end() const { return data() + size_; }
  T& operator[](std::size_t i) { return data()[i]; }
  const T& operator[](std::size_t i) const { return data()[i]; }

  void push_back(const T& value) {
    if (size_ == N || (size_ > N && std::has_single_bit(size_))) {  // heaps hold a power of two
      const T kept = value;                                         // it may lie in what is given up here
      T* const grown = copy_to_heap(data(), size_);
      free_heap();
      set_heap(grown);
      ::new (static_cast<void*>(grown + size_++)) T(kept);
      return;
    }
    ::new (static_cast<void*>(data() + size_)) T(value);
    ++size_;
  }
  /// Removes the element at `i`; the last one takes its place.
  void swap_remove(std::size_t i) {
    T* const values = data();
    values[i] = values[size_ - 1];
    if (size_ == N + 1) {
      T* const given_up = heap();
      std::memcpy(storage_.data(), given_up, N * sizeof(T));
      ::operator delete(given_up);
    }
    --size_;
  }
  void clear() {
    free_heap();
    size_ = 0;
  }

  friend bool operator==(const InlineVector& a, const InlineVector& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
  }

 private:
  /// A heap array with the `size` values and room for at least one more.
  static T* copy_to_heap(const T* values, std::uint32_t size) {
    void* const room = ::operator new(std::bit_ceil(std::size_t{size} + 1) * sizeof(T));
    std::memcpy(room, values, size * sizeof(T));
    return static_cast<T*>(room);
  }
  T* heap() const {
    T* address = nullptr;
    std::memcpy(&address, storage_.data(), sizeof(address));
    return address;
  }
  void set_heap(T* address) { std::memcpy(storage_.data(), &address, sizeof(address)); }
  void free_heap() {
    if (size_ > N) {
      ::operator delete(heap());
    }
  }

  std::uint32_t size_ = 0;
  alignas(T) std::array<std::byte, std::max(N * sizeof(T), sizeof(T*))> storage_{};  // the values, or where they are
};

}  // namespace gpusched
