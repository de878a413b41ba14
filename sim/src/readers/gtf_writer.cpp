#include <algorithm>
#include <array>
#include <map>

#include "gpusched/io/job_profile_json.hpp"
#include "gpusched/sim/readers/csv.hpp"
#include "gpusched/sim/readers/gtf.hpp"

#include "readers/gtf_rows.hpp"

namespace gpusched::sim {

namespace {

constexpr std::array<std::string_view, 3> table_names = {"nodes", "jobs", "events"};

/// The metadata of one table: what is said of all, unless "<table>.<key>" says otherwise.
std::map<std::string, std::string> metadata_of(std::string_view table, const Trace& trace) {
  std::map<std::string, std::string> result;
  std::map<std::string, std::string> of_table;
  for (const auto& [key, value] : trace.metadata) {
    const std::string prefix = key.substr(0, key.find('.'));
    const bool of_some_table = std::find(table_names.begin(), table_names.end(), prefix) != table_names.end();
    if (!of_some_table || prefix.size() == key.size()) {
      result[key] = value;
    } else if (prefix == table) {
      of_table[key.substr(prefix.size() + 1)] = value;
    }
  }
  for (const auto& [key, value] : of_table) {
    result[key] = value;
  }
  return result;
}

std::string write_table(const TextTable& table, const Trace& trace) {
  if (table.rows == 0) {
    return {};
  }
  std::string text;
  CsvWriter csv(text);
  csv.metadata("gtf_version", "1");
  for (const auto& [key, value] : metadata_of(table.name, trace)) {
    csv.metadata(key, value);
  }
  std::vector<std::string_view> values;
  for (const TableColumn& column : table.columns) {
    values.push_back(column.name);
  }
  csv.row(values);
  for (std::size_t row = 0; row < table.rows; ++row) {
    table.format(row, values);
    csv.row(values);
  }
  return text;
}

}  // namespace

GtfCsvText write_gtf_csv(const Trace& trace) {
  return {.nodes = write_table(node_rows(trace), trace),
          .jobs = write_table(job_rows(trace), trace),
          .events = write_table(event_rows(trace), trace),
          .profiles = trace.profiles.empty() ? std::string() : write_job_profiles(trace.profiles)};
}

}  // namespace gpusched::sim
