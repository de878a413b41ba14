#include "gpusched/kube/quantity.hpp"

#include <limits>

#include <gtest/gtest.h>

namespace gpusched {
namespace {

TEST(QuantityTest, CpuInMilli) {
  EXPECT_EQ(parse_cpu_milli("2").value(), 2000);
  EXPECT_EQ(parse_cpu_milli("500m").value(), 500);
  EXPECT_EQ(parse_cpu_milli("0.1").value(), 100);
  EXPECT_EQ(parse_cpu_milli("1.5").value(), 1500);
  EXPECT_EQ(parse_cpu_milli("100u").value(), 1);      // rounded up
  EXPECT_EQ(parse_cpu_milli("1500001n").value(), 2);  // 1.500001 milli
  EXPECT_EQ(parse_cpu_milli("1k").value(), 1'000'000);
  EXPECT_EQ(parse_cpu_milli("+1e2").value(), 100'000);
  EXPECT_EQ(parse_cpu_milli("0").value(), 0);
}

TEST(QuantityTest, MemoryInMibRoundedUp) {
  EXPECT_EQ(parse_memory_mib("1Gi").value(), 1024);
  EXPECT_EQ(parse_memory_mib("1.5Gi").value(), 1536);
  EXPECT_EQ(parse_memory_mib("1G").value(), 954);
  EXPECT_EQ(parse_memory_mib("128974848").value(), 123);
  EXPECT_EQ(parse_memory_mib("1").value(), 1);
  EXPECT_EQ(parse_memory_mib("1048577").value(), 2);
  EXPECT_EQ(parse_memory_mib("129e6").value(), 124);
  EXPECT_EQ(parse_memory_mib("64Ki").value(), 1);
  EXPECT_EQ(parse_memory_mib("2Ti").value(), 2 * 1024 * 1024);
  EXPECT_EQ(parse_memory_mib("1Pi").value(), 1024 * 1024 * 1024);
  EXPECT_EQ(parse_memory_mib("8Ei").value(), std::int64_t{8} << 40);
  EXPECT_EQ(parse_memory_mib("400m").value(), 1);
}

TEST(QuantityTest, BytesAndCounts) {
  EXPECT_EQ(parse_bytes("1Ki").value(), 1024);
  EXPECT_EQ(parse_bytes("0.5").value(), 1);
  EXPECT_EQ(parse_count("8").value(), 8);
  EXPECT_EQ(parse_count("2000m").value(), 2);
  EXPECT_FALSE(parse_count("500m").ok());
  EXPECT_FALSE(parse_count("1.5").ok());
  EXPECT_EQ(mib_of_bytes(0), 0);
  EXPECT_EQ(mib_of_bytes(1), 1);
  EXPECT_EQ(mib_of_bytes(1 << 20), 1);
}

TEST(QuantityTest, OtherTextsAreErrorsThatNameThem) {
  for (const char* const text : {"", "Gi", "-1", "1 Gi", "1gi", "1KiB", "1e", "1e999", "0x1", "1.2.3", "9Ei9", "nan",
                                 "99999999999999999999", "9999999999E", ".", "1mm", "1e-"}) {
    const auto parsed = parse_bytes(text);
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::invalid_argument);
    EXPECT_NE(parsed.error().message.find(std::string("'") + text + "'"), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace gpusched
