#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "gpusched/base/result.hpp"
#include "gpusched/sim/exact/acceptance_bound.hpp"
#include "gpusched/sim/exact/snapshot_model.hpp"
#include "gpusched/sim/exact/snapshot_policy.hpp"
#include "gpusched/sim/simulator.hpp"

namespace gpusched::sim {

/// A policy and what it is called in tables.
struct NamedPolicy {
  std::string name;
  PolicyChoice choice;
};

/// What policies make of a snapshot, beside the cheapest plans.
struct ExactComparison {
  struct Policy {
    std::string name;
    SnapshotCost cost;
  };
  std::size_t nodes = 0, gpus = 0, jobs = 0, residents = 0;
  SnapshotOptimum optimum;        ///< jobs may move
  SnapshotOptimum without_moves;  ///< all residents stay
  std::vector<Policy> policies;
};

/// What policies accept of a trace, beside the bounds.
struct AcceptanceComparison {
  struct Policy {
    std::string name;
    double by_count = 0;
    double by_size = 0;
  };
  std::size_t arrivals = 0;
  std::int64_t gpus = 0;
  std::int64_t offered_count = 0, offered_size = 0;
  AcceptanceBound by_count, by_size;
  std::vector<Policy> policies;
};

/// Solves the snapshot twice, and lets each policy plan it. Errors: those of check_snapshot(), solve_snapshot() and
/// plan_by_policy().
Result<ExactComparison> compare_with_optimum(const Snapshot& snapshot, std::span<const NamedPolicy> policies,
                                             SnapshotOrder order, std::uint64_t seed, const SolverOptions& solver);

/// Bounds what can be accepted of the trace, and replays it under each policy with `options`, but without a queue and
/// without preemption: the bound is for jobs that are taken at once and stay. Errors: those of acceptance_problem(),
/// bound_acceptance() and simulate().
Result<AcceptanceComparison> compare_with_bound(const Trace& trace, SimulationOptions options,
                                                std::span<const NamedPolicy> policies, const SolverOptions& solver);

// For people, and the same as one JSON object; docs/models/exact.md.
std::string exact_text(const ExactComparison& comparison);
std::string exact_json(const ExactComparison& comparison);
std::string acceptance_text(const AcceptanceComparison& comparison);
std::string acceptance_json(const AcceptanceComparison& comparison);

}  // namespace gpusched::sim
