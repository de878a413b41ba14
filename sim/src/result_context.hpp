#pragma once

#include <string>

#include "gpusched/sim/result_files.hpp"

namespace gpusched::sim {

/// nodes.csv, demand.csv and waits.csv: what a reader of results needs besides what became of the jobs.
/// Columns: docs/formats/results.md.
std::string nodes_csv(const Trace& trace, const RunNote& note);
std::string demand_csv(const Trace& trace, const SimulationResult& result, const RunNote& note);
std::string waits_csv(const SimulationResult& result);

}  // namespace gpusched::sim
