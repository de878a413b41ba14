// Useful work offered by mode-mix and the fluid bound, beside the study that the generator repeats.
#include <cmath>
#include <cstdio>
#include <iostream>
#include <span>
#include <string>
#include <vector>

#include "gpusched/sim/generators/trace_generators.hpp"
#include "gpusched/sim/mode_bound.hpp"

#include "../../tests/published/mode_study_published.hpp"
#include "table_program.hpp"

namespace {

using namespace gpusched;
using published::mode_study_cells;
using published::ModeStudyCell;

struct Run {
  sim::ModeBound bound;
  std::size_t jobs = 0;
};

Result<Run> run(const ModeStudyCell& cell, std::uint64_t seed) {
  constexpr TimeNs hour = 3600 * ns_per_s;
  const Result<sim::Trace> trace =
      sim::generate_trace("mode-mix", {{"mix", std::string(cell.mix)}, {"load", std::string(cell.load)}}, seed);
  if (!trace) {
    return trace.error();
  }
  const Result<sim::ModeBound> bound = sim::mode_bound(trace.value(), 5 * hour, 19 * hour);
  if (!bound) {
    return bound.error();
  }
  return Run{.bound = bound.value(), .jobs = trace.value().jobs.size()};
}

/// Means of one cell's seeds, printed; whether they are near the study's.
bool print_cell(const ModeStudyCell& cell, std::span<const Run> runs) {
  const auto n = static_cast<double>(runs.size());
  double jobs = 0, demand = 0, offered = 0, squares = 0, bound = 0;
  for (const Run& r : runs) {
    jobs += static_cast<double>(r.jobs) / n;
    demand += r.bound.demand / n;
    offered += r.bound.offered / n;
    squares += r.bound.offered * r.bound.offered / n;
    bound += r.bound.bound / n;
  }
  const double sd = runs.size() > 1 ? std::sqrt(std::max(0.0, squares - offered * offered) * n / (n - 1)) : 0;
  const double off = offered / cell.offered - 1;
  const double bound_off = bound / cell.bound - 1;
  const bool good = std::abs(off) <= published::mode_study_offered_tolerance &&
                    std::abs(bound_off) <= published::mode_study_bound_tolerance;
  std::printf("%-10s %s %7.0f %7.3f %9.3f %6.3f %7.3f %+6.1f %% %8.3f %7.3f %+6.1f %% %s\n",
              std::string(cell.mix).c_str(), std::string(cell.load).c_str(), jobs, demand, offered, sd, cell.offered,
              100 * off, bound, cell.bound, 100 * bound_off, good ? "" : "!");
  return good;
}

}  // namespace

int main(int argc, char** argv) {
  bench::TableArguments arguments(
      "Generates the workloads of mode-mix and prints what they offer in hours 5 to 19, and the fluid bound on what "
      "can\n"
      "be done, beside the study's figures. Exit code 1 when one is further from them than chance and open choices "
      "allow.",
      {{"seeds", "1-8", "seeds of each cell"}});
  if (const auto exit_code = arguments.parse(argc, argv)) {
    return *exit_code;
  }
  const auto seeds = arguments.range("seeds");
  if (!seeds) {
    std::cerr << "--seeds is a number or a range\n";
    return 2;
  }
  const std::size_t count = seeds->second - seeds->first + 1;
  const Result<std::vector<Run>> all = bench::cells_times_seeds<Run>(
      mode_study_cells.size(), {.first = seeds->first, .count = count},
      [](std::size_t cell, std::uint64_t seed) { return run(mode_study_cells[cell], seed); });
  if (!all) {
    std::cerr << all.error().to_string() << "\n";
    return 1;
  }
  const std::vector<Run>& runs = all.value();
  std::printf("fractions of the GPU time, means of %zu seeds; sd: of the offered work of one seed\n", count);
  std::printf("%-14s %7s %7s %9s %6s %7s %8s %8s %7s\n", "mix, load", "jobs", "demand", "offered", "sd", "study", "",
              "bound", "study");
  bool good = true;
  for (std::size_t i = 0; i < mode_study_cells.size(); ++i) {
    good &= print_cell(mode_study_cells[i], std::span(runs).subspan(i * count, count));
  }
  std::printf("allowed: offered %.0f %%, bound %.0f %%: %s\n", 100 * published::mode_study_offered_tolerance,
              100 * published::mode_study_bound_tolerance, good ? "as the study" : "NOT as the study");
  return good ? 0 : 1;
}
