#include "gpusched/sim/compat.hpp"

#include <algorithm>

namespace gpusched::sim {

namespace {

/// What reproducing a publication asks of each policy. A new publication is one row per policy.
struct CompatRow {
  const char* compat;
  const char* policy;
  PolicyParameters parameters;
};
const std::vector<CompatRow>& compat_rows() {
  static const std::vector<CompatRow> rows = {
      {"fgd-paper", "fgd", {{"target", "95"}, {"resolution", "100"}, {"tie", "rank"}}},
      {"fgd-paper", "best_fit", {{"resolution", "100"}}},
      {"fgd-paper", "dot_prod", {{"resolution", "100"}}},
  };
  return rows;
}

}  // namespace

std::vector<std::string> compat_names() {
  std::vector<std::string> names;
  for (const CompatRow& row : compat_rows()) {
    if (std::find(names.begin(), names.end(), row.compat) == names.end()) {
      names.emplace_back(row.compat);
    }
  }
  return names;
}

Result<PolicyChoice> choose_policy(const std::string& text, const std::string& compat) {
  Result<PolicyChoice> choice = parse_policy(text);
  if (!choice) {
    return choice;
  }
  for (const CompatRow& row : compat_rows()) {
    if (compat == row.compat && choice.value().name == row.policy) {
      choice.value().parameters.insert(row.parameters.begin(), row.parameters.end());
    }
  }
  return choice;
}

}  // namespace gpusched::sim
