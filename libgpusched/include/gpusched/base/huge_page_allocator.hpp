#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace gpusched {

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
#ifdef __linux__
    if (size >= threshold) {
      const std::size_t whole_pages = (size + huge_page - 1) / huge_page * huge_page;
      void* const memory = std::aligned_alloc(huge_page, whole_pages);
      if (memory == nullptr) {
        throw std::bad_alloc();
      }
      ::madvise(memory, whole_pages, MADV_HUGEPAGE);
      return static_cast<T*>(memory);
    }
#endif
    return static_cast<T*>(::operator new (size, std::align_val_t{alignof(T)}));
  }
  void deallocate(T* memory, std::size_t count) {
#ifdef __linux__
    if (count * sizeof(T) >= threshold) {
      std::free(memory);
      return;
    }
#endif
    ::operator delete (memory, std::align_val_t{alignof(T)});
  }

  friend bool operator==(const HugePageAllocator&, const HugePageAllocator&) { return true; }

 private:
  static constexpr std::size_t huge_page = std::size_t{1} << 21;
  static constexpr std::size_t threshold = 2 * huge_page;
};

}  // namespace gpusched
