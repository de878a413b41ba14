// Any text as the body of bind: both decoders agree.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "extender/wire/wire_differential.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  (void)gpusched::extender::check_bind(std::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
