#include "gpusched/policy/policies.hpp"

#include "policy/mode_policy.hpp"

namespace gpusched {

namespace {

constexpr PolicyParameter parameters[] = {
    {"replicas", "4", "1..1000", "most tenants of one GPU"},
    {"guard", "memory", guard_values, "what may keep a job off a GPU besides the replicas"},
};

}  // namespace

/// Time slicing for everybody who may share; a whole GPU for isolated jobs. docs/policies/time_slice.md
const PolicyInfo time_slice_policy = {
    .name = "time_slice",
    .description = "time slicing for each job that states intent and may share; a whole GPU for the others",
    .parameters = parameters,
    .make = [](const PolicyParameters& given, std::uint64_t) {
      ModeRules rules;
      allow_modes(rules, mode_bit(ModeKind::time_slice) | mode_bit(ModeKind::whole));
      rules.shares_first = true;
      rules.time_slice_tenants = static_cast<std::int32_t>(number_of(given, "replicas"));
      rules.guard = guard_of(given);
      return make_mode_policy(std::move(rules));
    }};

}  // namespace gpusched
