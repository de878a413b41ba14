#include "gpusched/kube/gpu_layout_annotation.hpp"

#include <gtest/gtest.h>

#include "gpusched/model/gpu_catalog.hpp"

namespace gpusched {
namespace {

const GpuModelId a100 = find_gpu_model("A100-80GB").value();
const GpuModelId t4 = find_gpu_model("Tesla-T4").value();

TEST(GpuLayoutAnnotationTest, IsWrittenAsItIsRead) {
  for (const std::string text : {"", "0:", "0:off", "0:1g.10gb@0,3g.40gb@4;1:;2:off;7:7g.80gb@0"}) {
    const auto parsed = parse_gpu_layout_annotation(a100, text);
    ASSERT_TRUE(parsed.ok()) << parsed.error().to_string();
    EXPECT_EQ(format_gpu_layout_annotation(a100, parsed.value()), text);
  }
  const auto unordered = parse_gpu_layout_annotation(a100, "1:off;0:3g@4,1g.10gb@0;");
  ASSERT_TRUE(unordered.ok()) << unordered.error().to_string();
  EXPECT_EQ(format_gpu_layout_annotation(a100, unordered.value()), "0:1g.10gb@0,3g.40gb@4;1:off");
}

TEST(GpuLayoutAnnotationTest, RefusesWhatCannotBe) {
  for (const std::string text : {"x", ":", "0", "-1:off", "1024:off", "0:off;0:off", "0:on", "0:1g.10gb@9",
                                 "0:3g.40gb@0,4g.40gb@0", "0:1g.10gb", "0:off,", ";0:off"}) {
    const auto parsed = parse_gpu_layout_annotation(a100, text);
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_FALSE(parsed.error().message.empty());
  }
  EXPECT_EQ(parse_gpu_layout_annotation(t4, "0:1g.10gb@0").error().code, ErrorCode::unsupported);
  EXPECT_TRUE(parse_gpu_layout_annotation(t4, "0:off").ok());
}

}  // namespace
}  // namespace gpusched
