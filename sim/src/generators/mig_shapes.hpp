#pragma once

#include <array>
#include <string>
#include <string_view>

#include "gpusched/base/result.hpp"
#include "gpusched/model/gpu_model.hpp"

namespace gpusched::sim {

/// A MIG profile apart from its memory in GB, which differs by model: 1g-double is 1g.20gb where 1g is 1g.10gb.
struct MigShape {
  std::string_view name;
  int compute_slices;
  int memory_units;  ///< of the eight of a GPU
};

/// Of models with seven compute and eight memory slices. Mixes weigh the shapes in this order.
inline constexpr std::array<MigShape, 6> mig_shapes = {
    {{"1g", 1, 1}, {"1g-double", 1, 2}, {"2g", 2, 2}, {"3g", 3, 4}, {"4g", 4, 4}, {"7g", 7, 8}}};

/// The model's names of the shapes, labels (+me and the like) apart; unsupported if it lacks one.
Result<std::array<std::string, mig_shapes.size()>> mig_shape_names(const GpuModel& model);

}  // namespace gpusched::sim
