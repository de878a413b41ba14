#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gpusched/sim/trace.hpp"

#include "readers/table_columns.hpp"

namespace gpusched::sim {

/// A table on its way out: its used columns, and its rows as texts. CSV and JSON lines differ only in punctuation.
struct TextTable {
  std::string_view name;      ///< "jobs"
  std::string_view row_type;  ///< "job"
  std::vector<TableColumn> columns;
  std::size_t rows = 0;
  /// Fills one value per column; the views stay valid until the next call.
  std::function<void(std::size_t row, std::vector<std::string_view>& values)> format;
};

/// The tables refer to the trace, which must outlive them.
TextTable node_rows(const Trace& trace);
TextTable job_rows(const Trace& trace);
TextTable event_rows(const Trace& trace);

}  // namespace gpusched::sim
