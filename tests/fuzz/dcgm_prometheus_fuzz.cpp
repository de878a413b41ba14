// Any text as what dcgm-exporter serves: bad lines are counted, and profiles can be read again.
#include "import_fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return gpusched::profiler::fuzz_import(data, size, gpusched::profiler::DcgmFormat::prometheus);
}
