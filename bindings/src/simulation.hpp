#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gpusched/sim/curve.hpp"
#include "gpusched/sim/event_log_observer.hpp"
#include "gpusched/sim/simulation.hpp"

#include "bindings.hpp"

namespace gpusched::python {

/// One row of Result.decisions.
struct DecisionRow {
  TimeNs time_ns = 0;
  PodId pod;
  const char* outcome = "";
  Candidate place;  ///< node invalid where it gives none
  std::int64_t cost = 0;
  RunnerUp runner_up;
  std::optional<ModeVerdict> mode;
  RejectReason reason = RejectReason::none;
};

/// Keeps every decision of a replay.
class DecisionRecorder final : public sim::ReplayObserver {
 public:
  void on_event(const Engine&, const Event&) override {}
  void on_decision(const Engine& engine, TimeNs now, std::span<const PodId> pods,
                   std::span<const Decision> decisions) override;
  void on_arrival(const sim::ArrivalSample&) override {}

  std::vector<DecisionRow> rows;
};

/// What a replay leaves behind, with what its tables are made from.
struct ResultHandle {
  std::shared_ptr<const sim::Trace> trace;
  sim::SimulationResult result;
  bool given_order = false;            ///< jobs came one per second in a given order
  std::vector<std::string> pod_names;  ///< empty without decisions
  std::vector<DecisionRow> decisions;
  std::vector<sim::Curve::Row> curve;  ///< empty where it was not asked for
};

SharedTable jobs_table(const ResultHandle& handle);
SharedTable timeline_table(const ResultHandle& handle);
SharedTable demand_table(const ResultHandle& handle);
SharedTable decisions_table(const ResultHandle& handle);
SharedTable curve_table(const ResultHandle& handle);

/// The state of a cluster as three tables: nodes, gpus, placements.
py::tuple state_tables(const ClusterState& state, const std::vector<std::string>& pod_names);

/// A replay and all that must live as long.
class SimulationHandle {
 public:
  SimulationHandle(const TraceHandle& trace, const py::dict& settings);

  /// Plays up to `most` steps, all of them where it is negative; says how many. Lets go of the GIL, and now and then
  /// takes it to look for Ctrl-C and to call `progress(done, total)`. Whatever is raised there or in a policy ends the
  /// replay for good.
  std::int64_t play(std::int64_t most, const py::object& progress);
  ResultHandle finish();
  py::tuple state();
  double now_s();
  std::int64_t arrived();
  std::int64_t arrivals();

 private:
  /// The replay, unless it has ended or another thread plays it.
  sim::Simulation& open();

  std::shared_ptr<const sim::Trace> trace_;
  sim::SimulationOptions options_;
  std::unique_ptr<sim::EventLogObserver> log_;
  std::unique_ptr<DecisionRecorder> recorder_;
  std::unique_ptr<sim::Curve> curve_;
  std::vector<sim::ReplayObserver*> observers_;
  std::optional<sim::Simulation> simulation_;
  std::atomic<bool> playing_ = false;
};

}  // namespace gpusched::python
