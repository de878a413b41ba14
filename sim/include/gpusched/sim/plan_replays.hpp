#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "gpusched/base/result.hpp"
#include "gpusched/sim/plan_space.hpp"
#include "gpusched/sim/planner.hpp"
#include "gpusched/sim/simulator.hpp"
#include "gpusched/sim/trace.hpp"

namespace gpusched::sim {

/// What every run of a plan shares.
struct PlanWorkload {
  /// The jobs of a seed, for workloads of which each seed makes new ones; empty: `recorded`, and each seed shuffles
  /// the order of nodes, which breaks ties.
  std::function<Result<Trace>(std::uint64_t seed)> generate{};
  Trace recorded;
  /// Policy, seed and order of nodes are each run's own; where the mix is not empty it is made from the run's jobs.
  SimulationOptions options;
  std::string compat;  ///< as choose_policy() takes it
  double scale = 1;    ///< of the load
};

/// One run of a candidate: the values of plan_metrics(). All candidates see the same jobs under the same seed; labels
/// that jobs ask of nodes are dropped. Thread-safe. Errors: those of simulate() and of `generate`.
Result<std::vector<double>> run_plan_candidate(const PlanSpace& space, const PlanWorkload& workload,
                                               const PlanCandidate& candidate, std::uint64_t seed);

}  // namespace gpusched::sim
