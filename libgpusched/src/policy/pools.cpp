#include <array>

#include "gpusched/policy/policies.hpp"

#include "policy/mode_policy.hpp"

namespace gpusched {

namespace {

constexpr std::string_view route_values = "MODES joined by +";

constexpr PolicyParameter parameters[] = {
    {"mig", "16", "0..1000000", "GPUs whose MIG instances are made on demand"},
    {"time_slice", "16", "0..1000000", "GPUs for time slicing"},
    {"mps", "16", "0..1000000", "GPUs for MPS; the rest is for whole GPUs"},
    {"replicas", "4", "1..1000", "most tenants of one time-sliced GPU"},
    {"tenants", "8", "1..1000", "most tenants of one GPU under MPS"},
    {"guard", "memory", guard_values, "what may keep a job off a shared GPU"},
    {"fill", "pack", "pack|spread", "which shared GPU a job joins: the fullest, or the emptiest"},
    {"always_on", "mig+mps+whole", route_values, "pools for services"},
    {"burst", "mig+mps+whole", route_values, "pools for bursts"},
    {"dev", "mig+time_slice+whole", route_values, "pools for development sessions"},
    {"batch", "mig+time_slice+mps+whole", route_values, "pools for training and other batch jobs"},
};

Result<ModeSet> modes_from(const std::string& text, std::string_view parameter) {
  ModeSet modes = 0;
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const std::size_t end = std::min(text.find('+', begin), text.size());
    const std::string word = text.substr(begin, end - begin);
    bool known = false;
    for (std::size_t i = 0; i < mode_kind_count; ++i) {
      if (word == to_string(static_cast<ModeKind>(i))) {
        modes |= mode_bit(static_cast<ModeKind>(i));
        known = true;
      }
    }
    if (!known) {
      return Error{
          .code = ErrorCode::invalid_argument,
          .message = "policy 'pools': '" + word + "' in " + std::string(parameter) + "='" + text + "' is not a mode",
          .file = {},
          .line = 0,
          .remedy = "Join some of whole, mig, time_slice, mps by +"};
    }
    begin = end + 1;
  }
  return modes;
}

}  // namespace

/// GPUs set apart for one mode each, jobs routed by class: what an administrator does by labels.
/// docs/policies/pools.md
const PolicyInfo pools_policy = {
    .name = "pools",
    .description = "fixed pools of GPUs, one per mode, for jobs that state intent, routed by class",
    .parameters = parameters,
    .make = [](const PolicyParameters& given, std::uint64_t) -> Result<std::unique_ptr<PlacementPolicy>> {
      ModeRules rules;
      rules.pools.clear();
      for (const ModeKind mode : {ModeKind::mig, ModeKind::time_slice, ModeKind::mps}) {
        const auto gpus = static_cast<std::int64_t>(number_of(given, to_string(mode)));
        if (gpus > 0) {
          rules.pools.push_back({.gpus = gpus, .modes = mode_bit(mode)});
        }
      }
      rules.pools.push_back({.gpus = 0, .modes = mode_bit(ModeKind::whole)});
      constexpr std::array<std::pair<std::string_view, JobClass>, 4> classes = {{{"always_on", JobClass::always_on},
                                                                                 {"burst", JobClass::burst},
                                                                                 {"dev", JobClass::dev},
                                                                                 {"batch", JobClass::batch}}};
      for (const auto& [name, job_class] : classes) {
        const Result<ModeSet> modes = modes_from(given.find(name)->second, name);
        if (!modes) {
          return modes.error();
        }
        rules.modes_of_class[static_cast<std::size_t>(job_class)] = modes.value();
      }
      rules.time_slice_tenants = static_cast<std::int32_t>(number_of(given, "replicas"));
      rules.mps_tenants = static_cast<std::int32_t>(number_of(given, "tenants"));
      rules.guard = guard_of(given);
      rules.spreads = given.find("fill")->second == "spread";
      return make_mode_policy(std::move(rules));
    }};

}  // namespace gpusched
