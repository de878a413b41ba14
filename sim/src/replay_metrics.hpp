#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "gpusched/sim/simulator.hpp"

#include "fragment_meter.hpp"

namespace gpusched::sim {

/// Time integrals, the sampled time series and acceptance by kind of request.
class ReplayMetrics {
 public:
  ReplayMetrics(const Trace& trace, const SimulationOptions& options);

  /// Counts the time since the last call at the state that held during it. Call before the state changes at `now`.
  void advance(TimeNs now, const ClusterState& state, const FragmentMeter& meter, std::int64_t queued,
               std::int64_t running);
  void count_arrival(std::uint32_t spec, std::int64_t pods);
  void count_accepted(std::uint32_t spec, std::int64_t pods);
  /// Starts acceptance counting anew (end of the warm-up).
  void restart_acceptance();

  void fill(Summary& summary, std::vector<TimelineRow>& timeline, std::vector<double> waits_s) const;

 private:
  struct SpecCount {
    std::int64_t arrived = 0;
    std::int64_t accepted = 0;
  };
  struct Integrals {
    double seconds = 0, gpu_allocated = 0, mig_allocated = 0, active_gpus = 0, fragment_gpus = 0, unusable_slices = 0,
           fragment_ratio = 0, utilisation_active = 0;
  };

  const Trace& trace_;
  std::vector<SpecCount> counts_;
  Integrals integrals_;
  TimelineRow now_;
  std::vector<TimelineRow> timeline_;
  TimeNs timeline_step_ = 0;
  TimeNs window_end_ = std::numeric_limits<TimeNs>::max();  // time means end at the last arrival: the tail is no load
};

/// Fraction of all GPUs in use; instances count by their placement units.
double allocated_fraction(const ClusterState& state);
/// Name of the kind of a request in acceptance tables.
std::string kind_name(const GpuRequest& request);
/// What a request weighs in acceptance by size: GPUs, or placement units over those of a whole GPU.
double request_size(const GpuRequest& request, const Trace& trace);

}  // namespace gpusched::sim
