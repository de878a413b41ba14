#pragma once

#include <cstdint>

#include "gpusched/cluster/allocation.hpp"

namespace gpusched {

/// Whether tenants may take turns on the part's instance, and `taken_mib` of its memory leave enough for one more.
bool instance_holds(const GpuState& gpu, const GpuAssignment& part, std::int64_t taken_mib);

}  // namespace gpusched
