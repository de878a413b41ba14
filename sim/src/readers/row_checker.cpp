#include "readers/row_checker.hpp"

namespace gpusched::sim {

namespace {

constexpr std::size_t max_examples = 20;
constexpr std::size_t max_quoted_value = 60;

std::string quoted(std::string_view text) {
  std::string result = "'";
  result += text.substr(0, max_quoted_value);
  result += text.size() > max_quoted_value ? "...'" : "'";
  return result;
}

}  // namespace

bool RowChecker::reject(std::string_view reason, std::string_view message) {
  const auto [place, is_new] = report_.dropped.try_emplace(std::string(reason), 0);
  ++place->second;
  // One example of each reason is worth more than many of the first.
  if (is_new || report_.examples.size() < max_examples) {
    report_.examples.push_back(file_ + ":" + std::to_string(line_) + ": " + std::string(message));
  }
  return false;
}

bool RowChecker::required(std::string_view column, std::string_view text) {
  if (!text.empty()) {
    return true;
  }
  return reject(std::string(column) + "_missing", "no " + std::string(column));
}

bool RowChecker::reject_number(std::string_view column, NumberProblem problem, std::string_view text) {
  const std::string name(column);
  switch (problem) {
    case NumberProblem::not_a_number:
      return reject(name + "_not_a_number", name + " is " + quoted(text) + ", not a number");
    case NumberProblem::negative:
      return reject(name + "_negative", name + " is " + quoted(text) + ", negative");
    case NumberProblem::too_precise:
      return reject(name + "_too_precise",
                    name + " is " + quoted(text) + ", with more than nine digits after the point");
    case NumberProblem::out_of_range:
    case NumberProblem::none:
      break;
  }
  return reject(name + "_out_of_range", name + " is " + quoted(text) + ", beyond what this column may hold");
}

bool RowChecker::integer(std::string_view column, std::string_view text, std::int64_t least, std::int64_t most,
                         std::int64_t& value) {
  if (text.empty()) {
    return true;
  }
  std::int64_t number = 0;
  NumberProblem problem = parse_integer(text, number);
  if (problem == NumberProblem::none && (number < least || number > most)) {
    problem = number < 0 ? NumberProblem::negative : NumberProblem::out_of_range;
  }
  if (problem != NumberProblem::none) {
    return reject_number(column, problem, text);
  }
  value = number;
  return true;
}

bool RowChecker::integer(std::string_view column, std::string_view text, std::int64_t least, std::int64_t most,
                         std::int32_t& value) {
  std::int64_t wide = value;
  const bool ok = integer(column, text, least, most, wide);
  value = static_cast<std::int32_t>(wide);
  return ok;
}

bool RowChecker::seconds(std::string_view column, std::string_view text, TimeNs& value) {
  if (text.empty()) {
    return true;
  }
  const NumberProblem problem = parse_seconds(text, value);
  return problem == NumberProblem::none || reject_number(column, problem, text);
}

bool RowChecker::decimal(std::string_view column, std::string_view text, double least, double& value) {
  if (text.empty()) {
    return true;
  }
  double number = 0;
  NumberProblem problem = parse_decimal(text, number);
  if (problem == NumberProblem::none && number < least) {
    problem = number < 0 ? NumberProblem::negative : NumberProblem::out_of_range;
  }
  if (problem != NumberProblem::none) {
    return reject_number(column, problem, text);
  }
  value = number;
  return true;
}

bool RowChecker::flag(std::string_view column, std::string_view text, bool& value) {
  if (text.empty()) {
    return true;
  }
  if (text != "0" && text != "1") {
    const std::string name(column);
    return reject(name + "_not_a_flag", name + " is " + quoted(text) + ", not 0 or 1");
  }
  value = text == "1";
  return true;
}

Error RowChecker::error(ErrorCode code, std::string message) const {
  return {.code = code, .message = std::move(message), .file = file_, .line = line_, .remedy = ""};
}

}  // namespace gpusched::sim
