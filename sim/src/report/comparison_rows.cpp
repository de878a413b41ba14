#include <algorithm>
#include <array>

#include "report/result_table.hpp"
#include "report/run_results.hpp"

namespace gpusched::sim {

Result<PolicyComparison> read_comparison(const std::string& path) {
  constexpr std::array<std::string_view, 2> columns = {"policy", "seed"};
  auto opened = ResultTable::open(path, columns, {}, "compare --out FILE");
  if (!opened) {
    return opened.error();
  }
  ResultTable& table = *opened.value();
  PolicyComparison result;
  result.metrics = table.take_other_columns();
  std::vector<std::vector<std::vector<double>>> values;  // by policy, by metric, by seed
  while (table.next()) {
    const std::string policy(table.text(0));
    const auto found = std::find(result.policies.begin(), result.policies.end(), policy);
    const auto row = static_cast<std::size_t>(found - result.policies.begin());
    if (found == result.policies.end()) {
      result.policies.push_back(policy);
      values.emplace_back(result.metrics.size());
    }
    for (std::size_t i = 0; i < result.metrics.size(); ++i) {
      values[row][i].push_back(table.required_number(columns.size() + i, -1e300, 1e300));
    }
  }
  if (!table.status()) {
    return table.status().error();
  }
  for (const auto& policy : values) {
    auto& cells = result.cells.emplace_back();
    for (const std::vector<double>& runs : policy) {
      cells.push_back(estimate(runs));
    }
    const auto seeds = policy.empty() ? 0 : static_cast<std::int64_t>(policy[0].size());
    result.seeds = result.cells.size() == 1 ? seeds : std::min(result.seeds, seeds);
  }
  return result;
}

}  // namespace gpusched::sim
