#include "gpusched/sim/exact/linear_program.hpp"

#include <algorithm>

namespace gpusched::sim {

namespace {

constexpr std::size_t longest_line = 200;  // CPLEX allows 560 characters, older readers 255

const char* text_of(LinearProgram::Relation relation) {
  switch (relation) {
    case LinearProgram::Relation::at_most:
      return " <= ";
    case LinearProgram::Relation::at_least:
      return " >= ";
    case LinearProgram::Relation::equal:
      return " = ";
  }
  return "";
}

/// Appends text and breaks the line before words that would make it too long.
class LineWriter {
 public:
  explicit LineWriter(std::string& out) : out_(out), line_begin_(out.size()) {}

  void word(const std::string& text) {
    if (out_.size() - line_begin_ + text.size() > longest_line) {
      out_ += "\n  ";
      line_begin_ = out_.size();
    }
    out_ += text;
  }
  void term(std::int64_t coefficient, const std::string& name) {
    const std::string sign = coefficient < 0 ? " - " : first_ ? " " : " + ";
    const std::string size = std::to_string(coefficient < 0 ? -coefficient : coefficient);
    word(sign + (size == "1" ? "" : size + " ") + name);
    first_ = false;
  }

 private:
  std::string& out_;
  std::size_t line_begin_;
  bool first_ = true;
};

void write_bounds(const LinearProgram::Variable& variable, std::string& out) {
  const bool has_upper = variable.upper != LinearProgram::unbounded;
  if (variable.lower == 0 && !has_upper) {
    return;  // what readers assume
  }
  if (variable.lower == variable.upper) {
    out += " " + variable.name + " = " + std::to_string(variable.lower) + "\n";
    return;
  }
  out += " " + std::to_string(variable.lower) + " <= " + variable.name +
         (has_upper ? " <= " + std::to_string(variable.upper) : std::string()) + "\n";
}

bool holds(std::int64_t left, LinearProgram::Relation relation, std::int64_t right) {
  switch (relation) {
    case LinearProgram::Relation::at_most:
      return left <= right;
    case LinearProgram::Relation::at_least:
      return left >= right;
    case LinearProgram::Relation::equal:
      return left == right;
  }
  return false;
}

Error broken(std::string what) {
  return {.code = ErrorCode::invalid_argument, .message = std::move(what), .file = {}, .line = 0, .remedy = {}};
}

}  // namespace

bool LinearProgram::all_integer() const {
  return std::all_of(variables.begin(), variables.end(), [](const Variable& variable) { return variable.integer; });
}

std::string to_lp_format(const LinearProgram& program) {
  std::string out;
  for (const std::string& comment : program.comments) {
    out += "\\ " + comment + "\n";
  }
  out += "Minimize\n";
  {
    LineWriter line(out);
    line.word(" cost:");
    for (const LinearProgram::Variable& variable : program.variables) {
      line.term(variable.cost, variable.name);  // those that cost nothing, too: readers want each one once
    }
  }
  out += "\nSubject To\n";
  for (const LinearProgram::Row& row : program.rows) {
    LineWriter line(out);
    line.word(" " + row.name + ":");
    for (const LinearProgram::Term& term : row.terms) {
      line.term(term.coefficient, program.variables[term.variable].name);
    }
    line.word(text_of(row.relation) + std::to_string(row.right_side));
    out += "\n";
  }
  out += "Bounds\n";
  for (const LinearProgram::Variable& variable : program.variables) {
    write_bounds(variable, out);
  }
  std::string generals;
  for (const LinearProgram::Variable& variable : program.variables) {
    generals += variable.integer ? " " + variable.name + "\n" : std::string();
  }
  return out + (generals.empty() ? std::string() : "Generals\n" + generals) + "End\n";
}

Result<std::int64_t> evaluate(const LinearProgram& program, std::span<const std::int64_t> values) {
  GPUSCHED_CHECK(values.size() == program.variables.size(), "one value per variable");
  std::int64_t cost = program.constant;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const LinearProgram::Variable& variable = program.variables[i];
    if (values[i] < variable.lower || values[i] > variable.upper) {
      return broken(variable.name + " = " + std::to_string(values[i]) + " is outside its bounds");
    }
    cost += variable.cost * values[i];
  }
  for (const LinearProgram::Row& row : program.rows) {
    std::int64_t left = 0;
    for (const LinearProgram::Term& term : row.terms) {
      left += term.coefficient * values[term.variable];
    }
    if (!holds(left, row.relation, row.right_side)) {
      return broken("row " + row.name + " does not hold: " + std::to_string(left) + " on the left side, " +
                    std::to_string(row.right_side) + " on the right");
    }
  }
  return cost;
}

}  // namespace gpusched::sim
