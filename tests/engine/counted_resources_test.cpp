// Nodes whose resources the kubelet counts.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "gpusched/base/philox.hpp"
#include "gpusched/engine/engine.hpp"

#include "engine/engine_world.hpp"

namespace gpusched {
namespace {

using namespace test;

GpuSpec a100(bool fixed = false) {
  return {.model = find_gpu_model("A100-SXM4-40GB").value(), .memory_mib = 40'960, .fixed = fixed};
}

NodeResource resource(const std::string& mig_profile, std::int64_t allocatable, std::int32_t replicas = 1,
                      bool whole_devices = false) {
  NodeResource made;
  made.mig_profile = mig_profile;
  made.allocatable = allocatable;
  made.replicas = replicas;
  made.whole_devices = whole_devices;
  return made;
}

/// `whole` devices, and as many cut ones as hold the instances.
NodeSpec mixed_node(const std::string& name, int whole, std::int64_t one_slice, std::int64_t three_slice) {
  NodeSpec spec;
  spec.name = name;
  spec.cpu_milli = 64'000;
  spec.memory_mib = 512'000;
  spec.sharing = NodeSharing::exclusive;
  for (int i = 0; i < 8; ++i) {
    spec.gpus.push_back(a100(i >= whole));
  }
  spec.resources = {resource("", whole, 1, true), resource("1g.5gb", one_slice), resource("3g.20gb", three_slice)};
  return spec;
}

NodeSpec shared_node(const std::string& name, std::int32_t replicas, std::int64_t allocatable) {
  NodeSpec spec;
  spec.name = name;
  spec.cpu_milli = 64'000;
  spec.memory_mib = 512'000;
  spec.sharing = NodeSharing::time_slice;
  spec.replicas = replicas;
  spec.gpus = {a100(true), a100(true)};
  spec.resources = {resource("", allocatable, replicas)};
  return spec;
}

class CountedResourcesTest : public ::testing::Test {
 protected:
  Decision decide(World& world, const GpuRequest& request) { return world.decide(request); }
  /// A pod that the API server reports on the node.
  PodId report(World& world, const GpuRequest& request, const std::string& node) {
    return world.put(request, {.node = world.node(node), .gpus = {}});
  }
};

TEST_F(CountedResourcesTest, InstancesGoWhereFewestAreLeft) {
  World world("placeable_online", {mixed_node("a", 2, 7, 2), mixed_node("b", 2, 7, 2)});
  report(world, mig_request("1g.5gb", 3), "b");
  const Decision decision = decide(world, mig_request("1g.5gb", 2));
  ASSERT_TRUE(std::holds_alternative<Bind>(decision));
  EXPECT_EQ(world.name_of(decision), "b");
  EXPECT_TRUE(candidate_of(decision)->gpus.empty()) << "the kubelet picks the instance";
  EXPECT_EQ(std::get<Bind>(decision).cost, 2);
}

TEST_F(CountedResourcesTest, NothingGoesBeyondTheCount) {
  World world("placeable_online", {mixed_node("a", 2, 7, 2)});
  world.place(mig_request("3g.20gb", 1));
  world.place(mig_request("3g.20gb", 1));
  const Decision full = decide(world, mig_request("3g.20gb", 1));
  ASSERT_TRUE(std::holds_alternative<Wait>(full));
  EXPECT_EQ(std::get<Wait>(full).reasons[static_cast<std::size_t>(RejectReason::insufficient_resource)], 1U);
  const Decision never = decide(world, mig_request("3g.20gb", 3));
  ASSERT_TRUE(std::holds_alternative<Infeasible>(never));
  const Decision unknown = decide(world, mig_request("2g.10gb", 1));
  ASSERT_TRUE(std::holds_alternative<Infeasible>(unknown));
  EXPECT_EQ(std::get<Infeasible>(unknown).reasons[static_cast<std::size_t>(RejectReason::resource_not_offered)], 1U);
}

TEST_F(CountedResourcesTest, WholeDevicesAreThoseThatAreNotFixed) {
  World world("placeable_online", {mixed_node("a", 2, 7, 2)});
  world.place(whole_request(1));
  world.place(whole_request(1));
  EXPECT_TRUE(std::holds_alternative<Wait>(decide(world, whole_request(1))));
  EXPECT_TRUE(std::holds_alternative<Infeasible>(decide(world, whole_request(3))));
}

TEST_F(CountedResourcesTest, APlainRequestPrefersAWholeDeviceToAReplica) {
  World world("placeable_online", {shared_node("a-shared", 4, 8), mixed_node("b-whole", 2, 0, 0)});
  EXPECT_EQ(world.name_of(decide(world, whole_request(1))), "b-whole");
  world.place(whole_request(2));
  EXPECT_EQ(world.name_of(decide(world, whole_request(1))), "a-shared");
}

TEST_F(CountedResourcesTest, APodThatRunsIsAdoptedEvenBeyondTheCount) {
  World world("placeable_online", {mixed_node("a", 2, 7, 2)});
  report(world, whole_request(2), "a");
  const PodId extra = report(world, whole_request(1), "a");
  EXPECT_EQ(world.engine.state().resource_free(world.node("a"), 0), -1);
  world.finish(extra);
  EXPECT_EQ(world.engine.state().resource_free(world.node("a"), 0), 0);
  EXPECT_TRUE(std::holds_alternative<Wait>(decide(world, whole_request(1))));
}

TEST_F(CountedResourcesTest, ADeadGpuTakesNothingNewAndLosesNothing) {
  World world("placeable_online", {mixed_node("a", 4, 7, 2)});
  const PodId first = world.place(whole_request(1));
  world.place(whole_request(1));
  NodeSpec fewer = mixed_node("a", 4, 7, 2);
  fewer.resources[0].allocatable = 2;
  ASSERT_TRUE(world.engine.observe({0, NodeChanged{world.node("a"), fewer}}).ok());
  EXPECT_TRUE(std::holds_alternative<Wait>(decide(world, whole_request(1))));
  EXPECT_TRUE(world.engine.state().pod(first)->holds_resources());
  world.finish(first);
  EXPECT_TRUE(std::holds_alternative<Bind>(decide(world, whole_request(1))));
  fewer.resources[0].allocatable = 0;  // the device plugin restarts
  ASSERT_TRUE(world.engine.observe({0, NodeChanged{world.node("a"), fewer}}).ok());
  EXPECT_TRUE(std::holds_alternative<Wait>(decide(world, whole_request(1))));
  fewer.resources[0].allocatable = 4;
  ASSERT_TRUE(world.engine.observe({0, NodeChanged{world.node("a"), fewer}}).ok());
  EXPECT_TRUE(std::holds_alternative<Bind>(decide(world, whole_request(3))));
}

TEST_F(CountedResourcesTest, IntentWithoutAResourceIsRefused) {
  World world("auto", {mixed_node("a", 2, 7, 2)});
  GpuRequest intent = whole_request(1);
  intent.job_class = JobClass::dev;
  const Decision decision = decide(world, intent);
  ASSERT_TRUE(std::holds_alternative<Infeasible>(decision));
  EXPECT_EQ(std::get<Infeasible>(decision).reasons[static_cast<std::size_t>(RejectReason::resource_not_offered)], 1U);
}

TEST_F(CountedResourcesTest, EvaluateRanksAsDecideDecides) {
  Philox random(7, StreamPurpose::request);
  std::vector<NodeSpec> nodes;
  for (int i = 0; i < 12; ++i) {
    nodes.push_back(i % 3 == 0 ? shared_node("n" + std::to_string(i), 4, 8)
                               : mixed_node("n" + std::to_string(i), i % 5, 7, i % 3));
  }
  World world("placeable_online", nodes);
  const std::vector<GpuRequest> requests = {whole_request(1), whole_request(2), mig_request("1g.5gb", 1),
                                            mig_request("3g.20gb", 1)};
  std::vector<PodId> running;
  for (int step = 0; step < 400; ++step) {
    const GpuRequest& request = requests[random.next_below(static_cast<std::uint32_t>(requests.size()))];
    std::vector<NodeId> scope;
    for (std::uint32_t i = 0; i < 12; ++i) {
      if (random.next_below(4) > 0) {
        scope.push_back(NodeId{i});
      }
    }
    const Decision decision = world.decide(request, scope);
    const Evaluation evaluation = world.engine.evaluate(world.engine.intern(request), scope);
    ASSERT_EQ(evaluation.ranked.size() + evaluation.refused.size(), scope.size());
    if (const auto* bind = std::get_if<Bind>(&decision)) {
      ASSERT_FALSE(evaluation.ranked.empty());
      EXPECT_EQ(evaluation.ranked[0].node, bind->candidate.node);
      EXPECT_EQ(evaluation.ranked[0].cost, bind->cost);
      const PodId pod = world.submit(request);
      world.bind(pod, decision);
      running.push_back(pod);
    } else {
      EXPECT_TRUE(evaluation.ranked.empty());
    }
    if (!running.empty() && (step % 3 == 0 || running.size() > 40)) {
      const std::size_t leaver = random.next_below(static_cast<std::uint32_t>(running.size()));
      world.finish(running[leaver]);
      running[leaver] = running.back();
      running.pop_back();
    }
    for (const Node& node : world.engine.state().nodes()) {
      const NodeId id = world.node(node.spec.name);
      for (std::size_t i = 0; i < node.spec.resources.size(); ++i) {
        ASSERT_GE(world.engine.state().resource_free(id, i), 0);
      }
    }
  }
}

TEST_F(CountedResourcesTest, AForgottenPodsNumberMayNameAnother) {
  World world("placeable_online", {mixed_node("a", 2, 7, 2)});
  const PodId pod = world.place(whole_request(1));
  EXPECT_FALSE(world.engine.observe({0, PodForgotten{pod}}).ok()) << "it still runs";
  world.finish(pod);
  ASSERT_TRUE(world.engine.observe({0, PodForgotten{pod}}).ok());
  ASSERT_TRUE(world.engine.observe({0, PodSubmitted{pod, world.engine.intern(whole_request(2)), 0}}).ok());
  EXPECT_EQ(world.engine.state().request(world.engine.state().pod(pod)->request).num_gpu, 2);
}

}  // namespace
}  // namespace gpusched
