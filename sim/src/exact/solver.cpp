#include "gpusched/sim/exact/solver.hpp"

#include <array>
#include <chrono>
#include <cmath>
#include <span>

#include "exact/child_process.hpp"
#include "exact/solver_output.hpp"
#include "readers/file_text.hpp"

namespace gpusched::sim {

namespace {

constexpr double grace_s = 20;                // a solver past its time limit has this long to write what it has
constexpr double largest_value = 1e15;        // beyond it a double is no longer a whole number
constexpr double integer_tolerance = 1e-4;    // how far from a whole number an integer variable may be read
constexpr double relative_tolerance = 1e-6;   // of a cost that a solver states
constexpr double proves_integer_cost = 0.99;  // whole costs: a bound nearer than 1 is a proof

/// Files of one run.
struct RunFiles {
  std::filesystem::path program, solution, options;
};

/// A row of the table of solvers.
struct SolverRow {
  SolverName name;
  const char* program;
  int attempts;  ///< with other arguments each, where the program breaks off
  std::vector<std::string> (*arguments)(const RunFiles& files, const SolverOptions& options, bool whole_costs,
                                        int attempt);
  Result<SolverOutput> (*read)(std::string_view solution, std::string_view log);
};

std::string decimal(double value) { return std::to_string(value); }

std::vector<std::string> cbc_arguments(const RunFiles& files, const SolverOptions& options, bool whole_costs,
                                       int attempt) {
  std::vector<std::string> words = {files.program.filename().string(), "-timeMode", "elapsed", "-sec",
                                    decimal(options.time_limit_s),     "-ratio",    "0"};
  if (whole_costs) {
    words.insert(words.end(), {"-allow", decimal(proves_integer_cost)});
  }
  if (whole_costs && attempt == 0) {
    // Merging columns beforehand solved the one of 200 generated snapshots that the default left open after a minute.
    // On some small programs cbc 2.10.8 breaks off over it (an assertion in Clp).
    words.insert(words.end(), {"-preprocess", "aggregate"});
  }
  words.insert(words.end(), {"-printi", "all", "-solve", "-solu", files.solution.filename().string()});
  return words;
}

std::vector<std::string> highs_arguments(const RunFiles& files, const SolverOptions& options, bool whole_costs, int) {
  // Its command line has no gap; an options file has.
  const std::string text = "time_limit = " + decimal(options.time_limit_s) + "\nmip_rel_gap = 0\nparallel = off\n" +
                           (whole_costs ? "mip_abs_gap = " + decimal(proves_integer_cost) + "\n" : std::string());
  if (!write_file(files.options.string(), text)) {
    return {};
  }
  return {"--options_file", files.options.filename().string(), "--solution_file", files.solution.filename().string(),
          files.program.filename().string()};
}

constexpr std::array<SolverRow, 2> solver_rows = {{
    {SolverName::cbc, "cbc", 2, cbc_arguments, read_cbc_output},
    {SolverName::highs, "highs", 1, highs_arguments, read_highs_output},
}};

struct FoundSolver {
  const SolverRow* row = nullptr;
  std::filesystem::path program;
};

Result<FoundSolver> find_solver(SolverName wanted) {
  std::string looked_for;
  for (const SolverRow& row : solver_rows) {
    if (wanted != SolverName::automatic && wanted != row.name) {
      continue;
    }
    looked_for += (looked_for.empty() ? "" : ", ") + std::string(row.program);
    if (const auto program = find_on_path(row.program)) {
      return FoundSolver{&row, *program};
    }
  }
  return Error{.code = ErrorCode::not_found,
               .message = "no solver on PATH; looked for: " + looked_for,
               .file = {},
               .line = 0,
               .remedy = "Debian has cbc: apt-get install coinor-cbc (tools/setup does). highs comes from highs.dev"};
}

Error bad_answer(const std::string& solver, const std::string& what) {
  return {.code = ErrorCode::data_loss,
          .message = "the answer of " + solver + " is wrong: " + what,
          .file = {},
          .line = 0,
          .remedy = "Try another solver, or write the program with --lp and report it"};
}

/// Values by variable, in the order of the program; a variable that the solver does not name is at zero.
std::vector<double> in_order(const LinearProgram& program, const SolverOutput& output) {
  std::vector<double> values;
  for (const LinearProgram::Variable& variable : program.variables) {
    const auto found = output.values.find(variable.name);
    values.push_back(found == output.values.end() ? 0.0 : found->second);
  }
  return values;
}

Status take_whole_values(const LinearProgram& program, const SolverOutput& output, SolverAnswer& answer) {
  for (const double value : in_order(program, output)) {
    if (!(std::abs(value) < largest_value) || std::abs(value - std::round(value)) > integer_tolerance) {
      return bad_answer(answer.solver, "an integer variable is at " + std::to_string(value));
    }
    answer.values.push_back(std::llround(value));
  }
  const Result<std::int64_t> cost = evaluate(program, answer.values);
  if (!cost) {
    return bad_answer(answer.solver, cost.error().message);
  }
  answer.cost = cost.value();
  const double stated = output.cost.value_or(NAN) + static_cast<double>(program.constant);
  const double size = std::max(1.0, std::abs(static_cast<double>(answer.cost)));
  if (!(std::abs(stated - static_cast<double>(answer.cost)) <= relative_tolerance * size + integer_tolerance)) {
    return bad_answer(answer.solver, "it says that its values cost " + std::to_string(stated) + ", they cost " +
                                         std::to_string(answer.cost));
  }
  return {};
}

/// What the solver found, after everything that can be checked was checked.
Result<SolverAnswer> check_output(const LinearProgram& program, const SolverOutput& output, SolverAnswer answer) {
  answer.status = output.status;
  if (!program.all_integer()) {
    if (!output.values.empty()) {
      answer.continuous_values = in_order(program, output);
      for (const LinearProgram::Row& row : program.rows) {
        const auto found = output.duals.find(row.name);
        answer.duals.push_back(found == output.duals.end() ? 0.0 : found->second);
      }
    }
    return answer;
  }
  if (!output.values.empty()) {
    if (Status taken = take_whole_values(program, output, answer); !taken) {
      return taken.error();
    }
  }
  if (output.status == SolverStatus::optimal) {
    if (answer.values.empty()) {
      return bad_answer(answer.solver, "it is optimal, but has no values");
    }
    answer.bound = answer.cost;
  } else if (output.bound && std::abs(*output.bound) < largest_value) {
    // Costs are whole numbers, so the bound may be rounded up; not by what its own tolerance may have added.
    const double slack = relative_tolerance * std::max(1.0, std::abs(*output.bound));
    answer.bound = static_cast<std::int64_t>(std::ceil(*output.bound - slack)) + program.constant;
  }
  if (answer.bound && !answer.values.empty() && *answer.bound > answer.cost) {
    return bad_answer(answer.solver, "it says that nothing is below " + std::to_string(*answer.bound) +
                                         ", its values cost " + std::to_string(answer.cost));
  }
  return answer;
}

Error broke_off(const std::string& solver, const ChildEnd& end, const SolverOptions& options) {
  const std::string how = end.signal != 0 ? "was ended by signal " + std::to_string(end.signal)
                                          : "ended with code " + std::to_string(end.exit_code);
  return {.code = ErrorCode::io,
          .message = solver + " " + how + " and left no solution",
          .file = {},
          .line = 0,
          .remedy = "Its memory limit was " + std::to_string(options.memory_limit_mib) +
                    " MiB; raise it if the program is large"};
}

Result<SolverAnswer> solve_by_library(const LinearProgram& program, const SolverOptions& options) {
  const auto begin = std::chrono::steady_clock::now();
  const Result<SolverOutput> output = options.library(program, options.time_limit_s);
  if (!output) {
    return output.error();
  }
  SolverAnswer answer{.solver = options.library_name + " " + output.value().version};
  answer.wall_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return check_output(program, output.value(), std::move(answer));
}

/// Nothing to choose, and no solver reads such a file.
SolverAnswer answer_without_variables(const LinearProgram& program, const std::string& solver) {
  return {.status = SolverStatus::optimal, .solver = solver, .cost = program.constant, .bound = program.constant};
}

}  // namespace

Result<SolverName> find_solver_name(std::string_view text) {
  if (text == "auto") {
    return SolverName::automatic;
  }
  std::string known = "auto";
  for (const SolverRow& row : solver_rows) {
    if (text == row.program) {
      return row.name;
    }
    known += ", " + std::string(row.program);
  }
  return Error{.code = ErrorCode::not_found,
               .message = "no solver is called '" + std::string(text) + "'",
               .file = {},
               .line = 0,
               .remedy = "Known: " + known};
}

const char* to_string(SolverStatus status) {
  constexpr std::array<const char*, 4> names = {"optimal", "infeasible", "unbounded", "limit"};
  return names[static_cast<std::size_t>(status)];
}

Result<SolverAnswer> solve(const LinearProgram& program, const SolverOptions& options) {
  if (options.library) {
    return program.variables.empty() ? answer_without_variables(program, options.library_name)
                                     : solve_by_library(program, options);
  }
  const Result<FoundSolver> solver = find_solver(options.solver);
  if (!solver) {
    return solver.error();
  }
  if (program.variables.empty()) {
    return answer_without_variables(program, solver.value().row->program);
  }
  const Result<TemporaryFolder> folder = TemporaryFolder::create();
  if (!folder) {
    return folder.error();
  }
  const auto file = [&](const char* name) { return folder.value().path() / name; };
  const RunFiles files{.program = file("program.lp"), .solution = file("solution.txt"), .options = file("options.txt")};
  if (Status written = write_file(files.program.string(), to_lp_format(program)); !written) {
    return written.error();
  }
  const SolverRow& row = *solver.value().row;
  SolverAnswer answer{.solver = row.program};
  for (int attempt = 0; attempt < row.attempts; ++attempt) {
    const auto words = row.arguments(files, options, program.all_integer(), attempt);
    const ChildLimits limits{.wall_s = options.time_limit_s + grace_s, .memory_mib = options.memory_limit_mib};
    const Result<ChildEnd> end =
        run_child(solver.value().program, words, folder.value().path(), file("log.txt"), limits, options.look);
    if (!end) {
      return end.error();
    }
    answer.wall_s += end.value().wall_s;
    if (end.value().killed) {
      return answer;  // a limit, and nothing to show for it
    }
    const Result<std::string> log = read_file(file("log.txt").string());
    const Result<std::string> solution = read_file(files.solution.string());
    if (log && solution) {
      const Result<SolverOutput> output = row.read(solution.value(), log.value());
      if (!output) {
        return output.error();
      }
      answer.solver += output.value().version.empty() ? "" : " " + output.value().version;
      return check_output(program, output.value(), std::move(answer));
    }
    if (attempt + 1 == row.attempts) {
      return broke_off(answer.solver, end.value(), options);
    }
  }
  return answer;
}

}  // namespace gpusched::sim
