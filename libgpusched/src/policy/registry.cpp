#include "gpusched/policy/registry.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "gpusched/policy/policies.hpp"

namespace gpusched {

namespace {

// A function, not a static table: the rows live in other files, and their order of initialisation is not ours.
const std::array<PolicyInfo, 21>& table() {
  static const std::array<PolicyInfo, 21> rows = {random_policy,
                                                  first_fit_policy,
                                                  round_robin_policy,
                                                  best_fit_policy,
                                                  worst_fit_policy,
                                                  dot_prod_policy,
                                                  gpu_clustering_policy,
                                                  gpu_packing_policy,
                                                  fgd_policy,
                                                  mfi_policy,
                                                  mcc_policy,
                                                  buddy_policy,
                                                  placeable_policy,
                                                  placeable_online_policy,
                                                  auto_policy,
                                                  all_whole_policy,
                                                  mig_static_policy,
                                                  mig_dynamic_policy,
                                                  time_slice_policy,
                                                  mps_policy,
                                                  pools_policy};
  return rows;
}

Error unknown_parameter(const PolicyInfo& policy, std::string_view name) {
  std::string known;
  for (const PolicyParameter& parameter : policy.parameters) {
    known += (known.empty() ? "" : ", ") + std::string(parameter.name) + "=" + std::string(parameter.values);
  }
  return {.code = ErrorCode::not_found,
          .message = "policy '" + std::string(policy.name) + "' has no parameter '" + std::string(name) + "'",
          .file = {},
          .line = 0,
          .remedy = known.empty() ? "It takes none" : "It takes " + known};
}

/// False for a value outside "LEAST..MOST"; true where `values` is no such range.
bool in_range(std::string_view values, const std::string& text) {
  const std::size_t dots = values.find("..");
  if (dots == std::string_view::npos) {
    return true;
  }
  const auto number = [](std::string_view digits, double& value) {
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return error == std::errc() && end == digits.data() + digits.size();
  };
  double least = 0, most = 0, value = 0;
  return number(values.substr(0, dots), least) && number(values.substr(dots + 2), most) && number(text, value) &&
         value >= least && value <= most;
}

}  // namespace

std::span<const PolicyInfo> policies() { return table(); }

Result<const PolicyInfo*> find_policy(std::string_view name) {
  std::string known;
  for (const PolicyInfo& row : table()) {
    if (row.name == name) {
      return &row;
    }
    known += (known.empty() ? "" : ", ") + std::string(row.name);
  }
  return Error{.code = ErrorCode::not_found,
               .message = "unknown policy '" + std::string(name) + "'",
               .file = {},
               .line = 0,
               .remedy = "Known policies: " + known};
}

Result<PolicyChoice> parse_policy(std::string_view text) {
  PolicyChoice choice;
  const std::size_t colon = text.find(':');
  choice.name = std::string(text.substr(0, colon));
  std::string_view rest = colon == std::string_view::npos ? std::string_view{} : text.substr(colon + 1);
  while (!rest.empty()) {
    const std::size_t comma = rest.find(',');
    const std::string_view item = rest.substr(0, comma);
    const std::size_t equals = item.find('=');
    if (equals == std::string_view::npos || equals == 0) {
      return Error{.code = ErrorCode::invalid_argument,
                   .message = "'" + std::string(item) + "' in '" + std::string(text) + "' is not NAME=VALUE",
                   .file = {},
                   .line = 0,
                   .remedy = "Write POLICY:NAME=VALUE,NAME=VALUE"};
    }
    choice.parameters[std::string(item.substr(0, equals))] = std::string(item.substr(equals + 1));
    rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
  }
  if (const auto found = find_policy(choice.name); !found) {
    return found.error();
  }
  return choice;
}

Result<std::unique_ptr<PlacementPolicy>> make_policy(const PolicyChoice& choice, std::uint64_t seed) {
  if (choice.make) {
    return choice.make(seed);
  }
  const auto found = find_policy(choice.name);
  if (!found) {
    return found.error();
  }
  const PolicyInfo& info = *found.value();
  PolicyParameters parameters;
  for (const PolicyParameter& parameter : info.parameters) {
    parameters[std::string(parameter.name)] = std::string(parameter.default_value);
  }
  for (const auto& [name, value] : choice.parameters) {
    const auto known = std::find_if(info.parameters.begin(), info.parameters.end(),
                                    [&, wanted = name](const PolicyParameter& p) { return p.name == wanted; });
    if (known == info.parameters.end()) {
      return unknown_parameter(info, name);
    }
    // Values that are a closed list or a range are checked here, once for all policies.
    const std::string allowed = "|" + std::string(known->values) + "|";
    if (known->values.find('|') != std::string_view::npos && allowed.find("|" + value + "|") == std::string::npos) {
      return Error{.code = ErrorCode::invalid_argument,
                   .message = "policy '" + choice.name + "': " + name + "='" + value + "' is not one of " +
                              std::string(known->values),
                   .file = {},
                   .line = 0,
                   .remedy = {}};
    }
    if (!in_range(known->values, value)) {
      return Error{.code = ErrorCode::invalid_argument,
                   .message = "policy '" + choice.name + "': " + name + "='" + value + "' is not a number in " +
                              std::string(known->values),
                   .file = {},
                   .line = 0,
                   .remedy = {}};
    }
    parameters[name] = value;
  }
  return info.make(parameters, seed);
}

}  // namespace gpusched
