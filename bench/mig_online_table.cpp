// Online MIG placement in steady state: acceptance of nine policies beside the reference.
#include <array>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

#include "../tests/published/mig_online_reference.hpp"
#include "table_program.hpp"

namespace {

using namespace gpusched;
using published::mig_cells;
using published::mig_references;
using published::MigAcceptance;

constexpr std::size_t policy_count = mig_references.size();
constexpr double cell_tolerance = 1.0;     // points: the reference is a mean of 4 to 6 seeds, +-0.3 each
constexpr double policy_tolerance = 0.3;   // points, on the mean over a policy's cells
constexpr double paired_tolerance = -0.1;  // points that BUDDY may fall below MFI in a cell
constexpr std::size_t cells_ahead_needed = 11;

using Row = std::array<MigAcceptance, policy_count>;

struct Runs {
  std::size_t seeds = 0;
  std::vector<Row> rows;  // [cell * seeds + seed]
  double cpu_s = 0;
};

std::size_t index_of(std::string_view policy) {
  return static_cast<std::size_t>(published::find_mig_reference(policy) - mig_references.data());
}

Result<Runs> run_all(std::size_t seeds, std::uint64_t first_seed) {
  Runs runs{.seeds = seeds, .rows = std::vector<Row>(mig_cells * seeds), .cpu_s = 0};
  std::vector<Status> statuses(runs.rows.size());
  std::vector<double> cpu_s(runs.rows.size());
  bench::on_all_cores(runs.rows.size(), [&](std::size_t i) {
    const std::uint64_t seed = first_seed + i % seeds;
    const Result<sim::Trace> trace = published::mig_trace(i / seeds, seed);
    if (!trace) {
      statuses[i] = trace.error();
      return;
    }
    const double begin = bench::thread_cpu_s();
    for (std::size_t p = 0; p < policy_count && statuses[i].ok(); ++p) {
      const Result<MigAcceptance> result = published::replay_mig(trace.value(), mig_references[p].policy, seed);
      statuses[i] = result ? Status() : Status(result.error());
      runs.rows[i][p] = result ? result.value() : MigAcceptance{};
    }
    cpu_s[i] = bench::thread_cpu_s() - begin;
  });
  for (std::size_t i = 0; i < statuses.size(); ++i) {
    if (!statuses[i]) {
      return statuses[i].error();
    }
    runs.cpu_s += cpu_s[i];
  }
  return runs;
}

MigAcceptance mean_of(const Runs& runs, std::size_t cell, std::size_t policy) {
  MigAcceptance mean;
  for (std::size_t s = 0; s < runs.seeds; ++s) {
    const MigAcceptance& run = runs.rows[cell * runs.seeds + s][policy];
    mean.by_count += run.by_count / static_cast<double>(runs.seeds);
    mean.by_slices += run.by_slices / static_cast<double>(runs.seeds);
  }
  return mean;
}

std::string cell_name(std::size_t cell) {
  return std::string(published::mig_mixes[cell / published::mig_loads.size()]) + " " +
         std::string(published::mig_loads[cell % published::mig_loads.size()]);
}

void print_cells(const Runs& runs) {
  std::printf("accepted %% by count / by memory slices, mean of %zu seeds\n%-16s", runs.seeds, "mix, load");
  for (const published::MigReference& reference : mig_references) {
    std::printf("%17s", std::string(reference.policy).c_str());
  }
  for (std::size_t cell = 0; cell < mig_cells; ++cell) {
    std::printf("\n%-16s", cell_name(cell).c_str());
    for (std::size_t p = 0; p < policy_count; ++p) {
      const MigAcceptance mean = mean_of(runs, cell, p);
      std::printf("%9.2f / %5.2f", mean.by_count, mean.by_slices);
    }
  }
  std::printf("\n");
}

bool print_deviations(const Runs& runs) {
  bool good = true;
  std::printf("\nours - reference, points over the 12 cells: signed mean, mean absolute, largest\n");
  std::printf("%-18s %26s %26s\n", "policy", "by count", "by slices");
  for (std::size_t p = 0; p < policy_count; ++p) {
    std::printf("%-18s", std::string(mig_references[p].policy).c_str());
    for (const auto figure : {&MigAcceptance::by_count, &MigAcceptance::by_slices}) {
      double signed_mean = 0, absolute_mean = 0, largest = 0;
      for (std::size_t cell = 0; cell < mig_cells; ++cell) {
        const double deviation = mean_of(runs, cell, p).*figure - mig_references[p].cells[cell].*figure;
        signed_mean += deviation / static_cast<double>(mig_cells);
        absolute_mean += std::abs(deviation) / static_cast<double>(mig_cells);
        largest = std::max(largest, std::abs(deviation));
      }
      const bool within = largest <= cell_tolerance && std::abs(signed_mean) <= policy_tolerance;
      std::printf(" %+8.3f %7.3f %7.3f %s", signed_mean, absolute_mean, largest, within ? " " : "!");
      good &= within;
    }
    std::printf("\n");
  }
  std::printf("allowed: mean %.1f, a cell %.1f\n", policy_tolerance, cell_tolerance);
  return good;
}

bool print_buddy_against_mfi(const Runs& runs) {
  const std::size_t buddy = index_of("buddy");
  const std::size_t mfi = index_of("mfi");
  std::size_t ahead = 0;
  bool good = true;
  std::printf("\nbuddy - mfi by slices, paired by seed: mean, standard deviation of a pair\n");
  for (std::size_t cell = 0; cell < mig_cells; ++cell) {
    double sum = 0, squares = 0;
    for (std::size_t s = 0; s < runs.seeds; ++s) {
      const Row& row = runs.rows[cell * runs.seeds + s];
      const double gain = row[buddy].by_slices - row[mfi].by_slices;
      sum += gain;
      squares += gain * gain;
    }
    const auto n = static_cast<double>(runs.seeds);
    const double mean = sum / n;
    const double sd = runs.seeds > 1 ? std::sqrt(std::max(0.0, (squares - n * mean * mean) / (n - 1))) : 0;
    std::printf("  %-16s %+7.3f %7.3f\n", cell_name(cell).c_str(), mean, sd);
    ahead += mean > 0 ? 1 : 0;
    good &= mean >= paired_tolerance;
  }
  std::printf("  ahead in %zu of %zu cells, %zu needed; never below %.1f: %s\n", ahead, mig_cells, cells_ahead_needed,
              paired_tolerance, good ? "yes" : "NO");
  return good && ahead >= cells_ahead_needed;
}

}  // namespace

