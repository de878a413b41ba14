#pragma once

#include <cstdint>
#include <limits>
#include <string>

#include "gpusched/base/result.hpp"
#include "gpusched/base/units.hpp"
#include "gpusched/model/job_profile.hpp"
#include "gpusched/perf/tenant_demand.hpp"
#include "gpusched/sim/execution/execution_options.hpp"
#include "gpusched/sim/execution/execution_summary.hpp"
#include "gpusched/sim/trace.hpp"

namespace gpusched::sim {

inline constexpr TimeNs never_ns = std::numeric_limits<TimeNs>::max();

/// How a job works through time.
enum class WorkKind : std::uint8_t {
  service,   ///< answers requests for the length of its life; its load jumps
  session,   ///< cells of work and idle gaps take turns for the length of its life
  training,  ///< works until its work is done
};

/// What is fixed about a job before it first runs.
struct JobPlan {
  WorkKind kind = WorkKind::training;
  GoodputClass goodput_class = GoodputClass::training;
  const JobProfile* profile = nullptr;  ///< the true one
  TenantDemand demand{};                ///< on the whole GPU: mean load, working all the time
  TimeNs submit_ns = 0;
  TimeNs life_ns = never_ns;                                ///< running time of a service or a session
  double work_s = std::numeric_limits<double>::infinity();  ///< of training, in seconds alone on whole GPUs
  double gpus = 1;
  double load = 0;                                                ///< of a service, mean
  double duty = 1;                                                ///< of a session: share of its life with work
  double max_slowdown = std::numeric_limits<double>::infinity();  ///< T
  double error = 1;                                               ///< factor on the slowdown that the laws give
  double crash_after = std::numeric_limits<double>::infinity();   ///< part of life or work after which it crashes
  std::int64_t memory_peak_mib = 0;                               ///< on each GPU, without context
  bool isolated = false;
  std::string trust_domain;
};

/// The class that a job's goodput is counted in. Of unknown job classes the profile decides.
GoodputClass goodput_class_of(const GpuRequest& request, const JobProfile& profile, bool several_gpus);

/// The name of the profile that the job really has; empty where it has none.
const std::string& true_profile_of(const JobSpec& spec);

/// The plan of `pods` pods of one spec that start together and run for `duration_ns` alone (-1: for ever).
/// `entity` numbers the job's random draws, so that they are the same under every policy.
/// invalid_argument: class and kind of the profile contradict each other.
Result<JobPlan> make_job_plan(const JobSpec& spec, const JobProfile& profile, TimeNs submit_ns, TimeNs duration_ns,
                              std::int64_t pods, const ExecutionOptions& options, std::uint64_t seed,
                              std::uint64_t entity);

}  // namespace gpusched::sim
