#include "exact/solver_output.hpp"

#include <charconv>
#include <vector>

namespace gpusched::sim {

namespace {

/// Takes lines and words off the front of a text.
class TextScanner {
 public:
  explicit TextScanner(std::string_view text) : rest_(text) {}

  bool at_end() const { return rest_.empty(); }
  std::string_view line() {
    const std::size_t end = std::min(rest_.find('\n'), rest_.size());
    const std::string_view result = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    return result;
  }
  static std::vector<std::string_view> words(std::string_view line) {
    std::vector<std::string_view> result;
    constexpr std::string_view blanks = " \t\r";
    for (std::size_t begin = line.find_first_not_of(blanks); begin != std::string_view::npos;) {
      const std::size_t end = std::min(line.find_first_of(blanks, begin), line.size());
      result.push_back(line.substr(begin, end - begin));
      begin = line.find_first_not_of(blanks, end);
    }
    return result;
  }

 private:
  std::string_view rest_;
};

std::optional<double> number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

/// The word behind the words of `key` at the beginning of a line of the log.
std::optional<std::string_view> word_after(std::string_view log, std::string_view key) {
  const std::vector<std::string_view> wanted = TextScanner::words(key);
  TextScanner scanner(log);
  std::optional<std::string_view> found;  // the last one counts: cbc may report several solves
  while (!scanner.at_end()) {
    const std::vector<std::string_view> words = TextScanner::words(scanner.line());
    if (words.size() > wanted.size() && std::equal(wanted.begin(), wanted.end(), words.begin())) {
      found = words[wanted.size()];
    }
  }
  return found;
}

std::optional<double> number_after(std::string_view log, std::string_view key) {
  const std::optional<std::string_view> word = word_after(log, key);
  return word ? number(*word) : std::nullopt;
}

Error unreadable(std::string_view solver, std::string_view line) {
  return {.code = ErrorCode::data_loss,
          .message = "the solution of " + std::string(solver) + " cannot be read at '" + std::string(line) + "'",
          .file = {},
          .line = 0,
          .remedy = {}};
}

bool starts_with(std::string_view text, std::string_view beginning) {
  return text.substr(0, beginning.size()) == beginning;
}

}  // namespace

Result<SolverOutput> read_cbc_output(std::string_view solution, std::string_view log) {
  SolverOutput output;
  output.version = std::string(word_after(log, "Version:").value_or(""));
  output.bound = number_after(log, "Lower bound:");
  TextScanner scanner(solution);
  // "Optimal - objective value 6.00000000", then a line per row and per column: number, name, value, dual.
  const std::string_view head = scanner.line();
  if (starts_with(head, "Optimal")) {
    output.status = SolverStatus::optimal;
  } else if (starts_with(head, "Infeasible") || starts_with(head, "Integer infeasible")) {
    output.status = SolverStatus::infeasible;
  } else if (starts_with(head, "Unbounded")) {
    output.status = SolverStatus::unbounded;
  } else if (!starts_with(head, "Stopped on")) {
    return unreadable("cbc", head);
  }
  const bool relaxed = head.find("no integer solution") != std::string_view::npos;
  if (relaxed || output.status == SolverStatus::infeasible || output.status == SolverStatus::unbounded) {
    return output;
  }
  const std::vector<std::string_view> words = TextScanner::words(head);
  output.cost = number(words.back());
  bool columns = false;
  while (!scanner.at_end()) {
    std::vector<std::string_view> line = TextScanner::words(scanner.line());
    if (!line.empty() && line[0] == "**") {  // out of tolerance, says cbc; our own check decides
      line.erase(line.begin());
    }
    if (line.empty()) {
      continue;
    }
    const auto value = line.size() == 4 ? number(line[2]) : std::nullopt;
    const auto dual = line.size() == 4 ? number(line[3]) : std::nullopt;
    if (!value || !dual) {
      return unreadable("cbc", line[0]);
    }
    columns |= line[0] == "0" && !output.duals.empty();  // the columns are numbered anew
    (columns ? output.values : output.duals)[std::string(line[1])] = columns ? *value : *dual;
  }
  return output;
}

Result<SolverOutput> read_highs_output(std::string_view solution, std::string_view log) {
  SolverOutput output;
  output.version = std::string(word_after(log, "Running HiGHS").value_or(""));
  output.bound = number_after(log, "Dual bound");
  TextScanner scanner(solution);
  if (scanner.line() != "Model status") {
    return unreadable("highs", solution.substr(0, 40));
  }
  const std::string_view status = scanner.line();
  if (status == "Optimal") {
    output.status = SolverStatus::optimal;
  } else if (starts_with(status, "Infeasible")) {
    output.status = SolverStatus::infeasible;
  } else if (starts_with(status, "Unbounded") || starts_with(status, "Primal infeasible or unbounded")) {
    output.status = SolverStatus::unbounded;
  } else if (status.find("limit reached") == std::string_view::npos) {
    return unreadable("highs", status);
  }
  // Sections "# Primal solution values" and "# Dual solution values"; in each the word "Feasible" or "None", then
  // "# Columns N" and "# Rows N" with a line "NAME VALUE" per entry.
  bool feasible = false, duals = false, rows = false;
  while (!scanner.at_end()) {
    const std::string_view line = scanner.line();
    const std::vector<std::string_view> words = TextScanner::words(line);
    if (starts_with(line, "# Basis")) {
      break;
    }
    if (starts_with(line, "# ")) {
      duals = line == "# Dual solution values" || (duals && line != "# Primal solution values");
      rows = starts_with(line, "# Rows");
    } else if (words.size() == 1) {
      feasible = words[0] == "Feasible";
    } else if (words.size() == 2 && feasible) {
      const std::optional<double> value = number(words[1]);
      if (!value) {
        return unreadable("highs", line);
      }
      if (words[0] == "Objective") {
        output.cost = value;
      } else if (rows == duals) {  // values of the columns, duals of the rows
        (duals ? output.duals : output.values)[std::string(words[0])] = *value;
      }
    }
  }
  return output;
}

}  // namespace gpusched::sim
