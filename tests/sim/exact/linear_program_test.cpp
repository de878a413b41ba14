#include "gpusched/sim/exact/linear_program.hpp"

#include <gtest/gtest.h>

#include "gpusched/base/check.hpp"

namespace gpusched::sim {
namespace {

LinearProgram two_variables() {
  LinearProgram program;
  program.comments = {"a test"};
  const auto x = program.add({.name = "x", .cost = -3, .upper = 4});
  const auto y = program.add({.name = "y", .cost = 0, .lower = 2, .upper = 2});
  const auto z = program.add({.name = "z", .cost = 2, .integer = false});
  program.rows.push_back({.name = "room", .terms = {{x, 1}, {y, 2}, {z, -1}}, .right_side = 7});
  program.rows.push_back(
      {.name = "same", .terms = {{x, 1}, {z, 1}}, .relation = LinearProgram::Relation::equal, .right_side = 4});
  program.rows.push_back(
      {.name = "least", .terms = {{z, 5}}, .relation = LinearProgram::Relation::at_least, .right_side = -1});
  program.constant = 10;
  return program;
}

TEST(LinearProgramTest, TextIsWhatReadersExpect) {
  EXPECT_EQ(to_lp_format(two_variables()),
            "\\ a test\n"
            "Minimize\n"
            " cost: - 3 x + 0 y + 2 z\n"
            "Subject To\n"
            " room: x + 2 y - z <= 7\n"
            " same: x + z = 4\n"
            " least: 5 z >= -1\n"
            "Bounds\n"
            " 0 <= x <= 4\n"
            " y = 2\n"
            "Generals\n"
            " x\n"
            " y\n"
            "End\n");
}

TEST(LinearProgramTest, LongRowsAreBrokenBetweenTerms) {
  LinearProgram program;
  LinearProgram::Row row{.name = "long", .right_side = 1};
  for (int i = 0; i < 200; ++i) {
    row.terms.push_back({program.add({.name = "variable_" + std::to_string(i), .cost = 1}), 1});
  }
  program.rows.push_back(row);
  const std::string text = to_lp_format(program);
  std::size_t longest = 0, begin = 0;
  for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', begin)) {
    longest = std::max(longest, end - begin);
    begin = end + 1;
  }
  EXPECT_LE(longest, 220U);
  EXPECT_NE(text.find("variable_199 <= 1"), std::string::npos);
}

TEST(LinearProgramTest, ValuesAreCheckedAgainstBoundsAndRows) {
  const LinearProgram program = two_variables();
  EXPECT_EQ(evaluate(program, std::vector<std::int64_t>{3, 2, 1}).value(), 10 - 9 + 2);
  EXPECT_NE(evaluate(program, std::vector<std::int64_t>{5, 2, 0}).error().message.find("x = 5"), std::string::npos);
  EXPECT_NE(evaluate(program, std::vector<std::int64_t>{3, 2, 0}).error().message.find("same"), std::string::npos);
  EXPECT_NE(evaluate(program, std::vector<std::int64_t>{4, 2, 0}).error().message.find("room"), std::string::npos);
  EXPECT_THROW(evaluate(program, std::vector<std::int64_t>{4}).ok(), InvariantError);
}

}  // namespace
}  // namespace gpusched::sim
