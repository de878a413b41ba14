#pragma once

#include <array>

#include "gpusched/sim/execution/execution_options.hpp"
#include "gpusched/sim/execution/execution_summary.hpp"
#include "gpusched/sim/trace.hpp"

namespace gpusched::sim {

/// What share of the fluid cost (mode_bound.hpp) of the jobs submitted in the window falls on each class, by
/// GoodputClass; sums to 1. All 0 where no job with a profile comes. Contract: each job's profile is in the trace.
std::array<double, goodput_class_count> offered_cost_shares(const Trace& trace, const MeasuringWindow& window,
                                                            const PerfConstants& constants);

}  // namespace gpusched::sim
