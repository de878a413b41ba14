#pragma once

#include <string>
#include <vector>

#include "gpusched/sim/planner.hpp"

#include "plan_space.hpp"

namespace gpusched::cli {

/// A plan and the question it answers.
struct PlanReport {
  const PlanSpace& space;
  const std::vector<sim::PlanTarget>& targets;
  const sim::PlanOptions& options;
  const sim::PlanResult& result;
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

}  // namespace gpusched::cli
