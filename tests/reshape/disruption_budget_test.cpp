#include "gpusched/reshape/disruption_budget.hpp"

#include <gtest/gtest.h>

namespace gpusched {
namespace {

TEST(DisruptionBudgetTest, LimitsPlansAndWindows) {
  DisruptionBudget budget({.most_pods_per_plan = 3, .most_pods_per_window = 5, .window_ns = 100});
  EXPECT_EQ(budget.pods_left(0), 3);
  budget.add_moved(0, 3);
  EXPECT_EQ(budget.pods_left(10), 2);
  budget.add_moved(10, 2);
  EXPECT_EQ(budget.pods_left(99), 0);
  EXPECT_EQ(budget.pods_left(100), 3) << "the first three have left the window";
  budget.add_moved(100, 9);
  EXPECT_EQ(budget.pods_left(105), 0);
  EXPECT_EQ(budget.pods_left(200), 3);
}

}  // namespace
}  // namespace gpusched
