#include <gtest/gtest.h>

#include "gpusched/sim/readers/gtf.hpp"

namespace gpusched::sim {
namespace {

/// The reader's view of one submit_s; nullopt when the row is rejected.
std::optional<TimeNs> read_time(const std::string& text) {
  ReadOutcome outcome;
  const Status status = read_gtf_csv("id,kind,submit_s,num_gpu\nj,pod," + text + ",0\n", "jobs.csv", outcome);
  EXPECT_TRUE(status.ok());
  return outcome.trace.jobs.empty() ? std::nullopt : std::optional(outcome.trace.jobs[0].submit_ns);
}

TEST(NumberTextTest, SecondsBecomeExactNanoseconds) {
  EXPECT_EQ(read_time("0"), 0);
  EXPECT_EQ(read_time("1"), 1'000'000'000);
  EXPECT_EQ(read_time("0.1"), 100'000'000);
  EXPECT_EQ(read_time("12.000000001"), 12'000'000'001);
  EXPECT_EQ(read_time("1700000000.123456789"), 1'700'000'000'123'456'789);
  EXPECT_EQ(read_time("1700000000.1234567890000"), 1'700'000'000'123'456'789);
  EXPECT_EQ(read_time("1e-9"), 1);
  EXPECT_EQ(read_time("2.5e3"), 2'500'000'000'000);
  EXPECT_EQ(read_time(".5"), 500'000'000);
  EXPECT_EQ(read_time("3000000000"), 3'000'000'000'000'000'000);
  EXPECT_EQ(read_time("-0"), 0);
}

TEST(NumberTextTest, OtherTextsAreRejected) {
  for (const char* const text :
       {"-1", "x", "1x", "1.2.3", "0.0000000001", "3000000000.000000001", "99999999999999999999", "1e99", "1e", "e5",
        ".", "-", " 1", "1 ", "nan", "inf", "0x10", "1e-99"}) {
    EXPECT_EQ(read_time(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace gpusched::sim
