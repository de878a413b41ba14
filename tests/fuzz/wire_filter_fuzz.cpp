// Any text as the body of filter or prioritize: both decoders agree, and what is echoed is the node that came in.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "extender/wire/wire_differential.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  (void)gpusched::extender::check_filter(std::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
