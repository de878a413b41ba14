#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gpusched/base/result.hpp"
#include "gpusched/sim/exact/linear_program.hpp"

namespace gpusched::sim {

/// A program that solves LP files, found on PATH. A new one is a row of the table in solver.cpp.
enum class SolverName : std::uint8_t { automatic, cbc, highs };

/// "auto", "cbc", "highs"; not_found lists the names.
Result<SolverName> find_solver_name(std::string_view text);

/// How a solver ended.
enum class SolverStatus : std::uint8_t {
  optimal,     ///< with the solver's claim that nothing is cheaper
  infeasible,  ///< the solver claims that the rows contradict each other
  unbounded,
  limit,  ///< time or memory ran out; there may be values and a bound
};
const char* to_string(SolverStatus status);

/// What a solver found, as values. Nothing in it is checked yet.
struct SolverOutput {
  SolverStatus status = SolverStatus::limit;
  std::string version{};  ///< empty where it is not said
  std::optional<double> cost{};
  std::optional<double> bound{};
  std::map<std::string, double, std::less<>> values{};  ///< by variable; empty where there is no solution
  std::map<std::string, double, std::less<>> duals{};   ///< by row
};

struct SolverOptions {
  SolverName solver = SolverName::automatic;  ///< the first of the table that is on PATH
  double time_limit_s = 60;
  std::int64_t memory_limit_mib = 4096;  ///< of the solver's process
  /// A solver that is no program on PATH, called in place of one: a library in this process.
  std::function<Result<SolverOutput>(const LinearProgram& program, double time_limit_s)> library{};
  std::string library_name{};
  /// Called now and then while a program solves; what it throws ends the program and is passed on.
  std::function<void()> look{};
};

/// What a solver says, as far as it was checked.
struct SolverAnswer {
  SolverStatus status = SolverStatus::limit;
  std::string solver{};  ///< name and version: "cbc 2.10.8"
  double wall_s = 0;
  /// Of an integer program: whole numbers that keep every bound and row. Empty when the solver found none.
  std::vector<std::int64_t> values{};
  std::int64_t cost = 0;  ///< of `values`, computed here
  /// No values are cheaper, says the solver; the cost where it is optimal. nullopt: not stated.
  std::optional<std::int64_t> bound{};
  /// Of a program without integers: as read, unchecked. Duals by row, in the sense of a minimum (at_most: <= 0).
  std::vector<double> continuous_values{};
  std::vector<double> duals{};
};

/// Writes the program to a temporary file, runs the solver on it and reads what it found. Integer values are rounded
/// and then checked against every row; the cost is computed here.
/// `library` gets the program itself; what it says is checked the same way.
/// Errors: not_found (no solver on PATH, with the package to install), io (the solver cannot be run or died),
/// data_loss (its answer cannot be read, breaks a row, or costs something else than it says).
Result<SolverAnswer> solve(const LinearProgram& program, const SolverOptions& options);

}  // namespace gpusched::sim
