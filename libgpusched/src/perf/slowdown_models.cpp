#include "gpusched/perf/slowdown_models.hpp"

#include <array>
#include <string>

#include "perf/slowdown_rows.hpp"

namespace gpusched {

std::span<const SlowdownModelInfo> slowdown_models() {
  // Made at the first call: the rows live in other files, and their order of initialisation is not ours.
  static const std::array<SlowdownModelInfo, 5> rows = {slice_training_model, slice_inference_model, time_slice_model,
                                                        mps_model, time_sliced_mig_model};
  return rows;
}

Result<const SlowdownModelInfo*> find_slowdown_model(std::string_view name) {
  std::string known;
  for (const SlowdownModelInfo& row : slowdown_models()) {
    if (row.name == name) {
      return &row;
    }
    known += (known.empty() ? "" : ", ") + std::string(row.name);
  }
  return Error{.code = ErrorCode::not_found,
               .message = "unknown slowdown model '" + std::string(name) + "'",
               .file = {},
               .line = 0,
               .remedy = "Known models: " + known};
}

}  // namespace gpusched
