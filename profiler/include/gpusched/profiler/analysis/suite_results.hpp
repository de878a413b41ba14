#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gpusched/base/ids.hpp"
#include "gpusched/base/result.hpp"
#include "gpusched/profiler/suite/flat_object.hpp"
#include "gpusched/profiler/suite/latency.hpp"
#include "gpusched/profiler/suite/measurement_plan.hpp"

namespace gpusched::suite {

/// What one job of a measurement came to: the mean of its copies and repetitions.
struct MeasuredTenant {
  double step_ms = 0;      ///< per item; of requests the mean response
  double service_ms = 0;   ///< of requests: one alone, without queueing; 0 for items that follow each other
  double load = 0;         ///< of requests: the share of the time that they asked for; 0 likewise
  double backlog = 0;      ///< requests that never began
  LatencySummary latency;  ///< ms, of the first repetition's first copy
};

/// One measurement, its repetitions put together.
struct MeasuredSet {
  PlannedMeasurement planned;           ///< repetition 1
  std::vector<MeasuredTenant> tenants;  ///< one per planned job
  int repetitions = 0;
  double spread = 0;             ///< largest relative deviation of a repetition's first tenant from the mean
  std::vector<FlatObject> jobs;  ///< the job lines of all repetitions
  std::vector<FlatObject> ends;  ///< the end lines
};

/// Of one job alone on the whole GPU.
struct JobAlone {
  const JobKindInfo* kind = nullptr;
  double step_ms = 0;
  double engine_active = 1;           ///< u; of NVML's counters, else what the job saw of its own kernels
  double dram_active = 0;             ///< m; of the counters, else bytes per item over the memory's rate
  std::optional<double> sm_active{};  ///< w; of the counters alone
  std::optional<double> tensor_active{}, power_w{}, sm_clock_mhz{};
  bool counters = false;  ///< u and m are of NVML's counters
  double flops_per_s = 0, bytes_per_s = 0;
  double footprint_mib = 0;
  const MeasuredSet* set = nullptr;
};

/// A measurement that gave no numbers, or whose numbers are not used.
struct UnusedMeasurement {
  std::string id, why;
};

struct SuiteResults {
  FlatObject machine;  ///< the last suite line
  GpuModelId gpu_model{};
  std::vector<MeasuredSet> sets;
  std::map<std::string, JobAlone> alone;  ///< by name of the job; points into sets
  std::vector<UnusedMeasurement> unused;
  std::optional<double> context_mib{};  ///< of one idle process, where it was measured

  SuiteResults() = default;
  SuiteResults(SuiteResults&&) = default;
  SuiteResults(const SuiteResults&) = delete;

  const MeasuredSet* find(const std::string& text) const;
};

/// Reads DIR/results.jsonl. Measurements taken while heat or the hardware held the clocks down are left out, and named.
/// not_found: nothing was measured, or the catalogue does not know the GPU.
Result<SuiteResults> read_suite_results(const std::filesystem::path& folder);

}  // namespace gpusched::suite
