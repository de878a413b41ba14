#include "gpusched/cluster/node_spec.hpp"

#include <algorithm>

#include "gpusched/base/units.hpp"
#include "gpusched/cluster/gpu_request.hpp"

namespace gpusched {

std::optional<std::size_t> find_resource(std::span<const NodeResource> resources, const GpuRequest& request) {
  if (request.num_gpu == 0 || states_intent(request)) {
    return std::nullopt;
  }
  const bool shared = request.gpu_milli == 1;
  if (!shared && request.mig_profile.empty() && request.gpu_milli != milli_per_unit) {
    return std::nullopt;  // a fraction: no name of the device plugin says that
  }
  const auto found = std::find_if(resources.begin(), resources.end(), [&](const NodeResource& resource) {
    return resource.mig_profile == request.mig_profile && resource.shared == shared;
  });
  if (found == resources.end()) {
    return std::nullopt;
  }
  return static_cast<std::size_t>(found - resources.begin());
}

}  // namespace gpusched
