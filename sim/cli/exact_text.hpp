#pragma once

#include <string>
#include <vector>

#include "gpusched/sim/exact/acceptance_bound.hpp"
#include "gpusched/sim/exact/snapshot_model.hpp"

namespace gpusched::cli {

/// What policies make of a snapshot, beside the cheapest plans.
struct ExactComparison {
  struct Policy {
    std::string name;
    sim::SnapshotCost cost;
  };
  const sim::Snapshot& snapshot;
  sim::SnapshotOptimum optimum;        ///< jobs may move
  sim::SnapshotOptimum without_moves;  ///< all residents stay
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
  sim::AcceptanceBound by_count, by_size;
  std::vector<Policy> policies;
};

// For people, and the same as one JSON object; docs/models/exact.md.
std::string exact_text(const ExactComparison& comparison);
std::string exact_json(const ExactComparison& comparison);
std::string acceptance_text(const AcceptanceComparison& comparison);
std::string acceptance_json(const AcceptanceComparison& comparison);

}  // namespace gpusched::cli
