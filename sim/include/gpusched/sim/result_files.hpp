#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gpusched/base/result.hpp"
#include "gpusched/sim/simulator.hpp"

namespace gpusched::sim {

/// The summary as a JSON object; keys are the field names of Summary.
std::string summary_json(const Summary& summary);

/// Devices of a job: "0:460" (share of GPU 0), "3@4+2" (instance on GPU 3, units 4 and 5), joined by '|'.
std::string gpus_text(const GpuAssignments& gpus);

/// What jobs asked for by a time, in millionths of a GPU: sums are exact.
struct DemandRow {
  TimeNs time_ns = 0;
  std::int64_t arrived_micro_gpus = 0;  ///< of all jobs that came
  std::int64_t offered_micro_gpus = 0;  ///< of it, what would run if every job had started when it came
};
/// A row per row of the timeline. `given_order`: jobs came one per second and stay.
std::vector<DemandRow> demand_rows(const Trace& trace, const SimulationResult& result, bool given_order);

/// How a run was made, as far as its result does not say.
struct RunNote {
  std::string policy;        ///< as typed; empty = unknown
  bool given_order = false;  ///< jobs came one per second in a given order
};

/// Writes summary.json, jobs.csv, timeline.csv, nodes.csv, demand.csv and waits.csv into the directory, which is made
/// where it is missing. Columns: docs/formats/results.md.
Status write_results(const std::string& directory, const Trace& trace, const SimulationResult& result,
                     const RunNote& note = {});

/// Writes the text to the file, or to stdout for "-".
Status write_text(const std::string& path, const std::string& text);

}  // namespace gpusched::sim
