#pragma once

#include <functional>
#include <string>
#include <vector>

#include "gpusched/base/result.hpp"
#include "gpusched/sim/simulator.hpp"

namespace gpusched::sim {

/// Mean and half width of the 95 % confidence interval (Student's t) of some runs.
struct Estimate {
  double mean = 0;
  double half_width = 0;  ///< 0 for a single run
};
Estimate estimate(const std::vector<double>& values);

/// A recorded trace has no seed of its own: the seed of the options shuffles the node order, which breaks ties, so that
/// an interval shows how much of a result is luck with names.
void shuffle_nodes(SimulationOptions& options, std::size_t nodes);

/// One cell of a comparison: a policy (by index) under a seed.
struct ComparedRun {
  std::size_t policy = 0;
  std::uint64_t seed = 0;
  Summary summary;
};

/// Runs `run(policy, seed)` for every pair on `threads` threads and returns the results in (policy, seed) order,
/// whatever the order in which they ended. The first error, in that order, ends the comparison.
Result<std::vector<ComparedRun>> compare_policies(
    std::size_t policies, std::uint64_t first_seed, int seeds, int threads,
    const std::function<Result<Summary>(std::size_t policy, std::uint64_t seed)>& run,
    const ProgressCallback& progress);

}  // namespace gpusched::sim
