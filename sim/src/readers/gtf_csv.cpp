#include <algorithm>

#include "gpusched/sim/readers/csv.hpp"
#include "gpusched/sim/readers/gtf.hpp"

#include "readers/gtf_tables.hpp"
#include "readers/utf8.hpp"

namespace gpusched::sim {

namespace {

bool has_column(const CsvReader& csv, std::string_view name) {
  return std::find(csv.columns().begin(), csv.columns().end(), name) != csv.columns().end();
}

std::string base_name(const std::string& file) {
  const std::string name = file.substr(file.find_last_of('/') + 1);
  return name.substr(0, name.find('.'));
}

/// A file is what its name says; another name leaves it to the columns that only one table has.
std::string table_of(const CsvReader& csv) {
  const std::string name = base_name(csv.file());
  if (name == "nodes" || name == "jobs" || name == "events") {
    return name;
  }
  for (const UnreadTable& table : unread_tables()) {
    if (name == table.name || (has_column(csv, table.telling_column) && !has_column(csv, "num_gpu"))) {
      return std::string(table.name);
    }
  }
  if (has_column(csv, "submit_s") || has_column(csv, "kind")) {
    return "jobs";
  }
  if (has_column(csv, "time_s")) {
    return "events";
  }
  return "nodes";
}

void count_unread_rows(CsvReader& csv, const std::string& table, ReadReport& report) {
  const std::string reason = table + "_not_read";
  std::int64_t rows = 0;
  while (csv.next()) {
    ++rows;
  }
  report.read += rows;
  report.dropped[reason] += rows;
  report.examples.push_back(csv.file() + ": " + std::to_string(rows) + " rows of " + table +
                            ", a table that is not read yet");
}

Status read_rows(CsvReader& csv, GtfTable& table) {
  while (csv.next()) {
    const auto fields = csv.fields();
    if (fields.size() == csv.columns().size()) {
      if (Status status = table.add_row(fields, csv.line()); !status.ok()) {
        return status;
      }
      continue;
    }
    const std::string message = std::to_string(fields.size()) + " fields, but the header has " +
                                std::to_string(csv.columns().size()) + " columns";
    if (fields.size() < csv.columns().size() && csv.at_unterminated_line()) {
      return Error{.code = ErrorCode::data_loss,
                   .message = "the last line is cut off: " + message,
                   .file = csv.file(),
                   .line = csv.line(),
                   .remedy = ""};
    }
    table.reject_row(csv.line(), "field_count", message);
  }
  return csv.status();
}

}  // namespace

Status read_gtf_csv(std::string_view text, const std::string& file, ReadOutcome& outcome) {
  if (Status status = check_utf8(text, file); !status.ok()) {
    return status;
  }
  CsvReader csv(text, file);
  if (Status status = csv.read_header(); !status.ok()) {
    return status;
  }
  const std::string name = table_of(csv);
  for (const auto& [key, value] : csv.metadata()) {
    if (Status status = merge_metadata(name, key, value, file, outcome.trace); !status.ok()) {
      return status;
    }
  }
  std::unique_ptr<GtfTable> table;
  if (name == "nodes") {
    table = make_node_table(outcome, file);
  } else if (name == "jobs") {
    table = make_job_table(outcome, file);
  } else if (name == "events") {
    table = make_event_table(outcome, file);
  } else {
    count_unread_rows(csv, name, outcome.report);
    return csv.status();
  }
  for (const std::string& column : csv.columns()) {
    if (Status status = table->columns().add(column, file, csv.header_line()); !status.ok()) {
      return status;
    }
  }
  if (Status status = table->columns().check_required(file, csv.header_line()); !status.ok()) {
    return status;
  }
  return read_rows(csv, *table);
}

}  // namespace gpusched::sim
