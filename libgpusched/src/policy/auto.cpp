#include "gpusched/policy/policies.hpp"

#include "policy/mode_policy.hpp"

namespace gpusched {

namespace {

constexpr PolicyParameter parameters[] = {
    {"wholeness", "0.15", "0..1", "value that an idle GPU loses as soon as it is used in part"},
    {"mps_bonus", "0.15", "0..1", "how far MPS goes first where it is allowed, in GPUs"},
    {"delay", "0.5", "0..10", "weight of setup time over expected duration"},
    {"class_lead", "0.05", "0..1",
     "how far a class may be ahead of one that waits, in shares of what each asked for; 1: no matter"},
    {"instance_room", "0.85", "0..1",
     "value of the room left on a time-sliced MIG instance, against as much on a shared GPU"},
    {"instance_tenants", "4", "1..4", "most jobs that take turns on one MIG instance; 1: instances are not shared"},
    {"margin", "1", "0.1..1", "share of the tolerated slowdown that predictions may use up"},
};

}  // namespace

/// Chooses the mode of each job that states intent by the value its GPU loses. docs/policies/auto.md
const PolicyInfo auto_policy = {
    .name = "auto",
    .description =
        "chooses whole GPU, MIG, time slice, MPS or time-sliced MIG for each job that states intent; other requests: "
        "buddy",
    .parameters = parameters,
    .make = [](const PolicyParameters& given, std::uint64_t) {
      ModeRules rules;
      rules.weights.wholeness = number_of(given, "wholeness");
      rules.weights.mps_bonus = number_of(given, "mps_bonus");
      rules.weights.delay = number_of(given, "delay");
      rules.weights.instance_room = number_of(given, "instance_room");
      rules.instance_tenants = static_cast<std::int32_t>(number_of(given, "instance_tenants"));
      constexpr auto without_turns = static_cast<ModeSet>(all_modes & ~mode_bit(ModeKind::time_sliced_mig));
      if (rules.instance_tenants < 2) {
        allow_modes(rules, without_turns);
      }
      // Sessions idle: a whole GPU takes twice as many of them, and cutting GPUs for them was found to cost.
      rules.modes_of_class[static_cast<std::size_t>(JobClass::dev)] = without_turns;
      rules.class_lead = number_of(given, "class_lead");
      rules.weights.margin = number_of(given, "margin");
      return make_mode_policy(std::move(rules));
    }};

}  // namespace gpusched
