#include "gpusched/perf/perf_constants.hpp"

#include <limits>
#include <set>
#include <string>

#include <gtest/gtest.h>

namespace gpusched {
namespace {

TEST(PerfConstantsTest, TheTableHasEveryConstantOnce) {
  std::set<std::string_view> names;
  PerfConstants seen;
  for (const PerfConstantInfo& row : perf_constant_table()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    seen.*row.member = -1;
  }
  EXPECT_EQ(names.size() * sizeof(double), sizeof(PerfConstants)) << "a constant without a row";
  for (const PerfConstantInfo& row : perf_constant_table()) {
    EXPECT_EQ(seen.*row.member, -1);
  }
}

TEST(PerfConstantsTest, ChecksEveryRange) {
  EXPECT_TRUE(check_perf_constants(PerfConstants{}).ok());
  for (const PerfConstantInfo& row : perf_constant_table()) {
    for (const double wrong : {row.least - 1e-3, row.most * 2 + 1, std::numeric_limits<double>::quiet_NaN()}) {
      PerfConstants constants;
      constants.*row.member = wrong;
      const Status status = check_perf_constants(constants);
      ASSERT_FALSE(status.ok()) << row.name << " " << wrong;
      EXPECT_NE(status.error().message.find(row.name), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace gpusched
