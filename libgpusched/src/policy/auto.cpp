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
    {"instance_room", "1", "0..2", "value of the room of a time-sliced instance against that of a GPU"},
    {"instance_open", "1", "0..2", "x"},
    {"instance_pen", "0", "-1..2", "x"},
    {"max_size", "1", "0..2", "x"},
    {"turn_classes", "31", "0..31", "x"},
    {"instance_tenants", "4", "1..4", "most tenants of one MIG instance"},
    {"margin", "1", "0.1..1", "share of the tolerated slowdown that predictions may use up"},
};

}  // namespace

/// Chooses the mode of each job that states intent by the value its GPU loses. docs/policies/auto.md
const PolicyInfo auto_policy = {
    .name = "auto",
    .description = "chooses whole GPU, MIG, time slice or MPS for each job that states intent; other requests: buddy",
    .parameters = parameters,
    .make = [](const PolicyParameters& given, std::uint64_t) {
      ModeRules rules;
      rules.weights.wholeness = number_of(given, "wholeness");
      rules.weights.mps_bonus = number_of(given, "mps_bonus");
      rules.weights.delay = number_of(given, "delay");
      rules.weights.instance_room = number_of(given, "instance_room");
      rules.instance_tenants = static_cast<std::int32_t>(number_of(given, "instance_tenants"));
      if (rules.instance_tenants < 2) {
        allow_modes(rules, all_modes & ~mode_bit(ModeKind::time_sliced_mig));
      }
      rules.weights.instance_open = number_of(given, "instance_open");
      rules.weights.instance_pen = number_of(given, "instance_pen");
      rules.weights.max_size = number_of(given, "max_size");
      for (int i = 0; i < 5; ++i) if ((static_cast<int>(number_of(given, "turn_classes")) >> i & 1) == 0) rules.modes_of_class[i] &= ~mode_bit(ModeKind::time_sliced_mig);
      rules.class_lead = number_of(given, "class_lead");
      rules.weights.margin = number_of(given, "margin");
      return make_mode_policy(std::move(rules));
    }};

}  // namespace gpusched
