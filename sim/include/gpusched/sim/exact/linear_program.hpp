#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "gpusched/base/result.hpp"

namespace gpusched::sim {

/// A linear or integer program to be minimised, in whole numbers throughout: what is written to a file is what is
/// meant, and a solver's answer can be checked without rounding.
struct LinearProgram {
  static constexpr std::int64_t unbounded = std::numeric_limits<std::int64_t>::max();

  struct Variable {
    std::string name{};  ///< letters, digits and '_', no leading digit or 'e', at most 60: what LP files allow
    std::int64_t cost = 0;
    std::int64_t lower = 0;
    std::int64_t upper = unbounded;
    bool integer = true;
  };
  struct Term {
    std::uint32_t variable = 0;
    std::int64_t coefficient = 0;
  };
  enum class Relation : std::uint8_t { at_most, at_least, equal };
  struct Row {
    std::string name{};         ///< as a variable's; the first word says what the row means
    std::vector<Term> terms{};  ///< a variable at most once, no coefficient 0
    Relation relation = Relation::at_most;
    std::int64_t right_side = 0;
  };

  std::vector<std::string> comments;  ///< lines at the head of the file: what the names mean
  std::vector<Variable> variables;
  std::vector<Row> rows;
  std::int64_t constant = 0;  ///< added to the cost; not in the file, some readers refuse it

  std::uint32_t add(Variable variable) {
    variables.push_back(std::move(variable));
    return static_cast<std::uint32_t>(variables.size() - 1);
  }
  bool all_integer() const;
};

/// The program in CPLEX LP format, as CBC, HiGHS, GLPK, SCIP, CPLEX and Gurobi read it.
std::string to_lp_format(const LinearProgram& program);

/// What whole-number values of the variables cost, constant included. invalid_argument names the first bound or row
/// that they break. Contract: one value per variable.
Result<std::int64_t> evaluate(const LinearProgram& program, std::span<const std::int64_t> values);

}  // namespace gpusched::sim
