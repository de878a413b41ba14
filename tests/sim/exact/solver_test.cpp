#include "gpusched/sim/exact/solver.hpp"

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include "temporary_folder.hpp"

namespace gpusched::sim {
namespace {

/// PATH, for the length of a test.
class PathGuard {
 public:
  explicit PathGuard(const std::string& path) : before_(std::getenv("PATH")) { setenv("PATH", path.c_str(), 1); }
  ~PathGuard() { setenv("PATH", before_.c_str(), 1); }

 private:
  std::string before_;
};

/// A folder with one executable script in it, called `cbc`.
class FakeSolver {
 public:
  explicit FakeSolver(const std::string& script) {
    std::ofstream(folder_ / "cbc") << "#!/bin/sh\n" << script;
    std::filesystem::permissions(folder_ / "cbc", std::filesystem::perms::owner_all);
  }
  std::string path() const { return folder_.path().string() + ":/usr/bin:/bin"; }

 private:
  test::TemporaryFolder folder_;
};

/// Five things of some value, of which weight 14 may be carried.
LinearProgram knapsack() {
  LinearProgram program;
  LinearProgram::Row weight{.name = "weight", .right_side = 14};
  const std::int64_t things[][2] = {{10, 15}, {8, 14}, {4, 6}, {3, 5}, {2, 3}};
  for (int i = 0; i < 5; ++i) {
    weight.terms.push_back(
        {program.add({.name = "x_" + std::to_string(i), .cost = -things[i][1], .upper = 1}), things[i][0]});
  }
  program.rows.push_back(weight);
  program.constant = 100;
  return program;
}

// cbc is installed by tools/setup: its absence is a failure, never a skip.
TEST(SolverTest, CbcFindsTheOptimumAndItIsChecked) {
  const Result<SolverAnswer> answer = solve(knapsack(), {.solver = SolverName::cbc});
  ASSERT_TRUE(answer.ok()) << answer.error().to_string();
  EXPECT_EQ(answer.value().status, SolverStatus::optimal);
  std::int64_t best = 0;
  for (int set = 0; set < 32; ++set) {  // brute force
    std::vector<std::int64_t> values;
    for (int i = 0; i < 5; ++i) {
      values.push_back(set >> i & 1);
    }
    const Result<std::int64_t> cost = evaluate(knapsack(), values);
    best = std::min(best == 0 ? 100 : best, cost.ok() ? cost.value() : 100);
  }
  EXPECT_EQ(answer.value().cost, best);
  EXPECT_EQ(answer.value().bound, best);
  EXPECT_EQ(evaluate(knapsack(), answer.value().values).value(), best);
  EXPECT_EQ(answer.value().solver.rfind("cbc ", 0), 0U) << answer.value().solver;
}

TEST(SolverTest, ContinuousProgramsComeWithDuals) {
  LinearProgram program = knapsack();
  for (LinearProgram::Variable& variable : program.variables) {
    variable.integer = false;
  }
  const Result<SolverAnswer> answer = solve(program, {});
  ASSERT_TRUE(answer.ok()) << answer.error().to_string();
  EXPECT_EQ(answer.value().status, SolverStatus::optimal);
  ASSERT_EQ(answer.value().duals.size(), 1U);
  EXPECT_NEAR(answer.value().duals[0], -1.5, 1e-6);  // the break item: 6 / 4 or 15 / 10 or 3 / 2
  EXPECT_EQ(answer.value().continuous_values.size(), 5U);
}

TEST(SolverTest, ContradictionsAndOpenEndsAreToldApart) {
  LinearProgram program = knapsack();
  program.rows.push_back(
      {.name = "much", .terms = {{0, 1}, {1, 1}}, .relation = LinearProgram::Relation::at_least, .right_side = 2});
  EXPECT_EQ(solve(program, {}).value().status, SolverStatus::infeasible);
  LinearProgram open;
  open.add({.name = "x", .cost = -1});
  open.rows.push_back({.name = "r", .terms = {{0, 1}}, .relation = LinearProgram::Relation::at_least, .right_side = 2});
  EXPECT_EQ(solve(open, {}).value().status, SolverStatus::unbounded);
}

TEST(SolverTest, WithoutASolverTheMessageNamesThePackage) {
  const PathGuard path("/nonexistent");
  const Result<SolverAnswer> answer = solve(knapsack(), {});
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().code, ErrorCode::not_found);
  EXPECT_NE(answer.error().to_string().find("coinor-cbc"), std::string::npos);
}

TEST(SolverTest, UnknownNamesListTheKnownOnes) {
  EXPECT_EQ(find_solver_name("highs").value(), SolverName::highs);
  EXPECT_EQ(find_solver_name("auto").value(), SolverName::automatic);
  EXPECT_NE(find_solver_name("glpk").error().to_string().find("auto, cbc, highs"), std::string::npos);
}

// What a lying or broken solver leaves behind is never passed on.
struct Lie {
  const char* script;
  const char* message;
};
class SolverLieTest : public ::testing::TestWithParam<Lie> {};

TEST_P(SolverLieTest, IsFound) {
  const FakeSolver fake(GetParam().script);
  const PathGuard path(fake.path());
  const Result<SolverAnswer> answer = solve(knapsack(), {.solver = SolverName::cbc});
  ASSERT_FALSE(answer.ok());
  EXPECT_NE(answer.error().to_string().find(GetParam().message), std::string::npos) << answer.error().to_string();
}

constexpr const char* say_optimal = R"(echo 'Optimal - objective value -24.0' > solution.txt
echo ' 0 weight 14 0' >> solution.txt
)";
const std::string too_much = std::string(say_optimal) + "echo ' 0 x_0 1 0\n 1 x_1 1 0' >> solution.txt\n";
const std::string wrong_cost = std::string(say_optimal) + "echo ' 0 x_0 1 0' >> solution.txt\n";
const std::string fraction = std::string(say_optimal) + "echo ' 0 x_0 0.5 0' >> solution.txt\n";
const std::string garbage = "echo 'hello' > solution.txt\n";
const std::string nothing_said = "echo 'Optimal - objective value -24.0' > solution.txt\n";
const std::string impossible_bound =
    "echo 'Lower bound: -10.0'\necho 'Stopped on time - objective value -24.0' > solution.txt\n"
    "echo ' 0 weight 14 0\n 0 x_0 1 0\n 1 x_2 1 0' >> solution.txt\nsed -i s/-24.0/-21.0/ solution.txt\n";
