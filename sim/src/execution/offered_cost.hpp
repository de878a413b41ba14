#pragma once

#include <array>

#include "gpusched/sim/execution/execution_summary.hpp"
#include "gpusched/sim/trace.hpp"

namespace gpusched::sim {

/// What share of the offered cost falls on each class; sums to 1, all 0 where no job has a profile.
std::array<double, goodput_class_count> offered_cost_shares(const Trace& trace);

}  // namespace gpusched::sim
