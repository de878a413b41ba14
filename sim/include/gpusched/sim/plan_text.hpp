#pragma once

#include <string>
#include <vector>

#include "gpusched/base/result.hpp"
#include "gpusched/sim/plan_space.hpp"
#include "gpusched/sim/planner.hpp"

namespace gpusched::sim {

/// A plan and the question it answers.
struct PlanReport {
  const PlanSpace& space;
  const std::vector<PlanTarget>& targets;
  const PlanOptions& options;
  const PlanResult& result;
};

/// The answer, how sure it is, its figures beside those of the next smaller cluster, the other kinds, and cost against
/// waiting time. There is an answer.
std::string plan_text(const PlanReport& report);
/// The same as JSON, with every candidate that ran.
std::string plan_json(const PlanReport& report);
/// One row per run.
std::string plan_csv(const PlanReport& report);
/// That no candidate meets the targets, and how far off the largest ones are.
Error no_plan(const PlanReport& report);

}  // namespace gpusched::sim