const std::string crash = "kill -SEGV $$\n";

INSTANTIATE_TEST_SUITE_P(Lies, SolverLieTest,
                         ::testing::Values(Lie{too_much.c_str(), "weight"}, Lie{wrong_cost.c_str(), "they cost 85"},
                                           Lie{fraction.c_str(), "0.5"}, Lie{garbage.c_str(), "hello"},
                                           Lie{nothing_said.c_str(), "no values"},
                                           Lie{impossible_bound.c_str(), "nothing is below 90"},
                                           Lie{crash.c_str(), "signal 11"}));

TEST(SolverTest, ASolverThatOverrunsItsTimeIsStopped) {
  const FakeSolver fake(
      "echo 'Lower bound: -30.5'\necho 'Stopped on time (no integer solution - continuous used) - "
      "objective value -30.5' > solution.txt\n");
  const PathGuard path(fake.path());
  const SolverAnswer answer = solve(knapsack(), {.solver = SolverName::cbc}).value();
  EXPECT_EQ(answer.status, SolverStatus::limit);
  EXPECT_TRUE(answer.values.empty());
  EXPECT_EQ(answer.bound, 100 - 30);  // whole costs: nothing is below 69.5
}

TEST(SolverTest, WhoeverLooksMayEndTheSolver) {
  const test::TemporaryFolder folder;
  const FakeSolver solver("echo $$ > " + (folder / "pid").string() + "\nexec sleep 60\n");
  const PathGuard guard(solver.path());
  SolverOptions options{.solver = SolverName::cbc};
  pid_t child = 0;
  options.look = [&] {
    if (std::ifstream(folder / "pid") >> child) {
      throw std::runtime_error("enough");
    }
  };
  EXPECT_THROW(static_cast<void>(solve(knapsack(), options)), std::runtime_error);
  EXPECT_EQ(kill(child, 0), -1) << "process " << child << " is still there";
}

TEST(SolverTest, CbcIsAskedAgainWithoutAggregationWhereItBreaksOff) {
  const FakeSolver fake(
      "case \"$*\" in *aggregate*) kill -ABRT $$;; esac\n"
      "echo 'Optimal - objective value -15.0\n 0 weight 10 0\n 0 x_0 1 0' > solution.txt\n");
  const PathGuard path(fake.path());
  const Result<SolverAnswer> answer = solve(knapsack(), {.solver = SolverName::cbc});
  ASSERT_TRUE(answer.ok()) << answer.error().to_string();
  EXPECT_EQ(answer.value().cost, 85);
}

TEST(SolverTest, MemoryLimitHolds) {
  const FakeSolver fake("ulimit -v > /dev/stderr\n[ $(ulimit -v) = 65536 ] || exit 3\nkill -ABRT $$\n");
  const PathGuard path(fake.path());
  const Result<SolverAnswer> answer = solve(knapsack(), {.solver = SolverName::cbc, .memory_limit_mib = 64});
  ASSERT_FALSE(answer.ok());
  EXPECT_NE(answer.error().message.find("signal 6"), std::string::npos) << answer.error().to_string();
  EXPECT_NE(answer.error().remedy.find("64 MiB"), std::string::npos);
}

TEST(SolverTest, ALibraryIsAskedInPlaceOfAProgramAndChecked) {
  SolverOutput says{.status = SolverStatus::optimal, .version = "1.0", .cost = -21, .values = {{"x_0", 1}, {"x_2", 1}}};
  SolverOptions options{.time_limit_s = 7, .library_name = "mine"};
  double limit_s = 0;
  options.library = [&](const LinearProgram& program, double limit) -> Result<SolverOutput> {
    EXPECT_EQ(program.variables.size(), 5U);
    limit_s = limit;
    return says;
  };
  const Result<SolverAnswer> answer = solve(knapsack(), options);
  ASSERT_TRUE(answer.ok()) << answer.error().to_string();
  EXPECT_EQ(answer.value().solver, "mine 1.0");
  EXPECT_EQ(answer.value().cost, 79);  // 100 - 15 - 6
  EXPECT_EQ(limit_s, 7);
  says.cost = -22;
  EXPECT_EQ(solve(knapsack(), options).error().code, ErrorCode::data_loss);
  says.cost = -21;
  says.values["x_1"] = 1;  // too heavy
  EXPECT_EQ(solve(knapsack(), options).error().code, ErrorCode::data_loss);
  options.library = [](const LinearProgram&, double) -> Result<SolverOutput> {
    return Error{.code = ErrorCode::io, .message = "broken", .file = {}, .line = 0, .remedy = {}};
  };
  EXPECT_EQ(solve(knapsack(), options).error().code, ErrorCode::io);
}

}  // namespace
}  // namespace gpusched::sim
