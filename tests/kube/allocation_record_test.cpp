#include "gpusched/kube/allocation_record.hpp"

#include <gtest/gtest.h>

namespace gpusched {
namespace {

AllocationRecord parsed(const std::string& text) {
  const auto record = parse_allocation(text);
  EXPECT_TRUE(record.ok()) << (record.ok() ? "" : record.error().to_string());
  EXPECT_TRUE(record.ok() && record.value().has_value());
  return record.ok() && record.value() ? *record.value() : AllocationRecord{};
}

TEST(AllocationRecordTest, IsReadAsItIsWritten) {
  const std::vector<AllocationRecord> records = {
      {},
      {.node = "n1", .resource = "nvidia.com/gpu", .count = 2, .mode = "whole", .parts = {{.gpu = 0}, {.gpu = 3}}},
      {.node = "n;=%1\n", .resource = "r", .count = 1, .mode = "", .parts = {}},
      {.node = "n1",
       .resource = "nvidia.com/mig-1g.10gb.me",
       .count = 3,
       .mode = "mig",
       .parts = {{.gpu = 0, .mig_profile = "1g.10gb+me", .start = 4},
                 {.gpu = 1, .mig_profile = "1g.10gb-me"},
                 {.gpu = 2, .mig_profile = "1g.10gb+me.all", .start = 0, .share_milli = 333, .memory_mib = 3000},
                 {.gpu = 5, .mig_profile = "1g.10gb", .start = -1, .share_milli = 0, .memory_mib = 7}}},
      {.node = "n1",
       .resource = "r",
       .count = 1,
       .mode = "mps",
       .parts = {{.gpu = 2, .share_milli = 500, .memory_mib = 8192}}}};
  for (const AllocationRecord& record : records) {
    EXPECT_EQ(parsed(format_allocation(record)), record) << format_allocation(record);
  }
  EXPECT_EQ(format_allocation(records[1]), "v1;node=n1;resource=nvidia.com/gpu;count=2;mode=whole;parts=0,3");
  EXPECT_EQ(format_allocation(records[4]), "v1;node=n1;resource=r;count=1;mode=mps;parts=2*500+8192Mi");
}

TEST(AllocationRecordTest, GrowsWithoutANewVersion) {
  const AllocationRecord record = parsed("v1;later=%3b;count=2;node=n");
  EXPECT_EQ(record.node, "n");
  EXPECT_EQ(record.count, 2);
}

TEST(AllocationRecordTest, AnotherVersionIsAdoptedByCount) {
  for (const std::string text : {"v2", "v2;anything at all", "v10;node"}) {
    const auto record = parse_allocation(text);
    ASSERT_TRUE(record.ok()) << text;
    EXPECT_FALSE(record.value().has_value());
  }
}

TEST(AllocationRecordTest, MalformedTextsNameTheField) {
  const auto message = [](const std::string& text) {
    const auto record = parse_allocation(text);
    EXPECT_FALSE(record.ok()) << text;
    return record.ok() ? std::string() : record.error().message;
  };
  EXPECT_NE(message("").find("version"), std::string::npos);
  EXPECT_NE(message("{}").find("version"), std::string::npos);
  EXPECT_NE(message("v1x;node=n").find("version"), std::string::npos);
  EXPECT_EQ(message("v1;count=-1"), "count is '-1'");
  EXPECT_EQ(message("v1;count=1x"), "count is '1x'");
  EXPECT_EQ(message("v1;count=99999999999999999999"), "count is '99999999999999999999'");
  EXPECT_EQ(message("v1;node"), "'node' is no KEY=VALUE");
  EXPECT_EQ(message("v1;"), "'' is no KEY=VALUE");
  EXPECT_EQ(message("v1;node=a%2"), "'node=a%2' is no KEY=VALUE");
  for (const std::string part :
       {"x", "-1", "70000", "0:", "0:1g@", "0:1g@x", "0*0", "0*1001", "0+5", "0+0Mi", "0 ", "0:1g@4 "}) {
    EXPECT_EQ(message("v1;parts=" + part), "parts is '" + part + "'");
  }
}

TEST(AllocationRecordTest, DecisionNotes) {
  const DecisionNote note = {.mode = "mig", .resource = "nvidia.com/mig-1g.10gb", .reason = "fits; 100 % isolated\n"};
  const std::string text = format_decision(note);
  EXPECT_EQ(text, "v1;mode=mig;resource=nvidia.com/mig-1g.10gb;reason=fits%3B 100 %25 isolated%0A");
  EXPECT_EQ(parse_decision(text).value(), note);
  EXPECT_EQ(parse_decision(format_decision({})).value(), DecisionNote{});
  EXPECT_FALSE(parse_decision("v7;x").value().has_value());
  EXPECT_FALSE(parse_decision("because").ok());
}

}  // namespace
}  // namespace gpusched
