#include "gpusched/io/perf_constants_json.hpp"

#include <string>

#include <gtest/gtest.h>

namespace gpusched {
namespace {

TEST(PerfConstantsJsonTest, WhatIsWrittenIsReadTheSame) {
  PerfConstants constants;
  constants.switch_tax = 0.1234567890123;
  constants.time_slice_ms = 5;
  EXPECT_EQ(read_perf_constants(write_perf_constants(constants), "c.json").value(), constants);
}

TEST(PerfConstantsJsonTest, ConstantsThatAreNotNamedKeepTheirDefault) {
  const Result<PerfConstants> read =
      read_perf_constants(R"({"version": 1, "constants": {"switch_tax": 0.2}})", "c.json");
  ASSERT_TRUE(read.ok()) << read.error().to_string();
  PerfConstants expected;
  expected.switch_tax = 0.2;
  EXPECT_EQ(read.value(), expected);
}

TEST(PerfConstantsJsonTest, ErrorsNameFileAndConstant) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"version": 1, "constants": {"swich_tax": 0.2}})", "unknown field \"swich_tax\""},
      {R"({"version": 1, "constants": {"switch_tax": -1}})", "constant switch_tax is -1"},
      {R"({"version": 1, "constants": {"switch_tax": "0.2"}})", "constants.switch_tax is \"0.2\", not a number"},
      {R"({"version": 9, "constants": {}})", "version is 9"},
      {R"({"version": 1})", "no field constants"},
      {R"({"version": 1, "constants": [)", "not JSON"},
  };
  for (const auto& [text, expected] : cases) {
    const Result<PerfConstants> read = read_perf_constants(text, "c.json");
    ASSERT_FALSE(read.ok()) << text;
    EXPECT_NE(read.error().to_string().find(expected), std::string::npos) << read.error().to_string();
    EXPECT_EQ(read.error().file, "c.json");
  }
}

}  // namespace
}  // namespace gpusched
