#pragma once

#include "gpusched/base/result.hpp"
#include "gpusched/base/units.hpp"
#include "gpusched/perf/perf_constants.hpp"
#include "gpusched/sim/trace.hpp"

namespace gpusched::sim {

/// The world that jobs run in. A policy may believe in other laws; docs/models/execution.md.
struct ExecutionOptions {
  PerfConstants constants{};  ///< of the slowdown laws that hold
  double slowdown_error = 0;  ///< sigma of the lognormal factor by which a job's slowdown differs from the laws
};

/// The time that is measured: [from, to). What runs before warms the cluster up.
struct MeasuringWindow {
  TimeNs from_ns = 0;
  TimeNs to_ns = 0;

  bool contains(TimeNs time_ns) const { return time_ns >= from_ns && time_ns < to_ns; }
  double seconds() const { return static_cast<double>(to_ns - from_ns) / static_cast<double>(ns_per_s); }
  friend bool operator==(const MeasuringWindow&, const MeasuringWindow&) = default;
};

/// `#window_from_s` and `#window_to_s` of the trace. Where they are missing: from hour 5 (from 0 when the last job
/// arrives before) to hour 19 or the last arrival, whichever is later. An error names a value that is no time.
Result<MeasuringWindow> measuring_window(const Trace& trace);

}  // namespace gpusched::sim
