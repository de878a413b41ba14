#include "gpusched/score/demand_shape.hpp"

#include <algorithm>
#include <functional>
#include <initializer_list>
#include <vector>

#include <gtest/gtest.h>

#include "gpusched/base/philox.hpp"

namespace gpusched {
namespace {

FreeShares node_with(std::int32_t cpu_milli, std::initializer_list<std::uint16_t> free_milli) {
  FreeShares node;
  node.cpu_milli = cpu_milli;
  node.gpu_count = static_cast<std::uint16_t>(free_milli.size());
  std::copy(free_milli.begin(), free_milli.end(), node.free_milli.begin());
  return node;
}

TEST(DemandShapeTest, AShareLeavesItsRestInOrder) {
  const FreeShares node = node_with(10'000, {1000, 700, 700, 400});
  const DemandShape shape{.cpu_milli = 2000, .num_gpu = 1, .gpu_milli = 350};
  EXPECT_EQ(after_request(node, shape, 700), node_with(8000, {1000, 700, 400, 350}));
  EXPECT_EQ(after_request(node, shape, 1000), node_with(8000, {700, 700, 650, 400}));
  EXPECT_EQ(after_request(node, shape, 400), node_with(8000, {1000, 700, 700, 50}));
}

TEST(DemandShapeTest, WholeGpusAreIdleOnesAndSeveralSharesGoToTheTightest) {
  const FreeShares node = node_with(10'000, {1000, 1000, 1000, 600, 500});
  EXPECT_EQ(after_request(node, {.cpu_milli = 0, .num_gpu = 2, .gpu_milli = 1000}, 0),
            node_with(10'000, {1000, 600, 500, 0, 0}));
  EXPECT_EQ(after_request(node, {.cpu_milli = 0, .num_gpu = 3, .gpu_milli = 500}, 0),
            node_with(10'000, {1000, 1000, 500, 100, 0}));
  EXPECT_EQ(after_request(node, {.cpu_milli = 4000, .num_gpu = 0, .gpu_milli = 0}, 0),
            node_with(6000, {1000, 1000, 1000, 600, 500}));
}

TEST(DemandShapeTest, ShapesAreNumberedOnce) {
  DemandShapes shapes;
  EXPECT_EQ(shapes.index_of({1000, 1, 500}), 0U);
  EXPECT_EQ(shapes.index_of({2000, 1, 500}), 1U);
  EXPECT_EQ(shapes.index_of({1000, 2, 500}), 2U);
  EXPECT_EQ(shapes.index_of({1000, 1, 500}), 0U);
  EXPECT_EQ(shapes.size(), 3U);
  EXPECT_EQ(shapes[1].cpu_milli, 2000);
}

/// Serves the request as often as it fits, up to 255 times.
int served(FreeShares node, const DemandShape& shape) {
  for (int count = 0;; ++count) {
    const auto gpus_end = node.free_milli.begin() + node.gpu_count;
    const bool enough_gpus = std::count_if(node.free_milli.begin(), gpus_end, [&](std::uint16_t free) {
                               return free >= shape.gpu_milli;
                             }) >= shape.num_gpu;
    if (count == 255 || node.cpu_milli < shape.cpu_milli || (shape.num_gpu > 0 && !enough_gpus)) {
      return count;
    }
    node = after_request(node, shape, node.free_milli[0]);
  }
}

TEST(DemandShapeTest, FittingIsHowOftenARequestCanBeServed) {
  DemandShapes shapes;
  for (const std::int32_t cpu_milli : {0, 1000, 3000}) {
    shapes.index_of({cpu_milli, 0, 0});
    shapes.index_of({cpu_milli, 1, 1000});
    shapes.index_of({cpu_milli, 3, 1000});
    for (const std::int32_t gpu_milli : {1, 90, 250, 470}) {
      shapes.index_of({cpu_milli, 1, gpu_milli});
    }
  }
  Philox draws(1, StreamPurpose::request);
  std::vector<std::uint8_t> counts;
  for (int round = 0; round < 200; ++round) {
    FreeShares node;
    node.cpu_milli = static_cast<std::int32_t>(draws.next_below(64'000));
    node.gpu_count = static_cast<std::uint16_t>(draws.next_below(9));
    for (int i = 0; i < node.gpu_count; ++i) {
      node.free_milli[static_cast<std::size_t>(i)] =
          static_cast<std::uint16_t>(std::min(draws.next_below(2000), 1000U));
    }
    std::sort(node.free_milli.begin(), node.free_milli.begin() + node.gpu_count, std::greater<>());
    counts.clear();
    shapes.append_fitting(node, counts);
    ASSERT_EQ(counts.size(), shapes.padded_size());
    for (std::uint32_t i = 0; i < shapes.size(); ++i) {
      ASSERT_EQ(int{counts[i]}, served(node, shapes[i])) << "shape " << i << ", round " << round;
    }
  }
}

}  // namespace
}  // namespace gpusched
