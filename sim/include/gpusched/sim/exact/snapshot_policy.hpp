#pragma once

#include <cstdint>
#include <string_view>

#include "gpusched/base/result.hpp"
#include "gpusched/policy/registry.hpp"
#include "gpusched/sim/exact/snapshot.hpp"

namespace gpusched::sim {

/// In which order a policy sees the jobs that wait.
enum class SnapshotOrder : std::uint8_t {
  arrival,          ///< as the snapshot lists them
  decreasing_size,  ///< largest first, by the GPU that the first alternative takes where it can run; ties as listed
};

/// "arrival", "size"; not_found lists the names.
Result<SnapshotOrder> find_snapshot_order(std::string_view text);

/// What the engine makes of a snapshot under a policy: residents stay, the others get their place one by one. The
/// policy places each alternative; of the places, the job takes the one that adds least to the cost (penalty, and the
/// price of GPUs that it is the first to use), the earlier alternative where costs are equal. A job is rejected where
/// no alternative fits, never to save cost.
/// Errors: those of Engine::create(). Contract: check_snapshot() is ok. check_plan() accepts the plan.
Result<SnapshotPlan> plan_by_policy(const Snapshot& snapshot, const PolicyChoice& policy, SnapshotOrder order,
                                    std::uint64_t seed);

}  // namespace gpusched::sim
