#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gpusched/base/result.hpp"
#include "gpusched/sim/readers/trace_formats.hpp"

#include "readers/id_index.hpp"
#include "readers/table_columns.hpp"

namespace gpusched::sim {

/// Columns of GTF's tables, in the order of the format's documentation.
std::span<const TableColumn> node_columns();
std::span<const TableColumn> job_columns();
std::span<const TableColumn> event_columns();

/// Takes the rows of one table, whatever syntax they came in, into a trace.
class GtfTable {
 public:
  virtual ~GtfTable() = default;
  virtual ColumnMap& columns() = 0;
  /// `values` in the order of the columns added so far, exactly that many or fewer. An Error stops the reading; a bad
  /// row is only counted.
  virtual Status add_row(std::span<const std::string_view> values, int line) = 0;
  /// Counts a row that cannot be split into values.
  virtual void reject_row(int line, std::string_view reason, std::string_view message) = 0;
};

std::unique_ptr<GtfTable> make_node_table(ReadOutcome& outcome, std::string file);
std::unique_ptr<GtfTable> make_job_table(ReadOutcome& outcome, std::string file);
std::unique_ptr<GtfTable> make_event_table(ReadOutcome& outcome, std::string file);

/// Tables that GTF has but nothing reads yet, by name without .csv, with the column that tells them apart.
struct UnreadTable {
  std::string_view name;      ///< "services"
  std::string_view row_type;  ///< in JSON lines: "service"
  std::string_view telling_column;
};
std::span<const UnreadTable> unread_tables();

/// `a=1|b=2` into pairs sorted by key; nullopt for an entry without '=' or with an empty key, or a key given twice.
std::optional<std::vector<std::pair<std::string, std::string>>> parse_map(std::string_view text);
std::string format_map(std::span<const std::pair<std::string, std::string>> map);

/// `a|b` into names, as written: order and repetition mean nothing to a decision, but published class counts keep them
/// apart.
std::vector<std::string> parse_set(std::string_view text);
std::string format_set(std::span<const std::string> set);

/// Metadata of one table joins that of the trace; where two tables differ, the later one's value gets its table's name.
/// unsupported for a gtf_version other than 1.
Status merge_metadata(std::string_view table, std::string_view key, std::string_view value, const std::string& file,
                      Trace& trace);

}  // namespace gpusched::sim
