#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gpusched/base/result.hpp"
#include "gpusched/sim/readers/csv.hpp"

namespace gpusched::sim {

/// One CSV file of results, read row by row. The first problem ends the rows; status() then tells file, line and
/// remedy.
class ResultTable {
 public:
  /// `columns` are required, `optional_columns` may be missing; others are skipped. `origin` names what writes the
  /// file.
  static Result<std::unique_ptr<ResultTable>> open(const std::string& path, std::span<const std::string_view> columns,
                                                   std::span<const std::string_view> optional_columns,
                                                   std::string_view origin);

  ResultTable(const ResultTable&) = delete;
  ResultTable& operator=(const ResultTable&) = delete;

  const std::vector<std::pair<std::string, std::string>>& metadata() const { return csv_.metadata(); }
  /// The columns of the file that were not asked for; they get the next indices, in the file's order.
  std::vector<std::string> take_other_columns();

  bool next();
  Status status() const { return failure_.has_value() ? Status(*failure_) : csv_.status(); }
  std::size_t rows() const { return rows_; }

  /// By index into `columns`, then `optional_columns`; empty where the file lacks the column.
  std::string_view text(std::size_t column) const;
  /// Empty is nullopt. Anything but a number within the limits is a problem.
  std::optional<double> number(std::size_t column, double least, double most);
  double required_number(std::size_t column, double least, double most);

  /// The current row is not as it should be.
  void fail(std::string message, std::string remedy = {});

 private:
  ResultTable(std::string text, const std::string& path, std::string_view origin)
      : text_(std::move(text)), csv_(text_, path), origin_(origin) {}
  Status find_columns(std::span<const std::string_view> required, std::span<const std::string_view> optional);

  static constexpr std::size_t missing = static_cast<std::size_t>(-1);

  std::string text_;  // the reader looks into it: the table stays where it is
  CsvReader csv_;
  std::string origin_;
  std::vector<std::size_t> positions_;
  std::vector<std::string> names_;
  std::optional<Error> failure_;
  std::size_t rows_ = 0;
};

/// What mends results that do not fit together.
inline constexpr const char* run_again = "Write the results again with `gpusched-sim run --out DIR`";

}  // namespace gpusched::sim
