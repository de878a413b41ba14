#pragma once

#include <string>

#include "gpusched/reshape/reshape_plan.hpp"

namespace gpusched {

/// A plan as JSON: state it starts from, steps, costs by term. Field by field: docs/reshape.md.
std::string write_reshape_plan(const ReshapePlan& plan);

}  // namespace gpusched
