#include <algorithm>

#include "gpusched/base/inline_vector.hpp"

#include "engine/caches.hpp"

namespace gpusched {

namespace {

GpuAssignment share_on(std::size_t gpu, const GpuRequest& request) {
  return {.gpu = static_cast<std::uint16_t>(gpu),
          .share_milli = static_cast<std::uint16_t>(request.gpu_milli),
          .range = {},
          .profile = {},
          .mig_labels = 0,
          .memory_mib = request.gpu_milli < milli_per_unit ? static_cast<std::int32_t>(request.gpu_memory_mib) : 0};
}

}  // namespace

Candidate assign_gpus(const GpuRequest& request, NodeId id, const Node& node, const NodeState& chosen_state,
                      std::uint16_t gpu) {
  Candidate candidate;
  const GpuStates& gpus = node.state.gpus;
  candidate.node = id;
  if (request.num_gpu == 1 && request.gpu_milli < milli_per_unit) {
    const GpuState& wanted = chosen_state.gpus[gpu];
    // Positional classes name the device itself; others any device in that state, the lowest for a stable answer.
    const std::size_t device =
        gpu < gpus.size() && gpus[gpu] == wanted && chosen_state.gpus == gpus
            ? gpu
            : static_cast<std::size_t>(std::find(gpus.begin(), gpus.end(), wanted) - gpus.begin());
    candidate.gpus.push_back(share_on(device, request));
    return candidate;
  }
  InlineVector<std::uint16_t, 8> fitting;
  for (std::size_t i = 0; i < gpus.size(); ++i) {
    if (share_fits(request, node.state, gpus[i])) {
      fitting.push_back(static_cast<std::uint16_t>(i));
    }
  }
  std::sort(fitting.begin(), fitting.end(), [&](std::uint16_t a, std::uint16_t b) {
    const std::int32_t free_a = gpus[a].shareable_milli();
    const std::int32_t free_b = gpus[b].shareable_milli();
    return free_a != free_b ? free_a < free_b : a < b;
  });
  for (std::size_t i = 0; i < static_cast<std::size_t>(request.num_gpu); ++i) {
    candidate.gpus.push_back(share_on(fitting[i], request));
  }
  return candidate;
}

}  // namespace gpusched
