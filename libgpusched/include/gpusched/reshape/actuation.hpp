#pragma once

#include <cstdint>

namespace gpusched {

/// How a cluster can change partitions.
enum class Actuation : std::uint8_t {
  per_instance,  ///< driver, DRA: one instance at a time, its neighbours run on
  drain_gpu,     ///< mig-parted: the GPU is drained, all its pods are restarted, and it gets a whole new geometry
};
const char* to_string(Actuation actuation);

}  // namespace gpusched
