#pragma once

#include <optional>
#include <vector>

#include "gpusched/base/ids.hpp"
#include "gpusched/base/result.hpp"
#include "gpusched/base/units.hpp"
#include "gpusched/cluster/gpu_request.hpp"
#include "gpusched/model/job_profile.hpp"
#include "gpusched/perf/perf_constants.hpp"
#include "gpusched/sim/trace.hpp"

namespace gpusched::sim {

/// Worth of memory at which load is counted.
inline constexpr double load_memory_weight = .3;

/// What one job costs in each sharing mode, as a fluid: GPUs held per second of its duration while it progresses at the
/// pace it has alone on a whole GPU. A GPU is worth `memory_weight` of memory and 1 - memory_weight of compute, and the
/// job is charged its share of both. Only modes count that are legal and can keep the job's max_slowdown at its mean
/// load. Formulas: docs/models/mode-bound.md.
class FluidCost {
 public:
  /// `request` states intent, or asks for several whole GPUs. Contract: check_job_profile(profile) is ok.
  FluidCost(const GpuRequest& request, const JobProfile& profile, GpuModelId model, const PerfConstants& constants);

  /// GPUs in the cheapest mode. 0 <= memory_weight <= 1.
  double gpus(double memory_weight) const { return cheapest(memory_weight).gpus; }
  SharingMode mode(double memory_weight) const { return cheapest(memory_weight).mode; }

  /// Useful full-GPU seconds per second of duration: load of a service, duty cycle of a session, GPUs of training.
  double useful_gpus() const { return useful_gpus_; }

 private:
  struct Alternative {
    SharingMode mode;
    double memory, compute;  ///< shares of a GPU
  };
  /// Shares under MPS depend on how many others there are; the best number depends on the weight.
  struct MpsShares {
    double memory = 0;
    double active = 1;                   ///< share of the duration in which it works
    double engine_active = 0;            ///< 0: its duration does not grow with its slowdown
    double demand = 0;                   ///< own
    double least_sum = 0, most_sum = 0;  ///< of the demands on the GPU

    double gpus(double memory_weight) const;
  };
  struct Cost {
    SharingMode mode;
    double gpus;
  };

  Cost cheapest(double memory_weight) const;
  void add_instances(const GpuRequest& request, const JobProfile& profile, GpuModelId model,
                     const PerfConstants& constants);
  void add_shared(const GpuRequest& request, const JobProfile& profile, GpuModelId model,
                  const PerfConstants& constants);

  std::vector<Alternative> alternatives_;
  std::optional<MpsShares> mps_;
  double useful_gpus_ = 0;
};

/// What a trace brings and what no scheduler can exceed, as fractions of the GPU time of a window.
struct ModeBound {
  double offered = 0;        ///< useful work, if every job ran from its submission, alone
  double demand = 0;         ///< GPU time, if every job then took its cheapest mode at memory weight 0.5: the load
  double bound = 0;          ///< most useful work that can be done
  double memory_weight = 0;  ///< that proves it
};

/// The fluid bound: jobs in the order of useful work per cost until the window's GPU time is used up, the last one in
/// part; the least over memory weights .1 to .9. A job with a duration of its own (services, sessions) can work in the
/// window for as long as it can overlap it, its patience included; a job with work to do works until the window's end.
/// Jobs without GPUs do not count. Knows nothing of arrival order, packing, peaks of load and priorities: loose.
/// Errors: invalid_argument for an empty window; unsupported for GPUs of several models, for a job that asks for a
/// share, an instance or a mode; not_found for a job without profile, or whose profile the trace lacks.
Result<ModeBound> mode_bound(const Trace& trace, TimeNs begin_ns, TimeNs end_ns, const PerfConstants& constants = {});

}  // namespace gpusched::sim
