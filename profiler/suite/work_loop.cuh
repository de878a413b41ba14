#pragma once

#include <cstdint>
#include <vector>

#include "gpusched/profiler/suite/job_options.hpp"

#include "suite_job.cuh"

namespace gpusched::suite {

/// What a job did in the measured window.
struct WorkRecord {
  double seconds = 0;  ///< from the first to the last end of an item in the window
  std::int64_t items = 0;
  std::int64_t requests = 0;         ///< that ended in the window; 0 without a load
  std::int64_t backlog = 0;          ///< requests that had arrived and not begun at the end
  double load = 0;                   ///< that the requests of the window asked for, by their items
  double device_busy_s = 0;          ///< between the first and the last kernel of each item, added up
  std::vector<double> latencies_ms;  ///< of each item, or of each request from its arrival
};

/// The time of one item when nobody else works, ms: the median of a few. Contract: the neighbours wait.
double calibrate_item_ms(SuiteJob& job, cudaStream_t stream);

/// Works for settle + seconds + settle from now, recording the middle. `job` may be nullptr: sleeps.
WorkRecord work(SuiteJob* job, const JobOptions& options, double item_ms, cudaStream_t stream);

}  // namespace gpusched::suite
