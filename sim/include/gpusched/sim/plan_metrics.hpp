#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gpusched/base/result.hpp"
#include "gpusched/sim/planner.hpp"
#include "gpusched/sim/simulator.hpp"

namespace gpusched::sim {

/// A figure of a run that targets may name.
struct PlanMetric {
  const char* name;
  const char* unit;  ///< "s", "%" for fractions of 1, or empty
  const char* description;
};

/// All of them; their positions are the metric numbers of targets and of plan_values().
std::span<const PlanMetric> plan_metrics();

/// Values of all metrics, in order of the table. A job that never started waits until it gave up, or to the end of the
/// replay; those that fit no node of the cluster count as such.
std::vector<double> plan_values(const Trace& trace, const SimulationResult& result);

/// A target as people write it: METRIC, one of < <= > >=, a number, and perhaps a unit: 60s, 5m, 2h, 95%. Errors name
/// the position, unknown metrics list the known ones.
Result<PlanTarget> parse_plan_target(std::string_view text);

/// As parse_plan_target reads it.
std::string to_string(const PlanTarget& target);

}  // namespace gpusched::sim
