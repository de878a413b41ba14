#pragma once

#include <functional>
#include <memory>

#include "gpusched/base/result.hpp"
#include "gpusched/policy/placement_policy.hpp"

namespace gpusched {

/// What a GPU is worth by its occupied units; larger is better.
using MigValue = std::function<std::int64_t(const MigLattice&, std::uint16_t occupancy)>;

/// Preference for the placement that loses the least value, ties to the fewest free units.
MigPreference least_loss(const MigLattice& lattice, const MigValue& value);

/// A policy that places MIG instances by least loss and everything else by best fit.
/// `modes`: how it serves jobs that state intent; nullptr: a whole GPU each.
Result<std::unique_ptr<PlacementPolicy>> make_mig_loss_policy(MigValue value,
                                                              std::shared_ptr<const ModeRules> modes = nullptr);

}  // namespace gpusched
