#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "gpusched/base/result.hpp"
#include "gpusched/cluster/cluster_state.hpp"
#include "gpusched/sim/exact/snapshot.hpp"
#include "gpusched/sim/simulator.hpp"

namespace gpusched::sim {

/// What a recorded moment costs. A trace says nothing of it but prices of GPUs (1 where it gives none), so the rest is
/// given in prices of the dearest GPU, for each GPU that a job takes.
struct SnapshotPricing {
  double reject_per_gpu = 10;  ///< of not running; for a small job at least 2, so that none is left out to save a GPU
  double move_per_gpu = 0.1;   ///< of moving or evicting
};

/// Listens to a replay until a time and makes its state then a snapshot: who runs where, who waits.
class SnapshotRecorder final : public ReplayObserver {
 public:
  /// The trace must outlive the recorder.
  SnapshotRecorder(const Trace& trace, const SimulationOptions& options, TimeNs at_ns);

  void on_event(const Engine& engine, const Event& event) override;
  void on_decision(const Engine&, TimeNs, std::span<const PodId>, std::span<const Decision>) override {}
  void on_arrival(const ArrivalSample&) override {}

  /// After the replay. A job that leaves its mode open asks for a whole GPU, as under policies that choose no modes.
  /// unsupported names one that got something else, or a node that is down or draining while jobs run there.
  Result<Snapshot> snapshot(const SnapshotPricing& pricing) const;

 private:
  /// New index of each node, invalid for those that are left out.
  Result<std::vector<NodeId>> add_nodes(Snapshot& snapshot) const;
  Result<SnapshotJob> job_of(std::uint32_t pod, std::span<const NodeId> nodes) const;

  const Trace& trace_;
  std::vector<std::string> names_;  // by PodId
  TimeNs at_ns_ = 0;
  ClusterState state_;
};

}  // namespace gpusched::sim
