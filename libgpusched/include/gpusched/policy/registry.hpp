#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "gpusched/base/result.hpp"
#include "gpusched/policy/placement_policy.hpp"

namespace gpusched {

/// Parameter values of one policy, by name.
using PolicyParameters = std::map<std::string, std::string, std::less<>>;

/// One parameter a policy takes; --help and error messages are made from it.
struct PolicyParameter {
  std::string_view name;
  std::string_view default_value;
  std::string_view values;  ///< what is allowed, for people: "0|100"
  std::string_view description;
};

/// One row of the table of policies.
struct PolicyInfo {
  std::string_view name;
  std::string_view description;
  std::span<const PolicyParameter> parameters;
  /// Builds the policy; parameters are complete (defaults filled in) and only known names occur.
  Result<std::unique_ptr<PlacementPolicy>> (*make)(const PolicyParameters& parameters, std::uint64_t seed);
};

/// Every policy, in the order of the documentation.
std::span<const PolicyInfo> policies();

/// The row of that name; not_found lists the known names.
Result<const PolicyInfo*> find_policy(std::string_view name);

/// A policy and its parameters as users write them: "fgd" or "fgd:resolution=100,tie=rank".
struct PolicyChoice {
  std::string name;
  PolicyParameters parameters;  ///< as given, defaults not filled in
  /// Makes a policy that is not in the table, for the seed; the name is then its own. Empty: the table's.
  std::function<Result<std::unique_ptr<PlacementPolicy>>(std::uint64_t seed)> make{};
};
Result<PolicyChoice> parse_policy(std::string_view text);

Result<std::unique_ptr<PlacementPolicy>> make_policy(const PolicyChoice& choice, std::uint64_t seed);

}  // namespace gpusched
