#include <cstddef>
#include <cstdint>
#include <string_view>

#include "gpusched/base/check.hpp"
#include "gpusched/sim/readers/arrival_order.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t pods = 100;
  constexpr std::size_t nodes = 4;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto order = gpusched::sim::parse_order(text, "fuzz", pods, nodes);
  if (order.ok()) {
    for (const std::uint32_t pod : order.value().arrivals) {
      GPUSCHED_CHECK(pod < pods, "index out of range");
    }
    GPUSCHED_CHECK(order.value().node_rank.empty() || order.value().node_rank.size() == nodes, "ranks are missing");
  }
  return 0;
}
