// Any text as a cluster shorthand or a policy with parameters: an error or a value, never a crash.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "gpusched/policy/registry.hpp"
#include "gpusched/sim/cluster_builder.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)gpusched::sim::parse_cluster_shorthand(text);
  if (const auto policy = gpusched::parse_policy(text); policy.ok()) {
    (void)gpusched::make_policy(policy.value(), 1);
  }
  return 0;
}
