#pragma once

#include <cstdint>

#include "gpusched/sim/trace.hpp"

namespace gpusched::sim {

/// The trace with `factor` times its load: jobs (gangs as a whole) are copied or left out at random; a copy arrives
/// within half an hour of its original. Factor > 0; 1 changes nothing. A larger factor keeps all jobs of a smaller one.
void scale_load(Trace& trace, double factor, std::uint64_t seed);

/// Lets all jobs run whatever labels they ask of nodes: those of a plan have none yet.
void drop_node_labels(Trace& trace);

}  // namespace gpusched::sim
