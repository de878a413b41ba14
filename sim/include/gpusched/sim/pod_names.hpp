#pragma once

#include <string>
#include <vector>

#include "gpusched/sim/simulator.hpp"

namespace gpusched::sim {

/// Names by PodId, as the replay numbers its pods: jobs as they arrive, replicas of each ("job", "job#1", ...).
std::vector<std::string> pod_names(const Trace& trace, const SimulationOptions& options);

}  // namespace gpusched::sim
