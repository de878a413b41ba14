#include "gpusched/policy/policies.hpp"

#include "policy/mode_policy.hpp"

namespace gpusched {

namespace {

constexpr PolicyParameter parameters[] = {
    {"tenants", "8", "1..1000", "most tenants of one GPU"},
    {"guard", "memory", guard_values, "what may keep a job off a GPU besides the tenants"},
    {"trust", "respect", "respect|ignore", "ignore: jobs of different trust domains share a server, for what-ifs"},
};

}  // namespace

/// MPS for everybody who may share; a whole GPU for the others. docs/policies/mps.md
const PolicyInfo mps_policy = {
    .name = "mps",
    .description = "MPS for each job that states intent and may share a server; a whole GPU for the others",
    .parameters = parameters,
    .make = [](const PolicyParameters& given, std::uint64_t) {
      ModeRules rules;
      allow_modes(rules, mode_bit(ModeKind::mps) | mode_bit(ModeKind::whole));
      rules.shares_first = true;
      rules.mps_tenants = static_cast<std::int32_t>(number_of(given, "tenants"));
      rules.guard = guard_of(given);
      rules.respects_trust = given.find("trust")->second == "respect";
      return make_mode_policy(std::move(rules));
    }};

}  // namespace gpusched
