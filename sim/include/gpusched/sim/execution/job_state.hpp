#pragma once

#include <cstdint>

#include "gpusched/base/philox.hpp"
#include "gpusched/base/units.hpp"
#include "gpusched/perf/tenant_demand.hpp"
#include "gpusched/sim/execution/execution_summary.hpp"
#include "gpusched/sim/execution/job_plan.hpp"

namespace gpusched::sim {

// What the study leaves open, or states as a constant (docs/models/execution.md says which).
inline constexpr double load_low = 0.6;  ///< of a service's mean load
inline constexpr double load_high = 1.8;
inline constexpr double load_high_probability = 1.0 / 3.0;
inline constexpr double load_step_mean_s = 600;
inline constexpr double cell_work_median_s = 110;
inline constexpr double cell_work_mean_s = 181.3593398;  ///< lognormal, sigma 1: median x sqrt(e)
inline constexpr TimeNs memory_peak_after_ns = 60 * ns_per_s;
inline constexpr TimeNs training_restart_ns = 30 * ns_per_s;
inline constexpr TimeNs service_outage_ns = 60 * ns_per_s;
inline constexpr double crash_loses_work_s = 300;

/// The next thing that happens to a job by itself. Of several at one instant the first in this order comes first.
enum class JobStep : std::uint8_t {
  none,
  work_done,    ///< training ends
  life_over,    ///< a service or session ends
  ready,        ///< its partition can be used: it runs
  crash,        ///< it crashes, and its MPS neighbours with it
  memory_peak,  ///< its footprint is at its largest
  load_jump,    ///< the load of a service changes
  outage_over,  ///< a service is back
  gap_over,     ///< a session starts a cell
  cell_done,    ///< and ends it
};

/// One job in time: what it has done, what it does now, what comes next. Knows nothing of its neighbours but the
/// slowdown they cause it. A value; times are absolute, and never go back.
class JobState {
 public:
  JobState(const JobPlan& plan, std::uint64_t seed, std::uint64_t entity);

  const JobPlan& plan() const { return plan_; }
  bool running() const { return running_; }
  bool peaked() const { return running_ && peak_left_ns_ == 0; }
  /// Closed work is being done, so that its pace depends on the slowdown.
  bool paced() const { return running_ && (plan_.kind == WorkKind::training || in_cell_); }
  double slowdown() const { return slowdown_; }
  /// What it asks of the whole GPU at this moment; nothing while it is idle, starting or down.
  TenantDemand demand() const;

  /// Gets a place that can be used from `ready_ns` on. Training that ran before takes training_restart_ns longer.
  void place(TimeNs now, TimeNs ready_ns);
  /// Loses its place, keeps what it has done.
  void displace(TimeNs now);
  /// Loses its place and, training, what it has done.
  void kill(TimeNs now, bool for_good);

  /// Counts the time since the last call at the slowdown that held. Contract: no later than next_step().
  void settle(TimeNs now);
  /// Contract: settled.
  void set_slowdown(double slowdown) { slowdown_ = slowdown; }
  /// A neighbour on its MPS server crashed. Contract: settled and running.
  void suffer_crash();

  struct NextStep {
    TimeNs time_ns = never_ns;
    JobStep step = JobStep::none;
  };
  NextStep next_step() const;
  /// Contract: settled at the time of the step.
  void take(JobStep step);

  /// The measuring window opens: useful_s() counts from here. Contract: settled.
  void open_window() { useful_before_s_ = useful_s(); }
  /// Work done since the window opened; of a service, within its limit. Whole-GPU seconds, over all its GPUs.
  double useful_s() const;
  bool meets_slo(TimeNs now) const;
  JobAccount account(TimeNs now) const;
  TimeNs first_ready_ns() const { return first_ready_ns_; }
  TimeNs ended_ns() const { return ended_ns_; }
  std::int64_t oom_kills() const { return oom_kills_; }

 private:
  bool serving() const { return running_ && outage_left_ns_ == 0; }
  void start_gap();
  void start_cell();
  double mean_cell_slowdown(TimeNs now) const;
  void draw_load();

  JobPlan plan_;
  Philox draws_;
  bool placed_ = false, running_ = false, in_cell_ = false, ran_ = false, lost_ = false;
  TimeNs settled_ns_ = 0;
  TimeNs ready_ns_ = 0;
  TimeNs life_left_ns_ = 0;
  TimeNs step_left_ns_ = 0;  // to the next load jump, or to the end of the gap
  TimeNs outage_left_ns_ = 0;
  TimeNs peak_left_ns_ = 0;
  TimeNs crash_left_ns_ = never_ns;  // of a session's life
  double crash_at_s_;                // of training's work
  double slowdown_ = 1;
  double load_factor_ = 1;
  double progress_s_ = 0;  // of training, on each of its GPUs
  double cell_work_s_ = 0, cell_left_s_ = 0;
  TimeNs cell_started_ns_ = 0;
  double cell_slowdowns_ = 0;
  std::int64_t cells_ = 0;
  TimeNs ok_ns_ = 0;
  double useful_s_ = 0, useful_before_s_ = 0;
  TimeNs first_ready_ns_ = -1, ended_ns_ = -1;
  std::int64_t oom_kills_ = 0;
};

}  // namespace gpusched::sim
