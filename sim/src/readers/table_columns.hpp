#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gpusched/base/result.hpp"

namespace gpusched::sim {

/// What a reader does with a column of GTF.
enum class ColumnUse {
  interpreted,  ///< has a place in the trace's types
  carried,      ///< kept as it is, not yet interpreted
};

/// A column that GTF knows. One table of these per file is all that CSV reader, JSON-lines reader and writers share.
struct TableColumn {
  std::string_view name;
  bool required = false;
  bool numeric = false;  ///< JSON lines write it without quotes
  ColumnUse use = ColumnUse::interpreted;
};

/// Sorts the columns of one file into interpreted ones, by their index in the table, and extra ones: carried columns
/// and x_*. Columns may be added while reading, as JSON lines discover them.
class ColumnMap {
 public:
  /// `extra_columns` receives the names of extra columns and must outlive the map.
  ColumnMap(std::string_view table, std::span<const TableColumn> known, std::vector<std::string>& extra_columns)
      : table_(table), known_(known), extra_columns_(extra_columns) {}

  /// The next column of the file. invalid_argument for a name that GTF does not know and that does not start with x_.
  Status add(std::string_view name, const std::string& file, int line);

  /// invalid_argument names the required columns that were not added.
  Status check_required(const std::string& file, int line) const;

  std::size_t size() const { return places_.size(); }

  /// Spreads the values of a row, in the file's order, over `known` and `extra`, both empty where there is no value.
  /// Returns whether any extra value is there. `values` may be shorter than size().
  bool spread(std::span<const std::string_view> values, std::span<std::string_view> known,
              std::vector<std::string_view>& extra) const;

 private:
  struct Place {
    bool extra = false;
    std::size_t index = 0;
  };

  std::string_view table_;
  std::span<const TableColumn> known_;
  std::vector<std::string>& extra_columns_;
  std::vector<Place> places_;
};

/// A column of `known` by name; nullptr when GTF has none.
const TableColumn* find_column(std::span<const TableColumn> known, std::string_view name);

}  // namespace gpusched::sim
