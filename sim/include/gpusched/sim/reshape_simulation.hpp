#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "gpusched/engine/engine.hpp"
#include "gpusched/reshape/demand_drift.hpp"
#include "gpusched/reshape/disruption_budget.hpp"
#include "gpusched/reshape/reshape_gate.hpp"

namespace gpusched::sim {

/// What has pods moved.
enum class ReshapeTrigger : std::uint8_t {
  block,   ///< a request that fits nowhere: one pod
  period,  ///< GPUs are emptied every so often
  drift    ///< GPUs are emptied because other requests arrive than before
};
inline constexpr std::size_t reshape_trigger_count = 3;
const char* to_string(ReshapeTrigger trigger);

/// When GPUs are emptied (plan_compaction) up to the last arrival, and how much of it may happen. One compaction at a
/// time; one pod of it is moved after the other. Needs actuation per instance. docs/reshape-triggers.md
struct CompactionTriggers {
  TimeNs every_ns = 0;    ///< 0: never
  bool on_drift = false;  ///< when the mix of arrivals is no longer the one of the last compaction or start
  DisruptionLimits limits;
  DemandDriftOptions drift;
  std::size_t drift_window = 400;  ///< arrivals that make the recent mix, weighed by size

  bool any() const { return every_ns > 0 || on_drift; }
};

/// What may be moved, when, and what a move takes in this world. docs/reshape-on-block.md
struct ReshapeSimulation {
  ReshapeOptions rules{};  ///< of the engine; off by default
  TimeNs delay_ns = 0;     ///< a move takes so long, and both places are held meanwhile; 0: at once, at no cost
  double failure = 0;      ///< probability that a move fails at its end; the pod then stays where it was
  TimeNs restart_ns = 30 * ns_per_s;  ///< what a batch pod loses by a move that takes time
  CompactionTriggers compaction{};
  /// Reshapes wait until not reshaping has cost as much as they do; none: they are made at once. The cool-down is of
  /// compactions: single pods have their own.
  std::optional<ReshapeGateOptions> gate;
};

/// What the triggers did.
struct ReshapeTriggerCounts {
  std::array<std::int64_t, reshape_trigger_count> moved_pods{};  ///< moves that ended well, by ReshapeTrigger
  std::int64_t compactions = 0;                                  ///< begun
  std::int64_t emptied_gpus = 0;  ///< that held nothing when the last of their pods had been moved
  std::int64_t drifts = 0;
  std::int64_t gate_refusals = 0;  ///< single moves and compactions that were possible and had to wait
};

}  // namespace gpusched::sim
