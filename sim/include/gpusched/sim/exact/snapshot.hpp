#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gpusched/base/result.hpp"
#include "gpusched/cluster/cluster_state.hpp"

namespace gpusched::sim {

// One moment of a cluster: nodes, what runs there, what waits. The question is which job gets which mode, profile and
// place, and who moves, at the least cost; docs/models/exact.md. Costs are whole numbers, in thousandths of the unit in
// which prices are given.

/// One way to serve a job: an explicit request (whole GPUs, MIG instances, one share, CPU alone), and how much worse it
/// is than the best one.
struct SnapshotAlternative {
  GpuRequest request;
  std::int64_t penalty_milli = 0;

  friend bool operator==(const SnapshotAlternative&, const SnapshotAlternative&) = default;
};

/// Where a job runs already.
struct SnapshotResidence {
  std::uint32_t alternative = 0;
  Candidate placement;
  bool pinned = false;               ///< stays where it is, whatever it costs
  std::int64_t move_cost_milli = 0;  ///< of leaving the place, to another one or for good

  friend bool operator==(const SnapshotResidence&, const SnapshotResidence&) = default;
};

struct SnapshotJob {
  std::string id;
  std::vector<SnapshotAlternative> alternatives;
  std::int64_t reject_cost_milli = 0;  ///< of not running at all
  std::optional<SnapshotResidence> residence{};

  friend bool operator==(const SnapshotJob&, const SnapshotJob&) = default;
};

struct SnapshotNode {
  NodeSpec spec;
  std::int64_t price_milli = 0;  ///< of one GPU that holds anything
};

struct Snapshot {
  std::vector<SnapshotNode> nodes;
  std::vector<SnapshotJob> jobs;  ///< in order of arrival
};

/// How the tenants of a shared GPU take turns. A GPU has one way at a time.
enum class SnapshotSharing : std::uint8_t { time_slice, mps };
/// How a share of the request is given on the node: as the node shares, else as the request asks, else in turns.
SnapshotSharing sharing_of(const GpuRequest& request, NodeSharing node);

/// One answer: what each job gets.
struct SnapshotPlan {
  static constexpr std::int32_t rejected = -1;
  struct Choice {
    std::int32_t alternative = rejected;
    Candidate placement{};  ///< of a job that is not rejected

    friend bool operator==(const Choice&, const Choice&) = default;
  };
  std::vector<Choice> choices;  ///< by job
};

/// What a plan costs, term by term.
struct SnapshotCost {
  std::int64_t gpus_milli = 0;  ///< prices of the GPUs that hold anything
  std::int64_t penalties_milli = 0;
  std::int64_t moves_milli = 0;
  std::int64_t rejections_milli = 0;
  std::int64_t gpus = 0;      ///< that hold anything
  std::int64_t rejected = 0;  ///< jobs
  std::int64_t moved = 0;     ///< jobs that run, elsewhere or otherwise than before; evicted ones are rejected

  std::int64_t total_milli() const { return gpus_milli + penalties_milli + moves_milli + rejections_milli; }
};

/// Whether the snapshot is one: names, costs, alternatives that the model covers, places that are free.
/// invalid_argument or unsupported name the node or job.
Status check_snapshot(const Snapshot& snapshot);

/// The cost of a plan. invalid_argument where a job gets what it did not ask for, a pinned one moves, or a place is
/// taken twice: every place is given in a ClusterState, so the rules are those of the engine.
/// Contract: check_snapshot() is ok.
Result<SnapshotCost> check_plan(const Snapshot& snapshot, const SnapshotPlan& plan);

/// The plan that leaves every resident where it is and gives nothing to anybody else.
SnapshotPlan plan_of_residents(const Snapshot& snapshot);

}  // namespace gpusched::sim
