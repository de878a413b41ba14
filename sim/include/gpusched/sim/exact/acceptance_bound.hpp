#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "gpusched/base/result.hpp"
#include "gpusched/model/mig_packing.hpp"
#include "gpusched/sim/exact/solver.hpp"
#include "gpusched/sim/trace.hpp"

namespace gpusched::sim {

/// A job that is taken when it comes, or never: what it holds in [begin, end), and what taking it is worth.
struct AcceptanceArrival {
  TimeNs begin_ns = 0;
  TimeNs end_ns = 0;  ///< it leaves at this time
  MigCounts instances{};
  std::int64_t weight = 1;
  bool possible = true;  ///< false: no GPU serves it
};

/// Arrivals at seven-slice GPUs, in order of time.
struct AcceptanceProblem {
  std::int64_t gpus = 0;
  std::vector<AcceptanceArrival> arrivals;

  std::int64_t offered_weight() const;
};

/// What taking a job counts.
enum class AcceptanceWeight : std::uint8_t {
  count,  ///< 1
  size,   ///< its placement units, those of a whole GPU where it asks for GPUs: Summary::acceptance_by_size
};

/// The arrivals of a trace of instances and whole GPUs on one GPU model. The first `warmup_fraction` of them counts
/// nothing, as in a replay. CPU, host memory and failures of nodes are left out: without them more is possible.
/// unsupported: another lattice, several models, or a job that asks for something else, named.
Result<AcceptanceProblem> acceptance_problem(const Trace& trace, AcceptanceWeight weight, double warmup_fraction);

/// What nobody can exceed.
struct AcceptanceBound {
  std::int64_t most_weight = 0;  ///< no policy takes more, computed here from the duals of the solver
  std::size_t solves = 0;        ///< linear programs
  std::size_t rows = 0;          ///< of the last one
  bool all_rows_hold = false;    ///< else rounds or time ran out: a bound all the same, a looser one
  double wall_s = 0;             ///< of the solver
  std::string solver{};          ///< empty where everything fits and nothing was solved
};

/// An upper bound of the weight that any policy takes that never lets a job wait, even one that knows the future and
/// moves instances at no cost: docs/models/exact.md. Rows are generated for the moments at which they are violated.
/// Errors: those of solve().
Result<AcceptanceBound> bound_acceptance(const AcceptanceProblem& problem, const SolverOptions& options);

}  // namespace gpusched::sim
