// Any text as a table of DCGM's counters: bad lines are counted, and profiles can be read again.
#include "import_fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return gpusched::profiler::fuzz_import(data, size, gpusched::profiler::DcgmFormat::csv);
}
