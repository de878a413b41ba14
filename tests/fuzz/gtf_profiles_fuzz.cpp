#include "reader_fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return gpusched::sim::fuzz_reader(data, size, gpusched::sim::read_gtf_profiles);
}