int main(int argc, char** argv) {
  bench::TableArguments arguments(
      "Replays online MIG demand (4 mixes, 3 loads, 100 GPUs, 40,000 arrivals) under nine policies and compares the\n"
      "acceptance with the reference. Exit code 1 when a cell, a policy's mean or BUDDY's lead over MFI is off.",
      {{"seeds", "100", "seeds per cell"}, {"first-seed", "1", "the first of them"}});
  if (const auto exit_code = arguments.parse(argc, argv)) {
    return *exit_code;
  }
  const auto seeds = bench::seeds_of(arguments);
  if (!seeds) {
    return 2;
  }
  const bench::Stopwatch watch;
  const Result<Runs> runs = run_all(seeds->count, seeds->first);
  if (!runs) {
    std::cerr << runs.error().to_string() << "\n";
    return 1;
  }
  print_cells(runs.value());
  const bool as_reference = print_deviations(runs.value());
  const bool buddy_ahead = print_buddy_against_mfi(runs.value());
  const auto replays = static_cast<double>(runs.value().rows.size() * policy_count);
  std::printf("\n%.0f replays of 40,000 arrivals: CPU %.1f s (%.3f s each), wall %.1f s\n", replays, runs.value().cpu_s,
              runs.value().cpu_s / replays, watch.seconds());
  const bool good = as_reference && buddy_ahead;
  std::printf("%s\n", good ? "as the reference" : "NOT as the reference");
  return good ? 0 : 1;
}
