#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "gpusched/engine/engine.hpp"
#include "gpusched/model/gpu_catalog.hpp"

namespace gpusched {
namespace {

GpuRequest request(std::int32_t num_gpu, std::int32_t gpu_milli) {
  GpuRequest r;
  r.cpu_milli = 4000;
  r.memory_mib = 1024;
  r.num_gpu = num_gpu;
  r.gpu_milli = gpu_milli;
  return r;
}

/// Places a fixed sequence of requests on six nodes with these names and tells, per node state, what it ended with.
std::multimap<std::int64_t, std::size_t> outcome(const std::vector<std::string>& names, const char* policy) {
  Engine engine = Engine::create({.policy = {.name = policy, .parameters = {}},
                                  .seed = 1,
                                  .target = {.classes = {{.request = request(8, 1000), .count = 1},
                                                         {.request = request(1, 1000), .count = 10},
                                                         {.request = request(1, 470), .count = 10}},
                                             .population = 0},
                                  .preemption = true})
                      .value();
  for (std::size_t i = 0; i < names.size(); ++i) {
    NodeSpec node;
    node.name = names[i];
    node.cpu_milli = 64'000;
    node.memory_mib = 262'144;
    node.gpus.assign(8, {.model = find_gpu_model("T4").value(), .memory_mib = 16'384});
    EXPECT_TRUE(engine.observe({0, NodeAdded{node}}).ok());
  }
  std::vector<Action> actions;
  for (std::uint32_t i = 0; i < 40; ++i) {
    const RequestClassId kind = engine.intern(i % 2 == 0 ? request(1, 470) : request(1, 1000));
    EXPECT_TRUE(engine.observe({i, PodSubmitted{PodId{i}, kind, 0}}).ok());
    const Decision decision = engine.decide(kind, i);
    if (candidate_of(decision) != nullptr) {
      EXPECT_TRUE(engine.commit(PodId{i}, decision, i, actions).ok());
    }
  }
  std::multimap<std::int64_t, std::size_t> ends;
  for (const Node& node : engine.state().nodes()) {
    ends.emplace(node.state.free_gpu_milli(), node.pods.size());
  }
  return ends;
}

class PlaceableTest : public ::testing::TestWithParam<const char*> {};

TEST_P(PlaceableTest, NamesOfNodesPlayNoPart) {
  const auto forward = outcome({"a", "b", "c", "d", "e", "f"}, GetParam());
  EXPECT_EQ(forward, outcome({"f", "e", "d", "c", "b", "a"}, GetParam()));
  EXPECT_EQ(forward, outcome({"x9", "m", "b2", "q", "k", "a0"}, GetParam()));
}

TEST_P(PlaceableTest, SmallJobsLeaveWholeNodesToLargeOnes) {
  // 20 shares of 470 and 20 whole GPUs fit on 30 of 48 GPUs: two nodes stay untouched.
  const auto ends = outcome({"a", "b", "c", "d", "e", "f"}, GetParam());
  EXPECT_GE(ends.count(8000), 2U);
}

INSTANTIATE_TEST_SUITE_P(Policies, PlaceableTest, ::testing::Values("placeable", "placeable_online"),
                         [](const auto& row) { return std::string(row.param); });

}  // namespace
}  // namespace gpusched
