#pragma once

#include <cstdint>

#include "gpusched/sim/exact/snapshot.hpp"

namespace gpusched::sim {

/// Size of a generated snapshot.
struct SnapshotSize {
  std::int32_t gpus = 32;  ///< of two models, four to a node; at least 2
  std::int32_t jobs = 200;
};

/// A snapshot of a shared cluster, the same one for the same size and seed: two GPU models, nodes short of CPU, jobs
/// with up to four alternatives, about a third of them running where arrivals and departures left them, of which some
/// are pinned. What is drawn: docs/models/exact.md.
Snapshot generate_snapshot(const SnapshotSize& size, std::uint64_t seed);

/// The sizes over which the 200 snapshots of the published gap are spread, in turn.
SnapshotSize published_snapshot_size(std::uint64_t index);

}  // namespace gpusched::sim
