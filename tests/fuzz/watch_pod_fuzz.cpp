// Any text as a Pod of a watch: both decoders agree, and its request is read or refused.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "extender/wire/wire_differential.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gpusched;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)extender::check_pod(text);
  const extender::Padded padded{std::string(text)};
  if (const Result<extender::PodObject> pod = extender::decode_pod(padded.view())) {
    const Result<PodRequest> request = read_pod_request(pod.value().spec);
    GPUSCHED_CHECK(!request.ok() || request.value().request.num_gpu == 0 || pod.value().names_gpu,
                   "a GPU pod that names none");
  }
  return 0;
}
