#pragma once

#include <string>
#include <vector>

#include "gpusched/sim/comparison.hpp"

namespace gpusched::cli {

using Runs = std::vector<sim::ComparedRun>;

/// Prints policies side by side: mean over seeds and half width of the 95 % confidence interval. Columns of goodput and
/// modes only where the trace has job profiles.
void print_comparison(const std::vector<std::string>& policies, const Runs& runs, int seeds);
/// The same as JSON.
std::string comparison_json(const std::vector<std::string>& policies, const Runs& runs);
/// One row per run.
std::string comparison_csv(const std::vector<std::string>& policies, const Runs& runs);

}  // namespace gpusched::cli
