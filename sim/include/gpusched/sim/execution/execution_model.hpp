#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "gpusched/base/inline_vector.hpp"
#include "gpusched/cluster/allocation.hpp"
#include "gpusched/cluster/node_spec.hpp"
#include "gpusched/sim/execution/execution_options.hpp"
#include "gpusched/sim/execution/execution_summary.hpp"
#include "gpusched/sim/execution/job_agenda.hpp"
#include "gpusched/sim/execution/job_plan.hpp"
#include "gpusched/sim/execution/job_state.hpp"
#include "gpusched/sim/execution/partition_table.hpp"

namespace gpusched::sim {

/// How a job left its place by itself.
enum class JobEndKind : std::uint8_t {
  finished,
  killed,  ///< out of memory; it may start again
  lost,    ///< killed once too often; it has ended
};
struct JobEnd {
  std::uint32_t job = 0;
  JobEndKind kind = JobEndKind::finished;
};

/// How fast jobs run beside each other, and how they end: a fluid model, driven by events. It is told who starts and
/// stops where, and decides nothing. Only partitions whose tenants changed are computed anew. Formulas and choices:
/// docs/models/execution.md. Deterministic: same calls, same results.
class ExecutionModel {
 public:
  /// A job is killed for want of memory this often before it is given up.
  static constexpr std::int64_t most_kills = 3;

  ExecutionModel(const ExecutionOptions& options, MeasuringWindow window);

  /// Nodes in order of their NodeId.
  void add_node(const NodeSpec& node) { partitions_.add_node(node); }
  /// The next job, numbered from 0; `seed` and `entity` of its draws as for make_job_plan().
  std::uint32_t add_job(const JobPlan& plan, std::uint64_t seed, std::uint64_t entity);

  /// The job got these places, one per pod; its partitions can be used from `ready_ns` on.
  void started(std::uint32_t job, std::span<const Candidate> places, TimeNs now, TimeNs ready_ns);
  /// The job lost its place; it may start again, and goes on from where it was.
  void stopped(std::uint32_t job, TimeNs now);

  /// When something happens next by itself; never_ns when nothing will.
  TimeNs next_time() const;
  /// Lets time pass until `limit`, or until jobs leave their places, whichever is sooner. Appends them; returns the
  /// time reached. Contract: time does not go back, neither here nor in started() and stopped().
  TimeNs run_until(TimeNs limit, std::vector<JobEnd>& ended);

  JobAccount account(std::uint32_t job, TimeNs now);
  /// The job as it is since it last changed.
  const JobState& state(std::uint32_t job) const { return jobs_[job]; }
  /// The window's figures at its end, or as they are now. `offered_cost_shares`: by GoodputClass, sum 1.
  ExecutionSummary summary(TimeNs now, const std::array<double, goodput_class_count>& offered_cost_shares);

 private:
  using Slots = InlineVector<std::uint32_t, 2>;
  enum class WindowPhase : std::uint8_t { before, open, closed };

  void act(std::uint32_t job);
  void pass_window_boundary();
  /// The job's demand changed: tells its partitions.
  void show(std::uint32_t job);
  void refresh(std::uint32_t slot);
  double true_slowdown(const Partition& partition, const PartitionTenant& tenant) const;
  void set_slowdown(std::uint32_t job);
  void reschedule(std::uint32_t job);
  void leave(std::uint32_t job);
  bool overflows(std::uint32_t job) const;
  void crash(std::uint32_t job);
  void count_violations(std::uint32_t job, std::uint32_t slot);
  void settle_all(TimeNs now);
  ExecutionSummary measure(TimeNs now) const;

  ExecutionOptions options_;
  MeasuringWindow window_;
  PartitionTable partitions_;
  std::vector<JobState> jobs_;
  std::vector<Slots> slots_;            // by job: its partitions
  std::vector<TimeNs> first_start_ns_;  // by job; -1 = never
  std::vector<StartMode> mode_;         // by job
  JobAgenda agenda_;
  WindowPhase window_phase_ = WindowPhase::before;
  TimeNs now_ = 0;
  ExecutionSummary counts_;  // what is counted as it happens
  ExecutionSummary closed_;  // of the window, once it is over
};

}  // namespace gpusched::sim
