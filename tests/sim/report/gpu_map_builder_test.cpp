#include "../../../sim/src/report/gpu_map_builder.hpp"

#include <limits>

#include <gtest/gtest.h>

namespace gpusched::sim {
namespace {

constexpr double for_ever = std::numeric_limits<double>::infinity();

std::vector<GpuMap::Node> nodes_of(int count, std::int32_t gpus) {
  std::vector<GpuMap::Node> nodes;
  for (int i = 0; i < count; ++i) {
    nodes.push_back({.name = "node-" + std::to_string(i), .model = "A100-80GB", .gpus = gpus, .units = 8});
  }
  return nodes;
}

TEST(HeldPartsTest, SharesAndInstances) {
  std::vector<HeldPart> parts;
  ASSERT_TRUE(parse_held_parts("3:460|0:1000|2@4+2", parts));
  ASSERT_EQ(parts.size(), 3U);
  EXPECT_EQ(parts[0].gpu, 3);
  EXPECT_EQ(parts[0].size, 460);
  EXPECT_EQ(parts[0].start, -1);
  EXPECT_EQ(parts[2].gpu, 2);
  EXPECT_EQ(parts[2].start, 4);
  EXPECT_EQ(parts[2].size, 2);
  EXPECT_TRUE(parse_held_parts("", parts));
  EXPECT_TRUE(parts.empty());
}

TEST(HeldPartsTest, AnythingElseIsRefused) {
  std::vector<HeldPart> parts;
  for (const char* text : {"3", "3:", ":460", "3@4", "3@4+", "3:460|", "|3:460", "3:460 ", "-1:460", "3:-4", "x:1",
                           "3:4:5", "99999999999:1", "3@4-2"}) {
    EXPECT_FALSE(parse_held_parts(text, parts)) << text;
  }
}

TEST(GpuMapBuilderTest, ASmallClusterIsShownWhole) {
  GpuMapBuilder builder(nodes_of(2, 4), 100, {.map_steps = 11});
  const std::vector<HeldPart> instance = {{.gpu = 3, .start = 4, .size = 2}};
  const std::vector<HeldPart> whole = {{.gpu = 0, .size = 1000}, {.gpu = 1, .size = 1000}};
  builder.add(1, instance, 20, 50, 2, "a");
  builder.add(0, whole, 0, for_ever, 0, "b");
  builder.add(0, whole, 21, 29, 0, "between two steps");
  const GpuMap map = builder.finish();
  EXPECT_EQ(map.all_nodes, 2);
  EXPECT_EQ(map.all_gpus, 8);
  EXPECT_EQ(map.left_out, 2);
  ASSERT_EQ(map.parts.size(), 3U);
  EXPECT_EQ(map.parts[0].job, "b");
  EXPECT_EQ(map.parts[0].gpu, 0U);
  EXPECT_EQ(map.parts[0].end_step, 11U) << "it is there at the end";
  EXPECT_EQ(map.parts[1].gpu, 1U);
  EXPECT_EQ(map.parts[2].gpu, 7U) << "GPUs count on over the nodes";
  EXPECT_EQ(map.parts[2].first_step, 2U);
  EXPECT_EQ(map.parts[2].end_step, 5U) << "at 50 s the place is free";
}

TEST(GpuMapBuilderTest, OfALargeClusterNodesAreSpreadEvenly) {
  std::vector<GpuMap::Node> nodes = nodes_of(1000, 8);
  nodes[0].gpus = 0;  // without GPUs there is nothing to show
  GpuMapBuilder builder(nodes, 100, {.map_gpus = 64});
  int shown = 0;
  for (std::uint32_t i = 0; i < 1000; ++i) {
    shown += builder.shows(i) ? 1 : 0;
  }
  EXPECT_EQ(shown, 8);
  EXPECT_FALSE(builder.shows(0));
  const GpuMap map = builder.finish();
  ASSERT_EQ(map.nodes.size(), 8U);
  EXPECT_EQ(map.nodes[1].name, "node-125");
  EXPECT_EQ(map.all_nodes, 999);
}

TEST(GpuMapBuilderTest, OneNodeMayHaveMoreGpusThanAPage) {
  GpuMapBuilder builder(nodes_of(3, 100), 100, {.map_gpus = 16});
  builder.add(0, std::vector<HeldPart>{{.gpu = 99, .size = 1000}}, 0, for_ever, 0, "hidden");
  builder.add(0, std::vector<HeldPart>{{.gpu = 15, .size = 1000}}, 0, for_ever, 0, "shown");
  const GpuMap map = builder.finish();
  ASSERT_EQ(map.nodes.size(), 1U);
  EXPECT_EQ(map.nodes[0].gpus, 16);
  ASSERT_EQ(map.parts.size(), 1U);
  EXPECT_EQ(map.parts[0].job, "shown");
}

TEST(GpuMapBuilderTest, TooManyPartsLeaveOutNodes) {
  GpuMapBuilder builder(nodes_of(4, 1), 100, {.map_parts = 100, .map_steps = 101});
  for (std::uint32_t node = 0; node < 4; ++node) {
    for (int i = 0; i < 50; ++i) {
      builder.add(node, std::vector<HeldPart>{{.gpu = 0, .size = 1000}}, i, i + 1, 0, "j");
    }
  }
  const GpuMap map = builder.finish();
  ASSERT_EQ(map.nodes.size(), 2U);
  EXPECT_EQ(map.nodes[1].name, "node-2");
  EXPECT_EQ(map.parts.size(), 100U);
  EXPECT_EQ(map.parts.back().gpu, 1U);
}

TEST(GpuMapBuilderTest, OneGpuWithTooManyPartsIsCutShort) {
  GpuMapBuilder builder(nodes_of(1, 2), 100, {.map_parts = 10, .map_steps = 101});
  for (int i = 0; i < 50; ++i) {
    builder.add(0, std::vector<HeldPart>{{.gpu = 0, .size = 10}}, i, for_ever, 1, "j");
  }
  const GpuMap map = builder.finish();
  EXPECT_EQ(map.nodes[0].gpus, 1);
  EXPECT_EQ(map.parts.size(), 10U);
  EXPECT_EQ(map.left_out, 40);
}

TEST(GpuMapBuilderTest, LongNamesAreShortened) {
  GpuMapBuilder builder(nodes_of(1, 1), 100, {.name_characters = 3});
  const std::vector<HeldPart> whole = {{.gpu = 0, .size = 1000}};
  builder.add(0, whole, 0, 100, 0, "\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f");
  builder.add(0, whole, 0, 100, 0, std::string(100, '\x80'));
  builder.add(0, whole, 0, 100, 0, "abc");
  const GpuMap map = builder.finish();
  EXPECT_EQ(map.parts[0].job, "\xc3\xa4\xc3\xb6\xc3\xbc\xe2\x80\xa6");
  EXPECT_LT(map.parts[1].job.size(), 16U);
  EXPECT_EQ(map.parts[2].job, "abc");
}

TEST(GpuMapBuilderTest, ARunWithoutTimeHasOneMoment) {
  GpuMapBuilder builder(nodes_of(1, 1), 0, {});
  builder.add(0, std::vector<HeldPart>{{.gpu = 0, .size = 1000}}, 0, for_ever, 0, "j");
  EXPECT_EQ(builder.finish().parts.size(), 1U);
}

}  // namespace
}  // namespace gpusched::sim
