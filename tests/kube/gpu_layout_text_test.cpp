#include "gpusched/kube/gpu_layout_text.hpp"

#include <gtest/gtest.h>

#include "reshape/layout_builders.hpp"

namespace gpusched {
namespace {

using namespace test;

TEST(GpuLayoutTextTest, ReadsShortAndFullNamesInAnyOrder) {
  const GpuModelId model = model_named("A100-80GB");
  const GpuLayout layout = parse_gpu_layout(model, " 3g.40gb@4, 1g@0,1g.20gb@2 ", "1g@0", "1g.20gb@2").value();
  GpuLayout expected = empty_gpu(model);
  place(expected, "1g.10gb", 0, PartitionUse::pinned, 0);
  place(expected, "1g.20gb", 2, PartitionUse::idle);
  place(expected, "3g.40gb", 4, PartitionUse::movable, 2);
  EXPECT_EQ(layout, expected);
  EXPECT_TRUE(parse_instances(model, "").value().empty());
}

TEST(GpuLayoutTextTest, ShortNamesMeanTheProfileOfLeastMemoryWithoutLabel) {
  const GpuModelId model = model_named("A100-80GB");
  EXPECT_EQ(parse_profile(model, "1g").value(), find_mig_profile(model, "1g.10gb").value());
  EXPECT_EQ(parse_profile(model, "7g").value(), find_mig_profile(model, "7g.80gb").value());
  EXPECT_EQ(parse_profile(model, "1g.10gb.me").value(), find_mig_profile(model, "1g.10gb+me").value());
}

TEST(GpuLayoutTextTest, BadInputIsNamed) {
  const GpuModelId model = model_named("A100-80GB");
  const struct {
    const char* text;
    const char* named;
  } cases[] = {{"1g", "'1g'"},         {"1g@", "'1g@'"},          {"1g@x", "'1g@x'"},
               {"1g@1x", "'1g@1x'"},   {"@1", "A100-80GB"},       {"1g@-1", "'1g@-1'"},
               {"1g@0,,1g@1", "''"},   {"3g@1", "'3g@1'"},        {"5g@0", "5g"},
               {"1g@7", "'1g@7'"},     {"4g@0,1g@3", "overlaps"}, {"1g@99999999999", "PROFILE@START"},
               {"1g@0@1", "'1g@0@1'"}, {"1g@0;3g@4", "@0;3g"},    {"0g@0", "0g"},
               {"-1g@0", "-1g"}};
  for (const auto& [text, named] : cases) {
    const auto parts = parse_instances(model, text);
    ASSERT_FALSE(parts.ok()) << text;
    EXPECT_NE(parts.error().to_string().find(named), std::string::npos) << parts.error().to_string();
  }
  EXPECT_NE(parse_instances(model, "3g@1").error().remedy.find("0, 4"), std::string::npos);
  EXPECT_FALSE(parse_instances(model_named("T4-16GB"), "1g@0").ok());
}

TEST(GpuLayoutTextTest, PinnedAndIdleOnesMustBeThere) {
  const GpuModelId model = model_named("A100-80GB");
  EXPECT_NE(parse_gpu_layout(model, "1g@0", "1g@1", "").error().message.find("1g.10gb@1"), std::string::npos);
  EXPECT_NE(parse_gpu_layout(model, "1g@0", "1g@0", "1g@0").error().message.find("twice"), std::string::npos);
  EXPECT_FALSE(parse_gpu_layout(model, "1g@0", "x", "").ok());
}

}  // namespace
}  // namespace gpusched
