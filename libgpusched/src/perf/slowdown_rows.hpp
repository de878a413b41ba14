#pragma once

#include <string>

#include "gpusched/base/result.hpp"
#include "gpusched/perf/slowdown_models.hpp"

namespace gpusched {

// The rows of the table, one source each.
extern const SlowdownModelInfo slice_training_model;
extern const SlowdownModelInfo slice_inference_model;
extern const SlowdownModelInfo time_slice_model;
extern const SlowdownModelInfo mps_model;
extern const SlowdownModelInfo time_sliced_mig_model;

/// `unsupported`: the model does not speak of such a partition.
inline Error not_for(std::string_view model, std::string_view what, std::string_view remedy) {
  return {.code = ErrorCode::unsupported,
          .message = std::string(model) + " does not apply to " + std::string(what),
          .file = {},
          .line = 0,
          .remedy = std::string(remedy)};
}

}  // namespace gpusched
