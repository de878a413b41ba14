#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "gpusched/cluster/cluster_state.hpp"
#include "gpusched/filter/request_filter.hpp"

namespace gpusched::sim {

/// GPUs of one node that are kept free for a unit.
struct GpuReservation {
  std::uint32_t unit = 0;
  NodeId node;
  std::vector<std::uint16_t> gpus;  ///< ascending
};

/// Who is given a reservation, and of which GPUs: where small jobs fill every hole, one that needs several whole GPUs
/// of one node would wait for ever. Knows who waits; holding and releasing is the caller's. docs/models/execution.md.
class GpuReservations {
 public:
  /// Reservations are given after `patience_ns`, at most `most` at a time.
  GpuReservations(TimeNs patience_ns, std::size_t most) : patience_ns_(patience_ns), most_(most) {}

  /// True for several whole GPUs.
  static bool concerns(const GpuRequest& request);

  /// The unit began to wait. Returns when it will be its turn.
  TimeNs wait(std::uint32_t unit, TimeNs now);
  /// It waits no longer. Its reservation, if it had one, is the caller's to release.
  std::optional<GpuReservation> leave(std::uint32_t unit);

  /// Who has waited longest beyond the patience and has no reservation; nobody while the most are given.
  std::optional<std::uint32_t> next_due(TimeNs now) const;
  /// Of the nodes that can take the request, the GPUs that are expected to be empty first: least busy by the expected
  /// durations of their pods' classes; ties by node. Nothing where no node is left. Held GPUs are not taken.
  std::optional<GpuReservation> choose(const ClusterState& state, RequestClassId request, std::uint32_t unit);
  void give(GpuReservation reservation);

  /// A reservation whose GPUs are all empty.
  std::optional<std::uint32_t> first_ready(const ClusterState& state) const;
  /// Those on a node.
  std::vector<std::uint32_t> units_on(NodeId node) const;

 private:
  TimeNs patience_ns_;
  std::size_t most_;
  RequestFilter filter_;
  std::set<std::pair<TimeNs, std::uint32_t>> waiting_;  // (since, unit), without reservation
  std::vector<GpuReservation> given_;                   // in the order in which they were given
};

}  // namespace gpusched::sim
