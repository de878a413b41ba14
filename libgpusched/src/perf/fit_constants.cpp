#include "gpusched/perf/fit_constants.hpp"

#include <algorithm>
#include <set>

#include "gpusched/base/check.hpp"

#include "perf/least_squares.hpp"

namespace gpusched {

namespace {

std::vector<const PerfConstantInfo*> rows_named(std::span<const std::string_view> names) {
  std::vector<const PerfConstantInfo*> rows;
  for (const std::string_view name : names) {
    const auto table = perf_constant_table();
    const auto found = std::find_if(table.begin(), table.end(), [&](const auto& row) { return row.name == name; });
    GPUSCHED_CHECK(found != table.end(), std::string(name));
    rows.push_back(&*found);
  }
  return rows;
}

PerfConstants with_values(PerfConstants constants, std::span<const PerfConstantInfo* const> rows,
                          std::span<const double> values) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    constants.*rows[i]->member = values[i];
  }
  return constants;
}

struct ConstantsFit {
  PerfConstants constants;
  std::vector<bool> determined;
};

ConstantsFit fit_to(std::span<const Observation* const> observations, std::span<const PerfConstantInfo* const> rows,
                    const PerfConstants& start) {
  std::vector<FitParameter> parameters;
  for (const PerfConstantInfo* row : rows) {
    parameters.push_back({.start = start.*row->member, .least = row->least, .most = row->most});
  }
  LeastSquaresFit fit = fit_least_squares(
      parameters, observations.size(), [&](std::span<const double> values, std::span<double> residuals) {
        const PerfConstants constants = with_values(start, rows, values);
        for (std::size_t i = 0; i < observations.size(); ++i) {
          residuals[i] = observations[i]->predict(constants) - observations[i]->measured;
        }
      });
  return {.constants = with_values(start, rows, fit.values), .determined = std::move(fit.determined)};
}

}  // namespace

FitReport fit_constants(std::string_view quantity, std::span<const std::string_view> names, const PerfConstants& start,
                        std::span<const Observation> observations) {
  const std::vector<const PerfConstantInfo*> rows = rows_named(names);
  std::vector<const Observation*> all;
  std::set<std::string_view> groups;
  for (const Observation& observation : observations) {
    all.push_back(&observation);
    groups.insert(observation.group);
  }
  const ConstantsFit full = fit_to(all, rows, start);
  FitReport report;
  report.quantity = quantity;
  report.held_out = groups.size() > 1 ? "the point's whole group" : "nothing was held out: there is one group only";
  report.constants = full.constants;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    report.changes.push_back({.name = rows[i]->name,
                              .before = start.*rows[i]->member,
                              .after = full.constants.*rows[i]->member,
                              .determined = full.determined[i]});
  }
  for (const Observation& observation : observations) {
    report.points.push_back({.group = observation.group,
                             .label = observation.label,
                             .measured = observation.measured,
                             .fitted = observation.predict(full.constants)});
  }
  if (groups.size() > 1) {
    for (const std::string_view group : groups) {
      std::vector<const Observation*> others;
      std::copy_if(all.begin(), all.end(), std::back_inserter(others),
                   [&](const Observation* observation) { return observation->group != group; });
      const PerfConstants fold = fit_to(others, rows, start).constants;
      for (std::size_t i = 0; i < observations.size(); ++i) {
        if (observations[i].group == group) {
          report.points[i].held_out = observations[i].predict(fold);
        }
      }
    }
  }
  return report;
}

}  // namespace gpusched
