#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "gpusched/base/result.hpp"
#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/policy/registry.hpp"
#include "gpusched/sim/cluster_builder.hpp"
#include "gpusched/sim/generators/trace_generators.hpp"
#include "gpusched/sim/simulator.hpp"

/// Online placement of MIG instances in steady state: 100 GPUs, six shapes, Poisson arrivals, exponential lifetimes,
/// 40,000 arrivals of which the first sixth is discarded, a job that does not fit is rejected, nothing is moved.
namespace gpusched::published {

inline constexpr std::array<std::string_view, 4> mig_mixes = {"uniform", "skew-small", "skew-big", "bimodal"};
inline constexpr std::array<std::string_view, 3> mig_loads = {"0.85", "1.0", "1.2"};
inline constexpr std::size_t mig_cells = mig_mixes.size() * mig_loads.size();

/// The cell of a mix and a load.
constexpr std::size_t mig_cell(std::string_view mix, std::string_view load) {
  const auto* const row = std::find(mig_mixes.begin(), mig_mixes.end(), mix);
  const auto* const column = std::find(mig_loads.begin(), mig_loads.end(), load);
  return static_cast<std::size_t>(row - mig_mixes.begin()) * mig_loads.size() +
         static_cast<std::size_t>(column - mig_loads.begin());
}

/// Accepted per cent of the requests, and of the memory slices they ask for.
struct MigAcceptance {
  double by_count = 0;
  double by_slices = 0;
};

/// One column of the table: cells by mix, then by load.
struct MigReference {
  std::string_view policy;
  std::string_view rule;  ///< name in the table
  std::array<MigAcceptance, mig_cells> cells;
};

/// Source: our study of online MIG policies by an implementation of its own, docs/policies; means of 6 seeds (4 for
/// round robin and worst fit), standard deviation of a cell over seeds 0.1 to 0.7 points.
inline constexpr std::array<MigReference, 9> mig_references = {{
    {"first_fit",
     "FF",
     {{{98.0, 96.3},
       {93.1, 87.0},
       {86.8, 75.0},
       {99.0, 97.5},
       {95.5, 88.8},
       {90.4, 77.3},
       {96.6, 95.1},
       {89.8, 85.5},
       {81.6, 73.5},
       {97.3, 95.2},
       {91.6, 85.1},
       {84.6, 72.6}}}},
    {"round_robin",
     "RR",
     {{{93.9, 86.8},
       {89.4, 77.4},
       {84.0, 67.1},
       {95.0, 85.9},
       {91.9, 79.0},
       {87.2, 70.6},
       {94.1, 90.3},
       {87.9, 80.6},
       {80.8, 69.4},
       {92.0, 84.3},
       {86.8, 74.1},
       {80.9, 62.9}}}},
    {"worst_fit",
     "WF-BI",
     {{{87.1, 70.6},
       {85.1, 66.5},
       {80.9, 60.2},
       {92.6, 79.6},
       {87.6, 71.2},
       {81.8, 61.4},
       {85.2, 74.6},
       {81.0, 67.5},
       {76.3, 60.0},
       {80.4, 59.8},
       {77.0, 52.9},
       {74.7, 48.1}}}},
    {"best_fit",
     "BF-BI",
     {{{98.6, 97.3},
       {93.8, 88.0},
       {87.2, 75.5},
       {99.3, 98.2},
       {95.8, 89.3},
       {90.5, 77.4},
       {97.4, 96.2},
       {90.9, 86.8},
       {82.6, 74.6},
       {98.4, 97.0},
       {93.6, 88.0},
       {86.9, 75.2}}}},
    {"mcc",
     "CC",
     {{{98.2, 95.9},
       {94.4, 87.2},
       {88.9, 75.5},
       {98.8, 96.1},
       {96.5, 88.8},
       {91.3, 78.2},
       {98.6, 97.7},
       {93.6, 89.3},
       {85.8, 76.7},
       {98.6, 97.2},
       {94.2, 88.3},
       {87.8, 75.4}}}},
    {"mfi",
     "MFI",
     {{{99.1, 98.2},
       {94.9, 89.5},
       {88.1, 76.2},
       {99.4, 98.3},
       {95.6, 88.8},
       {89.3, 75.5},
       {98.9, 98.2},
       {93.7, 90.1},
       {85.4, 77.3},
       {98.7, 97.5},
       {94.1, 88.5},
       {87.3, 75.4}}}},
    {"fgd:weight=count",
     "FGD-MIG count",
     {{{99.4, 98.7},
       {95.5, 90.9},
       {88.9, 77.9},
       {98.8, 96.1},
       {96.5, 88.8},
       {91.3, 78.2},
       {98.9, 98.3},
       {93.9, 90.5},
       {85.7, 77.8},
       {99.0, 98.0},
       {94.7, 89.7},
       {88.1, 76.7}}}},
    {"fgd",
     "FGD-MIG slice",
     {{{99.4, 98.7},
       {95.5, 90.9},
       {88.9, 77.9},
       {99.8, 99.3},
       {96.9, 91.9},
       {91.1, 78.9},
       {98.9, 98.3},
       {93.9, 90.5},
       {85.7, 77.8},
       {98.9, 98.0},
       {94.6, 89.6},
       {87.9, 76.7}}}},
    {"buddy",
     "BUDDY",
     {{{99.4, 98.7},
       {95.5, 90.9},
       {88.9, 77.9},
       {99.8, 99.3},
       {96.9, 91.9},
       {91.1, 78.9},
       {98.9, 98.3},
       {93.9, 90.5},
       {85.7, 77.8},
       {98.9, 98.0},
       {94.6, 89.6},
       {87.9, 76.7}}}},
}};

inline const MigReference* find_mig_reference(std::string_view policy) {
  for (const MigReference& reference : mig_references) {
    if (reference.policy == policy) {
      return &reference;
    }
  }
  return nullptr;
}

/// The arrivals of one cell and seed: the same for every policy, so that differences can be paired.
inline Result<sim::Trace> mig_trace(std::size_t cell, std::uint64_t seed) {
  const std::map<std::string, std::string> parameters = {{"mix", std::string(mig_mixes[cell / mig_loads.size()])},
                                                         {"load", std::string(mig_loads[cell % mig_loads.size()])},
                                                         {"gpus", "100"},
                                                         {"jobs", "40000"}};
  return sim::generate_trace("mig-mix", parameters, seed);
}

inline Result<MigAcceptance> replay_mig(const sim::Trace& trace, std::string_view policy, std::uint64_t seed,
                                        const sim::ReshapeSimulation& reshape = {},
                                        std::span<sim::ReplayObserver* const> observers = {}) {
  Result<PolicyChoice> choice = parse_policy(policy);
  if (!choice) {
    return choice.error();
  }
  sim::SimulationOptions options;
  options.policy = std::move(choice).value();
  options.seed = seed;
  options.queue = sim::QueueDiscipline::reject;
  options.target = sim::demand_of(trace);
  options.warmup_fraction = 1.0 / 6.0;
  options.reshape = reshape;
  Result<sim::SimulationResult> result = sim::simulate(trace, options, observers);
  if (!result) {
    return result.error();
  }
  MigAcceptance acceptance{.by_count = 100 * result.value().summary.acceptance, .by_slices = 0};
  const Result<GpuModelId> model = find_gpu_model(trace.nodes[0].gpu_model);
  double arrived = 0;
  for (const sim::AcceptanceRow& row : result.value().summary.acceptance_by_kind) {
    const Result<MigProfileId> profile = find_mig_profile(model.value(), row.kind);
    const int slices = gpu_model(model.value()).profiles[profile.value().value].memory_units;
    arrived += static_cast<double>(row.arrived) * slices;
    acceptance.by_slices += 100 * static_cast<double>(row.accepted) * slices;
  }
  acceptance.by_slices /= arrived;
  return acceptance;
}

}  // namespace gpusched::published
