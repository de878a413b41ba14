#include "gpusched/base/huge_page_allocator.hpp"

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace gpusched {

void* allocate_huge_pages(std::size_t size) {
  constexpr std::size_t huge_page = std::size_t{1} << 21;
  const std::size_t whole_pages = (size + huge_page - 1) / huge_page * huge_page;
  void* const memory = std::aligned_alloc(huge_page, whole_pages);
  if (memory == nullptr) {
    throw std::bad_alloc();
  }
#ifdef __linux__
  ::madvise(memory, whole_pages, MADV_HUGEPAGE);
#endif
  return memory;
}

}  // namespace gpusched
