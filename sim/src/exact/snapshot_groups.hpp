#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "gpusched/cluster/cluster_state.hpp"
#include "gpusched/sim/exact/snapshot.hpp"

namespace gpusched::sim {

/// Jobs that no plan needs to tell apart: the same alternatives at the same costs.
struct JobClass {
  std::uint32_t example = 0;               ///< a job of the class
  std::vector<std::uint32_t> newcomers{};  ///< jobs that run nowhere yet
  std::int64_t residents = 0;
};

/// Residents that may stay or leave and need not be told apart: one on each GPU of a group, or a single job.
struct Stay {
  std::uint32_t job_class = 0;
  std::uint32_t alternative = 0;
  std::uint32_t node = 0;
  bool pinned = false;
  std::int64_t move_cost_milli = 0;
  std::vector<std::uint32_t> jobs{};  ///< of a group: by member
};

/// What a Stay holds of each GPU of a group.
struct StayPart {
  std::uint32_t stay = 0;
  GpuAssignment part{};
};

/// GPUs of one node that hold the same.
struct GpuGroup {
  std::uint32_t node = 0;
  std::vector<std::uint16_t> gpus{};
  std::vector<StayPart> parts{};

  bool holds_whole() const { return !parts.empty() && parts[0].part.share_milli == milli_per_unit; }
  bool holds_shares() const { return !parts.empty() && parts[0].part.share_milli > 0 && !holds_whole(); }
};

/// A snapshot by classes: what makes its program as small as the number of different things in it.
struct SnapshotGroups {
  std::vector<JobClass> classes{};
  std::vector<std::uint32_t> class_of_job{};
  std::vector<Stay> stays{};
  std::vector<GpuGroup> groups{};  ///< by node, in order of their first GPU
};

SnapshotGroups group_snapshot(const Snapshot& snapshot);

}  // namespace gpusched::sim
