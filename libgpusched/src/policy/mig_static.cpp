#include "gpusched/policy/policies.hpp"

#include "policy/mode_policy.hpp"

namespace gpusched {

namespace {

constexpr PolicyParameter parameters[] = {
    {"layout", "balanced", "balanced|smallest|mixed", "how every GPU was cut, once"},
};

}  // namespace

/// MIG instances of a layout that never changes; what fits none waits. docs/policies/mig_static.md
const PolicyInfo mig_static_policy = {
    .name = "mig_static",
    .description = "the smallest free instance of a fixed MIG layout for each job that states intent",
    .parameters = parameters,
    .make = [](const PolicyParameters& given, std::uint64_t) {
      const std::string& layout = given.find("layout")->second;
      ModeRules rules;
      allow_modes(rules, mode_bit(ModeKind::mig));
      rules.layout = layout == "balanced"   ? MigLayout::balanced
                     : layout == "smallest" ? MigLayout::smallest
                                            : MigLayout::mixed;
      return make_mode_policy(std::move(rules));
    }};

}  // namespace gpusched
