#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gpusched/base/result.hpp"
#include "gpusched/sim/comparison.hpp"

namespace gpusched::sim {

/// What a page may hold, so that its size does not grow with the run.
struct ReportLimits {
  std::size_t timeline_rows = 1500;
  std::size_t wait_points = 300;
  std::size_t map_gpus = 256;
  std::size_t map_parts = 16'000;
  std::size_t map_steps = 240;       ///< positions of the time slider
  std::size_t name_characters = 32;  ///< of a job's name on the map
};

/// The state over time, one entry of each column per row, plus what the trace demanded.
struct ReportTimeline {
  std::vector<double> time_s, gpu_allocated, mig_allocated, active_gpus, fragment_gpus, unusable_slices, queued,
      running;
  std::vector<double> arrived_gpus;  ///< demand of all jobs that came so far
  std::vector<double> offered_gpus;  ///< of it, what would run if every job started when it came
};

/// Share of the jobs that had started within so many seconds.
struct WaitCurve {
  std::string kind;  ///< "all", "share", "whole", "several", "mig", "cpu"
  std::int64_t jobs = 0;
  std::vector<double> share;  ///< by WaitingTimes::wait_s
};
struct WaitingTimes {
  std::vector<double> wait_s;  ///< ascending; common to all curves
  std::vector<WaitCurve> curves;
};

/// Why jobs waited, or never started.
struct ReasonRow {
  std::string name, sentence;
  std::int64_t started = 0;  ///< started after a wait that this reason ended
  double wait_s = 0;         ///< of those
  std::int64_t without_place = 0;
};

/// GPUs over time, of some nodes: every k-th one where there are too many for a page.
struct GpuMap {
  struct Node {
    std::string name, model;
    std::int32_t gpus = 0;
    std::int32_t units = 0;  ///< placement units of a GPU; 0 = cannot be cut
  };
  /// What one job holds of one GPU, from a step of the slider up to another.
  struct Part {
    std::uint32_t gpu = 0;  ///< counted over the GPUs of the nodes shown
    std::uint32_t first_step = 0, end_step = 0;
    double start_s = 0, end_s = 0;
    std::int32_t start = -1;  ///< first placement unit; -1 = a share
    std::int32_t size = 0;    ///< placement units, or milli-GPU
    std::uint8_t mode = 0;    ///< into modes
    std::string job;
    std::uint32_t node = 0;  ///< into nodes
    friend bool operator==(const Part&, const Part&) = default;
  };
  std::vector<Node> nodes;
  std::vector<Part> parts;         ///< by first step, then GPU
  std::vector<std::string> modes;  ///< "whole", "share", "mig", and those of the results
  std::size_t steps = 0;           ///< the first at 0, the last at the end of the run
  std::int64_t left_out = 0;       ///< parts between two steps, or too many for a page
  std::int64_t all_nodes = 0, all_gpus = 0;
};

/// Policies side by side.
struct PolicyComparison {
  std::vector<std::string> metrics, policies;
  std::vector<std::vector<Estimate>> cells;  ///< by policy, by metric
  std::int64_t seeds = 0;                    ///< of the policy with the fewest
};

/// All that a page shows; small, whatever the run.
struct ReportData {
  std::string title;
  std::vector<std::pair<std::string, std::string>> about;  ///< policy, trace, seed
  std::string currency;
  bool given_order = false;
  std::string summary_json;  ///< as `run` wrote it; checked for what the page needs
  std::vector<std::pair<std::string, std::int64_t>> gpus_by_model;
  ReportTimeline timeline;
  WaitingTimes waiting;
  std::vector<ReasonRow> reasons;
  GpuMap map;
  std::optional<PolicyComparison> comparison;
};

struct ReportOptions {
  std::string title;       ///< empty: the name of the folder
  std::string comparison;  ///< a file of `compare --out`; empty: none
  ReportLimits limits{};
};

/// Reads what `run --out DIRECTORY` wrote. Errors name file, line and remedy: a file that is missing, cut off, or does
/// not fit the others.
Result<ReportData> read_report(const std::string& directory, const ReportOptions& options = {});

/// The data as the page reads it: one JSON object. Safe inside a script element: it holds no '<'.
std::string report_json(const ReportData& data);

/// The page: `page` with the JSON in place of its mark. invalid_argument where the mark is missing.
Result<std::string> report_page(std::string_view page, const ReportData& data);

}  // namespace gpusched::sim
