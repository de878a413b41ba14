#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <string_view>
#include <tuple>
#include <vector>

#include "gpusched/reshape/gpu_layout.hpp"
#include "gpusched/reshape/reshape_plan.hpp"
#include "gpusched/sim/execution/execution_model.hpp"
#include "gpusched/sim/simulator.hpp"

#include "drift_watch.hpp"
#include "fragment_meter.hpp"
#include "gpu_reservations.hpp"
#include "loss_account.hpp"
#include "replay_metrics.hpp"
#include "wait_queue.hpp"

namespace gpusched::sim {

struct EmptiedGpu {
  NodeId node;
  std::uint16_t gpu = 0;
  std::vector<PodMove> moves;
};
/// A compaction on its way: which GPU is being emptied, and which of its pods is next.
struct Compaction {
  ReshapeTrigger trigger = ReshapeTrigger::period;
  std::vector<EmptiedGpu> gpus;
  std::size_t next_gpu = 0, next_move = 0;
  bool holds_gpu = false;  // the GPU being emptied takes no newcomers
};

/// One replay: the world (arrivals, departures, node events) around an engine. Everything the engine learns it learns
/// from events; everything it wants comes back as actions, which take effect at once here.
class Replay {
 public:
  Replay(const Trace& trace, const SimulationOptions& options, Engine engine,
         std::span<ReplayObserver* const> observers);

  Status add_nodes();
  /// After the nodes.
  Status build();
  /// Lets the next thing happen. False: nothing is left, or the end is reached.
  bool step();
  /// Once, after the last step that is wanted.
  SimulationResult finish();

  TimeNs now() const { return now_; }
  const ClusterState& state() const { return engine_.state(); }
  std::int64_t arrived() const { return static_cast<std::int64_t>(next_arrival_); }
  std::int64_t arrivals() const { return static_cast<std::int64_t>(arrivals_.size()); }

 private:
  enum class Kind : std::uint8_t { departure, move, health, abandon, reserve, compact };  // order at equal times
  struct Pending {
    TimeNs time_ns = 0;
    Kind kind = Kind::departure;
    std::uint64_t sequence = 0;
    std::uint32_t subject = 0;  // unit, move or node event
    std::uint32_t run = 0;      // of the unit: a departure of an earlier run is void

    friend bool operator>(const Pending& a, const Pending& b) {
      return std::tuple(a.time_ns, a.kind, a.sequence) > std::tuple(b.time_ns, b.kind, b.sequence);
    }
  };
  /// What starts together: one pod, or the pods of a gang.
  struct Unit {
    std::uint32_t first_pod = 0;  // into unit_pods_
    std::uint32_t pod_count = 1;
    TimeNs submit_ns = 0;
    TimeNs end_ns = -1;  // when it leaves, while it runs for its duration
    std::uint32_t run = 0;
    std::uint32_t running_pods = 0;
    bool counts = true;  // for acceptance: arrived after the warm-up
  };
  static constexpr std::uint32_t no_unit = 0xffffffffU;
  /// A move that takes time, and the unit for which it is made; none of a compaction.
  struct Move {
    PodMove move;
    Candidate freed;                    // where the unit goes
    std::optional<ModeVerdict> mode{};  // how, where the mode was chosen
    std::uint32_t unit = no_unit;
    std::uint32_t run = 0;  // of the unit when the move began
    bool waited = false;    // the unit was in the queue before
    ReshapeTrigger trigger = ReshapeTrigger::block;
  };
  struct Gates {
    LossAccount compaction, on_block;
  };
  struct HealthStep {
    TimeNs time_ns = 0;
    NodeId node;
    NodeHealth health = NodeHealth::ready;
  };

  enum class Source : std::uint8_t { none, arrival, agenda, execution };
  struct NextEvent {
    TimeNs time_ns = never_ns;
    Source source = Source::none;
  };
  static constexpr std::uint32_t not_executed = 0xffffffffU;

  void load_profiles();
  void build_units();
  void build_health_steps();
  Status build_execution();
  Status add_execution_job(std::uint32_t unit, const std::map<std::string_view, const JobProfile*>& profiles);
  std::span<const PodId> pods_of(std::uint32_t unit) const;
  const TraceJob& job_of(PodId pod) const { return trace_.jobs[row_of_job_[job_of_pod_[pod.value]]]; }
  const JobSpec& spec_of(PodId pod) const { return trace_.specs[spec_of_pod_[pod.value]]; }
  /// Units of one line are interchangeable for the queue: same request, and gangs of one size.
  std::uint32_t line_of(std::uint32_t unit) const {
    return spec_of_pod_[pods_of(unit)[0].value] * 64 + std::min<std::uint32_t>(units_[unit].pod_count, 63);
  }
  WaitingUnit waiting(std::uint32_t unit) const {
    return {.unit = unit,
            .priority = request_of(unit).priority,
            .submit_ns = units_[unit].submit_ns,
            .unit_class = line_of(unit)};
  }
  /// Alone on the reference device, the longest of its pods; -1 = for ever.
  TimeNs duration_of(std::uint32_t unit) const;
  /// The unit's number in the execution model; not_executed where it runs for its duration.
  std::uint32_t executed_job(std::uint32_t unit) const { return execution_ ? job_of_unit_[unit] : not_executed; }
  const GpuRequest& request_of(std::uint32_t unit) const { return spec_of(pods_of(unit)[0]).request; }
  JobResult& result_of(PodId pod) { return result_.jobs[job_of_pod_[pod.value]]; }

