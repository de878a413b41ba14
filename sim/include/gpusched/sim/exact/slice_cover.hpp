#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "gpusched/sim/exact/linear_program.hpp"

namespace gpusched::sim {

/// What one instance of some size serves of a service.
struct ServingPoint {
  int compute_slices = 0;       ///< 1, 2, 3, 4 or 7
  std::int64_t rate_milli = 0;  ///< thousandths of requests per second
};

/// Instances that together serve a service.
struct SliceCover {
  std::int64_t compute_slices = 0;
  std::array<std::int64_t, 8> instances{};  ///< by compute slices
};

/// The fewest compute slices that serve the rate: an unbounded knapsack, exact. Among covers of equal size the one that
/// serves most. nullopt where no point serves anything. Source of the use: Lee et al., ParvaGPU, SC'24.
std::optional<SliceCover> least_slices(std::span<const ServingPoint> points, std::int64_t rate_milli);

/// A service: what its instances serve, and how much is asked for.
struct SlicedService {
  std::span<const ServingPoint> points;
  std::int64_t rate_milli = 0;
};

/// The program of the fewest seven-slice GPUs on which all services are served, by the five inequalities of
/// docs/models/mig-packing.md; compute slices decide between equal numbers of GPUs. Its cost is
/// GPUs * gpu_weight + compute slices.
inline constexpr std::int64_t gpu_weight = 1'000'000;
LinearProgram least_gpus_program(std::span<const SlicedService> services);

}  // namespace gpusched::sim
