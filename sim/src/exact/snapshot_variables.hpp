#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "gpusched/sim/exact/linear_program.hpp"

#include "exact/share_patterns.hpp"
#include "exact/snapshot_groups.hpp"

namespace gpusched::sim {

/// A variable of the program, or none.
using VariableIndex = std::uint32_t;
inline constexpr VariableIndex no_variable = 0xffffffffU;

/// What the program may do with the GPUs of a group.
struct GroupVariables {
  VariableIndex cut = no_variable;          ///< how many are cut by MIG
  std::vector<VariableIndex> placements{};  ///< instances made, by placement of the lattice
  VariableIndex vacant = no_variable;       ///< how many go to newcomers that want whole GPUs or shares
};

/// One GPU that may be shared: the one that residents share already, or a vacant one of the node where there are too
/// many patterns to list.
struct ShareBin {
  std::uint32_t node = 0;
  std::int32_t group = -1;  ///< of the residents; -1: a vacant GPU
  SnapshotSharing sharing = SnapshotSharing::time_slice;
  VariableIndex open = no_variable;
};

/// Vacant GPUs of a node that are shared in one way, counted by what they hold.
struct SharePool {
  std::uint32_t node = 0;
  SnapshotSharing sharing = SnapshotSharing::time_slice;
  std::vector<ShareSize> sizes{};
  std::vector<std::vector<std::int64_t>> patterns{};
  std::vector<VariableIndex> counts{};  ///< by pattern
};

/// Where the GPUs of a Use come from.
enum class UseSource : std::uint8_t { host, instance, whole, pattern, bin };

/// How many jobs of a class, residents of it apart that stay, get an alternative on a node.
struct Use {
  std::uint32_t job_class = 0;
  std::uint32_t alternative = 0;
  std::uint32_t node = 0;
  UseSource source = UseSource::host;
  std::uint32_t index = 0;  ///< of an instance its shape, of a pattern its pool, of a bin the bin
  std::uint32_t size = 0;   ///< of a pattern: into the sizes of the pool
  MigProfileId profile{};   ///< of an instance
  VariableIndex count = no_variable;
};

/// The program of a snapshot and what its variables mean.
struct SnapshotProgram {
  LinearProgram program{};
  std::vector<GroupVariables> groups{};  ///< by group
  std::vector<ShareBin> bins{};
  std::vector<SharePool> pools{};
  std::vector<Use> uses{};
  std::vector<VariableIndex> stays{};    ///< by Stay
  std::vector<VariableIndex> rejects{};  ///< by class
};

/// `most_patterns`: per node and way of sharing; beyond it every vacant GPU is looked at alone.
SnapshotProgram make_snapshot_program(const Snapshot& snapshot, const SnapshotGroups& groups,
                                      std::size_t most_patterns);

/// The plan of whole-number values that keep every row.
SnapshotPlan read_snapshot_plan(const Snapshot& snapshot, const SnapshotGroups& groups, const SnapshotProgram& program,
                                std::span<const std::int64_t> values);

}  // namespace gpusched::sim
