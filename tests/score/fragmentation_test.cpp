#include "gpusched/score/fragmentation.hpp"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "gpusched/base/philox.hpp"
#include "gpusched/filter/request_filter.hpp"

#include "cluster_builders.hpp"

namespace gpusched {
namespace {

using namespace test;

NodeState node_with(std::int64_t cpu_milli, std::initializer_list<int> free_milli, const char* model = "T4") {
  NodeState node;
  node.cpu_free_milli = cpu_milli;
  for (const int free : free_milli) {
    GpuState gpu;
    gpu.model = static_cast<std::uint16_t>(model_named(model).value);
    gpu.free_milli = static_cast<std::uint16_t>(free);
    node.gpus.push_back(gpu);
  }
  return node;
}

/// FGD's F, class by class as the paper writes it.
std::int64_t naive_fragment(const DemandMix& mix, const NodeState& node) {
  std::int64_t sum = 0;
  for (const DemandClass& entry : mix.classes) {
    const GpuRequest& request = entry.request;
    const bool allowed = !node.gpus.empty() && model_allowed(request.gpu_models, GpuModelId{node.gpus[0].model});
    int fitting = 0;
    std::int64_t all = 0, too_small = 0;
    for (const GpuState& gpu : node.gpus) {
      const std::int64_t free = gpu.mig_occupancy == 0 ? gpu.free_milli : 0;
      all += free;
      fitting += free >= request.gpu_milli ? 1 : 0;
      too_small += free >= request.gpu_milli ? 0 : free;
    }
    const bool fits =
        request.num_gpu > 0 && allowed && fitting >= request.num_gpu && node.cpu_free_milli >= request.cpu_milli;
    sum += entry.count * (fits ? too_small : all);
  }
  return sum;
}

TEST(FragmentationTest, HandComputedCases) {
  // Three of four tasks want a whole GPU, one wants 300 milli; none wants CPUs.
  DemandMix mix;
  mix.classes = {{.request = whole_request(1), .count = 3}, {.request = share_request(300), .count = 1}};
  const FragmentationModel model(mix);
  EXPECT_EQ(model.total_weight(), 4);
  EXPECT_EQ(model.weighted_fragment(node_with(1000, {1000})), 0);
  EXPECT_EQ(model.weighted_fragment(node_with(1000, {500})), 3 * 500) << "too small for a whole GPU only";
  EXPECT_EQ(model.weighted_fragment(node_with(1000, {200})), 4 * 200) << "too small for everybody";
  EXPECT_EQ(model.weighted_fragment(node_with(1000, {1000, 500})), 3 * 500) << "the idle GPU serves, the rest is lost";
  EXPECT_EQ(model.weighted_fragment(node_with(1000, {0, 0})), 0) << "nothing free, nothing lost";
  EXPECT_EQ(model.weighted_fragment(node_with(1000, {})), 0);
}

TEST(FragmentationTest, CpuThatIsMissingStrandsTheGpu) {
  GpuRequest hungry = whole_request(1);
  hungry.cpu_milli = 8000;
  DemandMix mix;
  mix.classes = {{.request = hungry, .count = 2}, {.request = whole_request(1), .count = 1}};
  const FragmentationModel model(mix);
  EXPECT_EQ(model.weighted_fragment(node_with(8000, {1000})), 0);
  EXPECT_EQ(model.weighted_fragment(node_with(7999, {1000})), 2 * 1000);
}

TEST(FragmentationTest, CpuOnlyTasksAndForeignModelsCannotUseAnyGpu) {
  GpuRequest foreign = share_request(100);
  foreign.gpu_models = {"A100-80GB"};
  DemandMix mix;
  mix.classes = {{.request = cpu_request(1000), .count = 5}, {.request = foreign, .count = 2}};
  const FragmentationModel model(mix);
  EXPECT_EQ(model.weighted_fragment(node_with(100'000, {600})), 7 * 600);
  EXPECT_EQ(model.weighted_fragment(node_with(100'000, {600}, "A100-80GB")), 5 * 600);
  EXPECT_NE(model.cpu_step(999), model.cpu_step(1000)) << "the published sum adds them up in another order";
}

TEST(FragmentationTest, MultiGpuTasksNeedEnoughDevices) {
  DemandMix mix;
  mix.classes = {{.request = whole_request(2), .count = 1}};
  const FragmentationModel model(mix);
  EXPECT_EQ(model.weighted_fragment(node_with(0, {1000})), 1000);
  EXPECT_EQ(model.weighted_fragment(node_with(0, {1000, 1000})), 0);
  EXPECT_EQ(model.weighted_fragment(node_with(0, {1000, 1000, 400})), 400);
}

class FragmentationRandomTest : public ::testing::TestWithParam<std::uint64_t> {
 protected:
  static DemandMix random_mix(Philox& draws) {
    DemandMix mix;
    const std::uint32_t classes = 1 + draws.next_below(90);
    for (std::uint32_t i = 0; i < classes; ++i) {
      GpuRequest request;
      switch (draws.next_below(4)) {
        case 0:
          break;
        case 1:
          request = whole_request(static_cast<std::int32_t>(1 + draws.next_below(8)));
          break;
        default:
          request = share_request(static_cast<std::int32_t>(1 + draws.next_below(999)));
      }
      request.cpu_milli = 500 * draws.next_below(40);
      if (request.num_gpu > 0 && draws.next_below(3) == 0) {
        request.gpu_models =
            draws.next_below(2) == 0 ? std::vector<std::string>{"T4"} : std::vector<std::string>{"A100-80GB", "P100"};
      }
      mix.classes.push_back({.request = request, .count = 1 + draws.next_below(100)});
    }
    return mix;
  }
  static NodeState random_node(Philox& draws) {
    NodeState node = node_with(500 * draws.next_below(50), {});
    const auto model = static_cast<std::uint16_t>(model_named(draws.next_below(2) == 0 ? "T4" : "A100-80GB").value);
    const std::uint32_t gpus = draws.next_below(9);
    for (std::uint32_t i = 0; i < gpus; ++i) {
      GpuState gpu;
      gpu.model = model;
      gpu.free_milli = static_cast<std::uint16_t>(draws.next_below(3) == 0 ? 1000 : draws.next_below(1001));
      gpu.mig_occupancy = static_cast<std::uint16_t>(draws.next_below(8) == 0 ? 1 : 0);
      node.gpus.push_back(gpu);
    }
    return node;
  }
};

TEST_P(FragmentationRandomTest, DependsOnTheCpuStepTheModelAndTheSharesToTheLastBit) {
  Philox draws(GetParam(), StreamPurpose::request);
  for (int round = 0; round < 40; ++round) {
    const FragmentationModel model(random_mix(draws));
    const NodeState node = random_node(draws);
    NodeState other = node;
    other.cpu_free_milli += 499;  // requests are multiples of 500
    std::reverse(other.gpus.begin(), other.gpus.end());
    ASSERT_EQ(model.cpu_step(other.cpu_free_milli), model.cpu_step(node.cpu_free_milli));
    EXPECT_EQ(model.weighted_fragment(other), model.weighted_fragment(node));
    EXPECT_EQ(model.fragment_as_published(other), model.fragment_as_published(node));
  }
}

TEST_P(FragmentationRandomTest, EqualsTheSumClassByClass) {
  Philox draws(GetParam(), StreamPurpose::request);
  for (int round = 0; round < 40; ++round) {
    const DemandMix mix = random_mix(draws);
    const FragmentationModel model(mix);
    for (int i = 0; i < 25; ++i) {
      const NodeState node = random_node(draws);
      ASSERT_EQ(model.weighted_fragment(node), naive_fragment(mix, node)) << text_of(node);
    }
  }
}

TEST_P(FragmentationRandomTest, ThePublishedSumDiffersInRoundingOnly) {
  Philox draws(GetParam(), StreamPurpose::request, 1);
  for (int round = 0; round < 40; ++round) {
    const DemandMix typical = typical_classes(random_mix(draws), round % 2 == 0 ? 95 : 100);
    const FragmentationModel model(typical);
    for (int i = 0; i < 25; ++i) {
      const NodeState node = random_node(draws);
      const double exact =
          static_cast<double>(model.weighted_fragment(node)) / static_cast<double>(model.total_weight());
      ASSERT_NEAR(model.fragment_as_published(node), exact, 1e-9) << text_of(node);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, FragmentationRandomTest, ::testing::Values(1, 2, 3));

}  // namespace
}  // namespace gpusched
