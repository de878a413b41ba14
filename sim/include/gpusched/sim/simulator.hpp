#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gpusched/base/result.hpp"
#include "gpusched/engine/engine.hpp"
#include "gpusched/sim/execution/execution_options.hpp"
#include "gpusched/sim/execution/execution_summary.hpp"
#include "gpusched/sim/reshape_simulation.hpp"
#include "gpusched/sim/trace.hpp"

namespace gpusched::sim {

/// What happens to a job that does not fit when it arrives.
enum class QueueDiscipline {
  reject,    ///< tried once, then dropped
  fifo,      ///< waits; nobody overtakes the first in line of its priority
  backfill,  ///< waits; whoever fits may start
  lines,     ///< waits in the line of its priority, of which the first 60 are tried; whoever fits may start
};
/// "reject", "fifo" and "lines"; every other name is backfill.
QueueDiscipline queue_named(std::string_view name);

/// Decides in place of Engine::decide() on a pod that comes or is tried again, and is carried out as that would be. The
/// state it sees is that of the engine; it may ask the engine as often as it likes, of single nodes as well.
using DecisionMaker = std::function<Decision(Engine& engine, PodId pod, TimeNs now)>;

/// Everything that shapes one replay besides the trace.
struct SimulationOptions {
  PolicyChoice policy;
  std::uint64_t seed = 42;
  QueueDiscipline queue = QueueDiscipline::backfill;
  TimeNs reservation_patience_ns = 1200 * ns_per_s;  ///< lines: how long a job of several GPUs waits for a reservation
  std::size_t most_reservations = 1;                 ///< lines: at a time
  bool preemption = true;
  ReshapeSimulation reshape{};
  DemandMix target;                ///< the mix that policies and fragmentation are measured against
  int fragmentation_percent = 95;  ///< share of the mix that counts as typical; docs/policies/fgd.md
  TimeNs until_ns = -1;            ///< stop here; -1 = when nothing is left to happen
  std::vector<std::uint32_t>
      arrival_order;                     ///< job rows; when not empty they arrive one per second in this order and stay
  std::vector<std::int64_t> node_ranks;  ///< by node row; empty = names break ties
  double warmup_fraction = 0;            ///< of the arrivals, left out of acceptance
  ExecutionOptions execution{};          ///< of traces with job profiles
  DecisionMaker decision_maker{};        ///< of pods that come alone, gangs are the engine's; empty: the engine
};

/// What suits the trace where the user does not say. With job profiles: the queue `lines`, and no mix, since hardly two
/// requests are alike. Without: backfill, and the trace's own mix.
SimulationOptions usual_options(const Trace& trace);

/// How a job ended.
enum class JobOutcome : std::uint8_t { waiting, running, finished, rejected, infeasible, abandoned, lost };
const char* to_string(JobOutcome outcome);

/// Why a decision gives no place: the reason that holds for most nodes. None where it gives one.
RejectReason main_reason(const Decision& decision);

/// What became of one job (its first replica stands for a gang).
struct JobResult {
  std::uint32_t row = 0;       ///< of the trace
  TimeNs first_start_ns = -1;  ///< ends the wait that is reported; -1 = never
  TimeNs start_ns = -1;        ///< of the last start, after evictions
  TimeNs end_ns = -1;          ///< -1 = not ended
  std::uint32_t node = 0xffffffffU;
  std::uint16_t evictions = 0;
  JobOutcome outcome = JobOutcome::waiting;
  RejectReason reason = RejectReason::none;  ///< the one that held for most nodes when it was last refused
  GpuAssignments gpus;
};

/// The state of the cluster after an arrival was dealt with.
struct ArrivalSample {
  TimeNs time_ns = 0;
  std::int64_t arrived_gpu_milli = 0;  ///< demand of all arrivals so far
  std::int64_t used_gpu_milli = 0;
  std::int64_t total_gpu_milli = 0;
  std::int64_t free_gpu_milli = 0;     ///< of the nodes that take shares and whole requests
  std::int64_t weighted_fragment = 0;  ///< sum of FGD's F over the nodes, in weight x milli-GPU
  std::int64_t weight = 1;             ///< divide by this for milli-GPU
};

/// One row of the time series: state of the cluster at a time.
struct TimelineRow {
  TimeNs time_ns = 0;
  double gpu_allocated = 0;    ///< fraction of all GPUs, shares and instances counted by size
  double mig_allocated = 0;    ///< fraction of the placement units of MIG nodes
  double active_gpus = 0;      ///< GPUs that hold anything
  double fragment_gpus = 0;    ///< FGD's F, in GPUs
  double unusable_slices = 0;  ///< expected free placement units the mix cannot use
  std::int64_t queued = 0;     ///< jobs waiting
  std::int64_t running = 0;    ///< jobs running
};

/// Accepted and arrived, for one kind of request ("cpu", "share", "1", "8", "1g.10gb").
struct AcceptanceRow {
  std::string kind;
  std::int64_t arrived = 0;
  std::int64_t accepted = 0;
};

/// The figures of a replay. Time means run to the last arrival; after it the cluster only drains.
struct Summary {
  std::int64_t jobs = 0, accepted = 0, finished = 0, rejected = 0, infeasible = 0, abandoned = 0, lost = 0;
  std::int64_t waiting = 0, running = 0, evictions = 0, preemptions = 0;
  std::int64_t reshapes = 0, reshapes_failed = 0;  ///< moves that ended well, and not
  std::int64_t reshape_restarts = 0;               ///< pods that lost time by moves, their own or on their GPU
  ReshapeTriggerCounts triggers;
  std::int64_t decisions = 0;
  double acceptance = 0;          ///< by count, after the warm-up
  double acceptance_by_size = 0;  ///< weighted by GPUs (MIG: slices)
  double gpu_allocation = 0;      ///< time mean of the allocated fraction; without departures, the final value
  double mig_allocation = 0;
  double fragment_ratio = 0;      ///< F over free GPU, time mean
  double fragment_gpus = 0;       ///< time mean
  double unusable_slices = 0;     ///< time mean
  double active_gpus = 0;         ///< time mean
  double utilisation_active = 0;  ///< allocated over active GPUs, time mean
  double wait_s_p50 = 0, wait_s_p95 = 0, wait_s_p99 = 0, wait_s_mean = 0;
  double span_s = 0;
  double cluster_cost = 0;    ///< all GPUs for the span, in the trace's currency
  double allocated_cost = 0;  ///< of it, what jobs held
  double final_gpu_allocation = 0;
  std::vector<AcceptanceRow> acceptance_by_kind;
  std::optional<ExecutionSummary> execution;  ///< of traces with job profiles
  RejectCounts rejected_by_reason{};          ///< jobs refused for good, by the reason that held for most nodes
};

/// Jobs that waited before they started, and how long all together.
struct WaitCount {
  std::int64_t jobs = 0;
  double wait_s = 0;
};

/// The result of a replay.
struct SimulationResult {
  Summary summary;
  std::vector<JobResult> jobs;        ///< in order of the trace, or of the given arrival order
  std::vector<JobAccount> accounts;   ///< as jobs; empty without job profiles
  std::vector<TimelineRow> timeline;  ///< at most about 1,000 rows, evenly spaced in time
  /// By the reason of the last refusal before the first start; none: it was behind others and not tried.
  std::array<WaitCount, reject_reason_count> waits{};
};

/// Listens to a replay. The event log, the curve and the tests do.
class ReplayObserver {
 public:
  virtual ~ReplayObserver() = default;
  virtual void on_event(const Engine& engine, const Event& event) = 0;
  virtual void on_decision(const Engine& engine, TimeNs now, std::span<const PodId> pods,
                           std::span<const Decision> decisions) = 0;
  virtual void on_arrival(const ArrivalSample& sample) = 0;
};

/// Called now and then with (done, total) jobs.
using ProgressCallback = std::function<void(std::int64_t, std::int64_t)>;

/// Replays the trace. Where it has job profiles, jobs that have one run as the execution model says
/// (docs/models/execution.md) and the replay ends with the measuring window. Deterministic: same trace and options,
/// same result.
Result<SimulationResult> simulate(const Trace& trace, const SimulationOptions& options,
                                  std::span<ReplayObserver* const> observers = {},
                                  const ProgressCallback& progress = {});

}  // namespace gpusched::sim
