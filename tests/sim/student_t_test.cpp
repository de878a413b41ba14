#include "gpusched/sim/student_t.hpp"

#include <gtest/gtest.h>

namespace gpusched::sim {
namespace {

// Quantiles from any printed table of Student's t.
TEST(StudentTTest, TailsAreThoseOfTheTables) {
  EXPECT_NEAR(student_t_upper_tail(12.706, 1), 0.025, 1e-6);
  EXPECT_NEAR(student_t_upper_tail(2.920, 2), 0.05, 3e-5);
  EXPECT_NEAR(student_t_upper_tail(2.353, 3), 0.05, 3e-5);
  EXPECT_NEAR(student_t_upper_tail(2.365, 7), 0.025, 3e-5);
  EXPECT_NEAR(student_t_upper_tail(3.250, 9), 0.005, 3e-5);
  EXPECT_NEAR(student_t_upper_tail(1.984, 100), 0.025, 1e-4);
}

TEST(StudentTTest, TailsOfBothSidesSumToOne) {
  for (const int degrees : {1, 2, 5, 30}) {
    EXPECT_DOUBLE_EQ(student_t_upper_tail(0, degrees), 0.5);
    EXPECT_DOUBLE_EQ(student_t_upper_tail(-1.3, degrees) + student_t_upper_tail(1.3, degrees), 1);
  }
}

TEST(StudentTTest, QuantilesInvertTheTail) {
  EXPECT_NEAR(student_t_two_sided(0.95, 1), 12.7062, 1e-4);
  EXPECT_NEAR(student_t_two_sided(0.95, 10), 2.2281, 1e-4);
  EXPECT_NEAR(student_t_two_sided(0.99, 4), 4.6041, 1e-4);
}

}  // namespace
}  // namespace gpusched::sim
