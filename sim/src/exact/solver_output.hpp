#pragma once

#include <string_view>

#include "gpusched/base/result.hpp"
#include "gpusched/sim/exact/solver.hpp"

namespace gpusched::sim {

/// `solution`: the file that `cbc -solution` writes; `log`: what it prints. data_loss where the solution is none.
Result<SolverOutput> read_cbc_output(std::string_view solution, std::string_view log);
/// The same for `highs --solution_file`.
Result<SolverOutput> read_highs_output(std::string_view solution, std::string_view log);

}  // namespace gpusched::sim
