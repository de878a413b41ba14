#pragma once

#include <cstdint>
#include <vector>

#include "gpusched/sim/exact/linear_program.hpp"

#include "exact/snapshot_groups.hpp"

namespace gpusched::sim {

/// A variable of the program, or none.
using VariableIndex = std::uint32_t;
inline constexpr VariableIndex no_variable = 0xffffffffU;

/// A shared GPU that may be opened.
struct ShareBin {
  std::uint32_t group = 0;
  SnapshotSharing sharing = SnapshotSharing::time_slice;
  VariableIndex open = no_variable;
};

/// What the program may do with the GPUs of a group.
struct GroupVariables {
  VariableIndex cut = no_variable;          ///< how many are cut by MIG
  std::vector<VariableIndex> placements{};  ///< instances made, by placement of the lattice
  VariableIndex whole = no_variable;        ///< how many go to jobs that want whole GPUs and are not there yet
};

/// How many jobs of a class, residents of it apart that stay, get an alternative on a node.
struct Use {
  std::uint32_t job_class = 0;
  std::uint32_t alternative = 0;
  std::uint32_t node = 0;
  std::int32_t bin = -1;  ///< of a share; else -1
  int shape = -1;         ///< of an instance; else -1
  MigProfileId profile{};
  VariableIndex count = no_variable;
};

/// The program of a snapshot and what its variables mean.
struct SnapshotProgram {
  LinearProgram program{};
  std::vector<GroupVariables> groups{};  ///< by group
  std::vector<ShareBin> bins{};
  std::vector<Use> uses{};
  std::vector<VariableIndex> stays{};    ///< by Stay
  std::vector<VariableIndex> rejects{};  ///< by class
};

SnapshotProgram make_snapshot_program(const Snapshot& snapshot, const SnapshotGroups& groups);

/// The plan of whole-number values that keep every row.
SnapshotPlan read_snapshot_plan(const Snapshot& snapshot, const SnapshotGroups& groups, const SnapshotProgram& program,
                                std::span<const std::int64_t> values);

}  // namespace gpusched::sim
