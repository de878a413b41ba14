// Any text as a Node of a watch: both decoders agree, and its inventory is taken.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "extender/wire/wire_differential.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gpusched;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)extender::check_node(text);
  const extender::Padded padded{std::string(text)};
  if (const Result<extender::NodeUpdate> update = extender::decode_node(padded.view())) {
    const NodeInventory inventory = node_inventory(update.value().node);
    GPUSCHED_CHECK(inventory.unit_profiles.size() == inventory.spec.resources.size(), "a resource without a meaning");
    for (const NodeResource& resource : inventory.spec.resources) {
      GPUSCHED_CHECK(resource.allocatable >= 0 && resource.replicas >= 1, "a count that cannot be");
      GPUSCHED_CHECK(!resource.whole_devices || !inventory.spec.gpus.empty(), "units of GPUs that are not there");
    }
  }
  return 0;
}
