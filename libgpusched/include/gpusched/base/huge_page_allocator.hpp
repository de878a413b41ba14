#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>

namespace gpusched {

/// At least `size` bytes, of huge pages where the system gives them; std::free() returns them. Throws std::bad_alloc.
void* allocate_huge_pages(std::size_t size);

/// An allocator for arrays that are read at random places and grow with the cluster. From four mebibytes on it asks
/// Linux for huge pages, without which most reads miss the table of pages as well as the cache. Only a hint: where it
/// is refused, and on other systems, the memory is the usual one. Never a matter of results, only of time.
template <typename T>
class HugePageAllocator {
 public:
  using value_type = T;

  HugePageAllocator() = default;
  template <typename U>
  HugePageAllocator(const HugePageAllocator<U>&) {}  // NOLINT: implicit, as allocators convert

  T* allocate(std::size_t count) {
    const std::size_t size = count * sizeof(T);
    if (size >= threshold) {
      return static_cast<T*>(allocate_huge_pages(size));
    }
    return static_cast<T*>(::operator new (size, std::align_val_t{alignof(T)}));
  }
  void deallocate(T* memory, std::size_t count) {
    if (count * sizeof(T) >= threshold) {
      std::free(memory);
      return;
    }
    ::operator delete (memory, std::align_val_t{alignof(T)});
  }

  friend bool operator==(const HugePageAllocator&, const HugePageAllocator&) { return true; }

 private:
  static constexpr std::size_t threshold = std::size_t{1} << 22;
};

}  // namespace gpusched
