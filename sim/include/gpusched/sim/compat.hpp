#pragma once

#include <string>
#include <vector>

#include "gpusched/base/result.hpp"
#include "gpusched/policy/registry.hpp"

namespace gpusched::sim {

/// Publications whose settings choose_policy() knows: "fgd-paper".
std::vector<std::string> compat_names();

/// The policy of the text, POLICY[:NAME=VALUE,...], with the parameters that reproducing the publication asks of it,
/// where the text gives none. `compat` is one of compat_names(), or empty. The errors of parse_policy().
Result<PolicyChoice> choose_policy(const std::string& text, const std::string& compat);

}  // namespace gpusched::sim
