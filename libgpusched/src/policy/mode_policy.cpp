#include "policy/mode_policy.hpp"

#include <charconv>

#include "gpusched/policy/mig_loss.hpp"
#include "gpusched/score/mig_scores.hpp"

namespace gpusched {

Result<std::unique_ptr<PlacementPolicy>> make_mode_policy(ModeRules rules) {
  return make_mig_loss_policy(buddy_potential, std::make_shared<const ModeRules>(std::move(rules)));
}

double number_of(const PolicyParameters& parameters, std::string_view name) {
  const std::string& text = parameters.find(name)->second;
  double value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

ModeGuard guard_of(const PolicyParameters& parameters) {
  const std::string& name = parameters.find("guard")->second;
  return name == "none" ? ModeGuard::none : name == "memory" ? ModeGuard::memory : ModeGuard::slowdown;
}

void allow_modes(ModeRules& rules, ModeSet modes) { rules.modes_of_class.fill(modes); }

}  // namespace gpusched