  void observe(Event event);
  void schedule(TimeNs time_ns, Kind kind, std::uint32_t subject, std::uint32_t run);
  void handle(const Pending& pending);
  NextEvent next_event() const;
  void end_warmup();
  void pass_time(TimeNs time_ns);
  void run_execution();
  void start_execution(std::uint32_t job, std::span<const Decision> decisions);
  void finish_execution();
  void arrive(std::uint32_t unit);
  void wait(std::uint32_t unit);
  void enqueue(std::uint32_t unit);
  /// The unit waits no longer: what was reserved for it is free.
  void leave_queue(std::uint32_t unit);
  /// True: the engine would refuse it as before.
  bool still_refused(std::uint32_t unit);
  /// Starts those whose GPUs have become empty and gives GPUs to those who have waited too long.
  void serve_reservations();
  void give_reservations_back(NodeId node);
  void hold(const GpuReservation& reservation, bool held);
  /// The unit leaves its places: it has ended, or waits again.
  void vacate(std::uint32_t unit, JobOutcome outcome);
  void change_health(const HealthStep& step);
  void evict(PodId pod);
  /// `waited`: it was in the queue. True: it runs, or does once a move has ended.
  bool try_start(std::uint32_t unit, bool waited);
  void start(std::uint32_t unit, std::span<const Decision> decisions);
  /// The move of the decision begins; the unit waits for it outside the queue.
  void begin_move(std::uint32_t unit, const ReshapeThenBind& decision, bool waited);
  void start_move(Move move);
  void end_move(const Move& move, std::uint32_t number);
  void start_after_move(const Move& move, bool failed);
  /// The pod runs at its new place.
  void settle_moved(const PodMove& move, ReshapeTrigger trigger);
  /// The unit does not work until then; what it holds stays.
  void pause(std::uint32_t unit, TimeNs until_ns);
  void pause_pods_on(NodeId node, std::uint16_t gpu, PodId but);

  void build_triggers();
  /// The arrival counts for the recent mix; a drift has GPUs emptied.
  void follow_demand(std::uint32_t unit);
  std::vector<GpuLayout> layouts() const;
  /// Begins to empty GPUs where some can be emptied, budget and gate allow it and no compaction is on its way.
  void compact(ReshapeTrigger trigger);
  void compact_later();
  void begin_compaction(const ReshapePlan& plan, ReshapeTrigger trigger);
  void go_on_compacting();
  /// False: the GPU at hand is done with, emptied or not.
  bool begin_next_move();
  bool has_left(const PodMove& move) const;
  /// Nobody came since the plan was made, and nobody else has taken hold of the GPU.
  bool is_still_to_be_emptied(const EmptiedGpu& gpu) const;
  void end_compaction_move(bool failed);
  /// True: the move is not yet worth what it costs, and the unit stays without a place.
  bool waits_for_gate(std::uint32_t unit, const ReshapeThenBind& decision);
  /// Whether moves may cure the refusal decides whether the gate of the compactions counts it.
  void note_refusal(std::uint32_t unit, const Decision& why);
  void note_loss(LossAccount& account, std::uint32_t unit);
  void forget_loss(std::uint32_t unit);

  void refuse(std::uint32_t unit, const Decision& why);
  void drop(std::uint32_t unit, JobOutcome outcome);
  void drain_queue();
  void sample_arrival();

  const Trace& trace_;
  const SimulationOptions& options_;
  Engine engine_;
  std::span<ReplayObserver* const> observers_;
  FragmentMeter meter_;
  ReplayMetrics metrics_;
  std::unique_ptr<WaitQueue> queue_;
  SimulationResult result_;

  std::vector<std::uint32_t> row_of_job_;  // jobs as they arrive -> trace rows
  std::vector<std::uint32_t> job_of_pod_;
  std::vector<std::uint32_t> spec_of_pod_;  // of its job: rows come in any order, and each is a fetch from memory
  std::vector<RequestClassId> class_of_spec_;
  std::vector<PodId> unit_pods_;
  std::vector<Unit> units_;
  std::vector<std::uint32_t> unit_of_pod_;
  std::vector<std::uint32_t> arrivals_;  // units by (submit, row)
  std::vector<HealthStep> health_steps_;
  std::priority_queue<Pending, std::vector<Pending>, std::greater<>> agenda_;
  std::optional<GpuReservations> reservations_;  // of the queue `lines`
  std::optional<ExecutionModel> execution_;      // of traces with job profiles
  std::vector<std::uint32_t> job_of_unit_;       // in execution_, or not_executed
  std::vector<std::uint32_t> unit_of_job_;
  std::vector<JobEnd> ended_jobs_;
  std::vector<Candidate> places_;
  MeasuringWindow window_;
  TimeNs until_ns_ = -1;
  std::vector<Move> moves_;
  std::size_t moves_open_ = 0;
  std::vector<std::int64_t> size_milli_of_spec_;
  std::vector<std::uint32_t> kind_of_spec_;  // what drift tells apart
  std::optional<DriftWatch> drift_;
  std::optional<Gates> gates_;
  DisruptionBudget budget_;  // of compactions
  std::optional<Compaction> compaction_;
  std::vector<Action> actions_;
  std::vector<Decision> decisions_;
  std::size_t next_arrival_ = 0;  // into arrivals_
  TimeNs now_ = 0;
  bool over_ = false;
  std::uint64_t sequence_ = 0;
  bool resources_freed_ = false;
  std::int64_t running_pods_ = 0;
  std::int64_t arrived_gpu_milli_ = 0;
};

}  // namespace gpusched::sim
