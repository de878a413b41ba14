#pragma once

#include <span>
#include <string_view>

#include "gpusched/base/result.hpp"
#include "gpusched/perf/slowdown_model.hpp"

namespace gpusched {

/// One row of the table of slowdown models.
struct SlowdownModelInfo {
  std::string_view name;
  std::string_view description;
  std::string_view needs;     ///< fields of the job profile it reads
  std::string_view validity;  ///< where it holds, and where it is a guess
  std::string_view error;     ///< measured, with the data
  std::string_view source;
  const SlowdownModel* model;
};

/// Every slowdown model, in the order of the documentation.
std::span<const SlowdownModelInfo> slowdown_models();

/// The row of that name; not_found lists the known names.
Result<const SlowdownModelInfo*> find_slowdown_model(std::string_view name);

}  // namespace gpusched
