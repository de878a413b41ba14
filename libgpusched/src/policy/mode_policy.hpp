#pragma once

#include <memory>

#include "gpusched/policy/mode_rules.hpp"
#include "gpusched/policy/registry.hpp"

namespace gpusched {

/// A policy that serves jobs that state intent by these rules and everything else as buddy does.
Result<std::unique_ptr<PlacementPolicy>> make_mode_policy(ModeRules rules);

/// Value of a parameter that the registry has checked against its range.
double number_of(const PolicyParameters& parameters, std::string_view name);

/// "none", "memory", "slowdown".
ModeGuard guard_of(const PolicyParameters& parameters);
inline constexpr std::string_view guard_values = "none|memory|slowdown";

/// Every class of jobs may use these modes.
void allow_modes(ModeRules& rules, ModeSet modes);

}  // namespace gpusched
