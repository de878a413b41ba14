#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "gpusched/base/result.hpp"
#include "gpusched/sim/exact/solver.hpp"

namespace gpusched::sim {

/// The texts that a solver leaves behind, as values. Nothing in it is checked yet.
struct SolverOutput {
  SolverStatus status = SolverStatus::limit;
  std::string version;  ///< empty where it is not said
  std::optional<double> cost;
  std::optional<double> bound;
  std::map<std::string, double, std::less<>> values;  ///< by variable; empty where there is no solution
  std::map<std::string, double, std::less<>> duals;   ///< by row
};

/// `solution`: the file that `cbc -solution` writes; `log`: what it prints. data_loss where the solution is none.
Result<SolverOutput> read_cbc_output(std::string_view solution, std::string_view log);
/// The same for `highs --solution_file`.
Result<SolverOutput> read_highs_output(std::string_view solution, std::string_view log);

}  // namespace gpusched::sim
