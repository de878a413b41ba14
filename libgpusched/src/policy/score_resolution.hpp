#pragma once

#include <array>
#include <cstdint>

#include "gpusched/policy/registry.hpp"

namespace gpusched {

/// The parameter of policies whose published scores are integers 0..100, as kube-scheduler plugins give them.
inline constexpr std::array<PolicyParameter, 1> resolution_parameters = {{
    {.name = "resolution",
     .default_value = "exact",
     .values = "exact|100",
     .description = "100 cuts scores to integers 0..100 as kube-scheduler plugins do"},
}};

// Fixed normalisers of the published simulator: 128 vCPU and 8 GPUs count the same.
inline constexpr double norm_cpu_milli = 128000.0;
inline constexpr double norm_gpu_milli = 8000.0;

/// Cut scores tie often, and published runs break those ties by device order; exact ones may merge permutations.
inline PolicyTraits resolution_traits(bool truncated) {
  return {.view = {.gpu_identity = truncated ? GpuIdentity::positional : GpuIdentity::interchangeable}};
}

/// Makes `Policy(truncated)` from the parameter.
template <typename Policy>
Result<std::unique_ptr<PlacementPolicy>> make_with_resolution(const PolicyParameters& parameters, std::uint64_t) {
  return std::unique_ptr<PlacementPolicy>(std::make_unique<Policy>(parameters.find("resolution")->second == "100"));
}

}  // namespace gpusched
