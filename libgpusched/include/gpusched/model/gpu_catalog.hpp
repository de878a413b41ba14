#pragma once

#include <span>
#include <string_view>

#include "gpusched/base/ids.hpp"
#include "gpusched/base/result.hpp"
#include "gpusched/model/gpu_model.hpp"

namespace gpusched {

/// Every GPU model the library knows, in catalogue order; a GpuModelId is an index into it.
std::span<const GpuModel> gpu_catalog();

const GpuModel& gpu_model(GpuModelId id);

/// Looks a model up by name or alias (exact match, then ASCII case-insensitive).
/// not_found names the value and lists the known names.
Result<GpuModelId> find_gpu_model(std::string_view name);

/// Looks a profile up by NVIDIA's name ("1g.10gb+me") or by its Kubernetes spelling ("1g.10gb.me").
/// unsupported with the model's reason where MIG is refused; not_found lists the profiles of the model.
Result<MigProfileId> find_mig_profile(GpuModelId model, std::string_view profile);

}  // namespace gpusched
