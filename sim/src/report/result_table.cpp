#include "report/result_table.hpp"

#include <algorithm>

#include "readers/file_text.hpp"
#include "readers/number_text.hpp"

namespace gpusched::sim {

Result<std::unique_ptr<ResultTable>> ResultTable::open(const std::string& path,
                                                       std::span<const std::string_view> columns,
                                                       std::span<const std::string_view> optional_columns,
                                                       std::string_view origin) {
  Result<std::string> text = read_file(path);
  if (!text) {
    Error error = text.error();
    error.remedy = "It is written by `gpusched-sim " + std::string(origin) + "`";
    return error;
  }
  std::unique_ptr<ResultTable> table(new ResultTable(std::move(text).value(), path, origin));
  if (Status header = table->csv_.read_header(); !header) {
    return header.error();
  }
  if (Status found = table->find_columns(columns, optional_columns); !found) {
    return found.error();
  }
  return table;
}

Status ResultTable::find_columns(std::span<const std::string_view> required,
                                 std::span<const std::string_view> optional) {
  const std::vector<std::string>& header = csv_.columns();
  const auto position = [&](std::string_view name) {
    const auto found = std::find(header.begin(), header.end(), name);
    return found == header.end() ? missing : static_cast<std::size_t>(found - header.begin());
  };
  for (const std::string_view name : required) {
    positions_.push_back(position(name));
    names_.emplace_back(name);
    if (positions_.back() == missing) {
      return Error{.code = ErrorCode::invalid_argument,
                   .message = "column '" + std::string(name) + "' is missing",
                   .file = csv_.file(),
                   .line = csv_.header_line(),
                   .remedy = "Take a file that `gpusched-sim " + origin_ + "` wrote"};
    }
  }
  for (const std::string_view name : optional) {
    positions_.push_back(position(name));
    names_.emplace_back(name);
  }
  return {};
}

std::vector<std::string> ResultTable::take_other_columns() {
  std::vector<std::string> others;
  for (std::size_t i = 0; i < csv_.columns().size(); ++i) {
    if (std::find(positions_.begin(), positions_.end(), i) == positions_.end()) {
      others.push_back(csv_.columns()[i]);
      positions_.push_back(i);
      names_.push_back(csv_.columns()[i]);
    }
  }
  return others;
}

bool ResultTable::next() {
  if (failure_.has_value() || !csv_.next()) {
    return false;
  }
  // Every file ends with a line end, so a last line without one was cut off, even where all its fields are there.
  if (csv_.at_unterminated_line() || csv_.fields().size() != csv_.columns().size()) {
    fail(csv_.at_unterminated_line() ? "the file is cut off"
                                     : std::to_string(csv_.fields().size()) + " values for " +
                                           std::to_string(csv_.columns().size()) + " columns",
         "Write it again with `gpusched-sim " + origin_ + "`");
    return false;
  }
  ++rows_;
  return true;
}

std::string_view ResultTable::text(std::size_t column) const {
  return positions_[column] == missing ? std::string_view{} : csv_.fields()[positions_[column]];
}

std::optional<double> ResultTable::number(std::size_t column, double least, double most) {
  const std::string_view value = text(column);
  if (value.empty()) {
    return std::nullopt;
  }
  double parsed = 0;
  if (parse_decimal(value, parsed) != NumberProblem::none || !(parsed >= least && parsed <= most)) {
    fail(names_[column] + " is '" + std::string(value) + "', not a number from " + format_decimal(least) + " to " +
         format_decimal(most));
    return least;
  }
  return parsed;
}

double ResultTable::required_number(std::size_t column, double least, double most) {
  const std::optional<double> value = number(column, least, most);
  if (!value.has_value()) {
    fail(names_[column] + " is empty");
  }
  return value.value_or(least);
}

void ResultTable::fail(std::string message, std::string remedy) {
  if (!failure_.has_value()) {
    failure_ = Error{.code = ErrorCode::data_loss,
                     .message = std::move(message),
                     .file = csv_.file(),
                     .line = csv_.line(),
                     .remedy = remedy.empty() ? "Write it again with `gpusched-sim " + origin_ + "`" : remedy};
  }
}

}  // namespace gpusched::sim
