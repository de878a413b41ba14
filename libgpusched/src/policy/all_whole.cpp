#include "gpusched/policy/policies.hpp"

#include "policy/mode_policy.hpp"

namespace gpusched {

/// A whole GPU for every job that states intent: what a cluster without sharing does. docs/policies/all_whole.md
const PolicyInfo all_whole_policy = {
    .name = "all_whole",
    .description = "a whole GPU for each job that states intent; other requests: buddy",
    .parameters = {},
    .make = [](const PolicyParameters&, std::uint64_t) {
      ModeRules rules;
      allow_modes(rules, mode_bit(ModeKind::whole));
      return make_mode_policy(std::move(rules));
    }};

}  // namespace gpusched
