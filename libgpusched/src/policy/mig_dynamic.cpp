#include "gpusched/policy/policies.hpp"

#include "policy/mode_policy.hpp"

namespace gpusched {

/// MIG instances made on demand, the smallest that a job can live with. docs/policies/mig_dynamic.md
const PolicyInfo mig_dynamic_policy = {
    .name = "mig_dynamic",
    .description = "a MIG instance, made on demand, for each job that states intent; a whole GPU where none serves",
    .parameters = {},
    .make = [](const PolicyParameters&, std::uint64_t) {
      ModeRules rules;
      allow_modes(rules, mode_bit(ModeKind::mig) | mode_bit(ModeKind::whole));
      return make_mode_policy(std::move(rules));
    }};

}  // namespace gpusched
