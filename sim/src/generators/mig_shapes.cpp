#include "generators/mig_shapes.hpp"

#include <algorithm>

namespace gpusched::sim {

Result<std::array<std::string, mig_shapes.size()>> mig_shape_names(const GpuModel& model) {
  std::array<std::string, mig_shapes.size()> names;
  for (std::size_t i = 0; i < mig_shapes.size(); ++i) {
    const MigShape& shape = mig_shapes[i];
    const auto profile = std::find_if(model.profiles.begin(), model.profiles.end(), [&](const MigProfile& candidate) {
      return !candidate.is_label() && candidate.compute_slices == shape.compute_slices &&
             candidate.memory_units == shape.memory_units;
    });
    if (!model.has_lattice() || profile == model.profiles.end()) {
      return Error{.code = ErrorCode::unsupported,
                   .message = "parameter model: " + std::string(model.name) + " has no MIG profile of the shape " +
                              std::string(shape.name) +
                              (model.has_lattice() ? "" : " (" + std::string(model.mig_refusal) + ")"),
                   .file = "",
                   .line = 0,
                   .remedy = "Choose a model with eight memory slices, such as H100-80GB-SXM5"};
    }
    names[i] = std::string(profile->name);
  }
  return names;
}

}  // namespace gpusched::sim
