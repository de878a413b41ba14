#include "gpusched/sim/cluster_builder.hpp"

#include <string>

#include <gtest/gtest.h>

#include "gpusched/model/gpu_catalog.hpp"

namespace gpusched::sim {
namespace {

TEST(ClusterShorthandTest, MakesNumberedNodesOfAKind) {
  const auto nodes = parse_cluster_shorthand("3xH100-80GB-SXM5:8");
  ASSERT_TRUE(nodes.ok());
  ASSERT_EQ(nodes.value().size(), 3U);
  EXPECT_EQ(nodes.value()[0].id, "node-000000");
  EXPECT_EQ(nodes.value()[2].id, "node-000002");
  EXPECT_EQ(nodes.value()[1].gpu_model, "H100-80GB-SXM5");
  EXPECT_EQ(nodes.value()[1].num_gpu, 8);
  EXPECT_EQ(nodes.value()[1].sharing, NodeSharing::any);
  EXPECT_EQ(nodes.value()[1].cpu_milli, 8 * shorthand_cpu_milli_per_gpu);
  EXPECT_EQ(nodes.value()[1].memory_mib, 8 * shorthand_memory_mib_per_gpu);
}

TEST(ClusterShorthandTest, PartsAreJoinedAndCountOn) {
  const auto nodes = parse_cluster_shorthand("2xT4:1@time_slice,1xA100-80GB:4@mig,1xT4:2@exclusive,1xT4:2@mps");
  ASSERT_TRUE(nodes.ok());
  ASSERT_EQ(nodes.value().size(), 5U);
  EXPECT_EQ(nodes.value()[1].sharing, NodeSharing::time_slice);
  EXPECT_EQ(nodes.value()[2].id, "node-000002");
  EXPECT_EQ(nodes.value()[2].sharing, NodeSharing::mig);
  EXPECT_EQ(nodes.value()[3].sharing, NodeSharing::exclusive);
  EXPECT_EQ(nodes.value()[4].sharing, NodeSharing::mps);
}

TEST(ClusterShorthandTest, NamesWithAnXAreRead) {
  const auto nodes = parse_cluster_shorthand("1xH100-80GB-SXM5:1");
  ASSERT_TRUE(nodes.ok());
  EXPECT_EQ(nodes.value()[0].gpu_model, "H100-80GB-SXM5");
}

class BadShorthandTest : public ::testing::TestWithParam<const char*> {};

TEST_P(BadShorthandTest, IsRefusedNamingThePart) {
  const auto nodes = parse_cluster_shorthand(GetParam());
  ASSERT_FALSE(nodes.ok());
  EXPECT_EQ(nodes.error().code, ErrorCode::invalid_argument);
  EXPECT_NE(nodes.error().message.find("cluster '"), std::string::npos) << nodes.error().message;
  EXPECT_NE(nodes.error().remedy.find("16xH100-80GB-SXM5:8"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Texts, BadShorthandTest,
                         ::testing::Values("", "T4", "xT4:1", "2xT4", "2xT4:", "0xT4:1", "-1xT4:1", "2xT4:0", "2xT4:65",
                                           "2.5xT4:1", "2xT4:1x", "9999999xT4:1", "99999999999999999999xT4:1",
                                           "2xT4:1@", "2xT4:1@nonsense", "2xT4:1,", ",2xT4:1", "2xT4:1,,2xT4:1",
                                           "2 xT4:1", "+2xT4:1", "nodes.csv", "a:bxc"));

TEST(ClusterShorthandTest, UnknownModelsListTheKnownOnes) {
  const auto nodes = parse_cluster_shorthand("2xVoodoo2:1");
  ASSERT_FALSE(nodes.ok());
  EXPECT_EQ(nodes.error().code, ErrorCode::not_found);
  EXPECT_NE(nodes.error().to_string().find("Voodoo2"), std::string::npos);
  EXPECT_NE(nodes.error().to_string().find("A100-80GB"), std::string::npos);
}

TEST(ClusterShorthandTest, MigWherePlacementsAreUnknownIsRefusedWithTheReason) {
  const auto nodes = parse_cluster_shorthand("2xT4:1@mig");
  ASSERT_FALSE(nodes.ok());
  EXPECT_EQ(nodes.error().code, ErrorCode::unsupported);
  EXPECT_NE(nodes.error().message.find("T4"), std::string::npos);
}

TEST(ToNodeSpecTest, TakesTheDeviceMemoryOfTheModelUnlessGiven) {
  TraceNode node;
  node.id = "a";
  node.gpu_model = "T4";
  node.num_gpu = 2;
  node.replicas = 3;
  node.labels = {{"zone", "x"}};
  const auto from_model = to_node_spec(node);
  ASSERT_TRUE(from_model.ok());
  ASSERT_EQ(from_model.value().gpus.size(), 2U);
  EXPECT_EQ(from_model.value().gpus[1].memory_mib, *gpu_model(find_gpu_model("T4").value()).memory_mib);
  EXPECT_EQ(from_model.value().replicas, 3);
  EXPECT_EQ(from_model.value().labels, node.labels);
  node.gpu_memory_mib = 123;
  EXPECT_EQ(to_node_spec(node).value().gpus[0].memory_mib, 123);
}

TEST(ToNodeSpecTest, ACpuNodeNeedsNoModelAndAnUnknownModelIsAnError) {
  TraceNode node;
  node.id = "a";
  EXPECT_TRUE(to_node_spec(node).ok());
  EXPECT_TRUE(to_node_spec(node).value().gpus.empty());
  node.num_gpu = 1;
  node.gpu_model = "Voodoo2";
  ASSERT_FALSE(to_node_spec(node).ok());
  EXPECT_EQ(to_node_spec(node).error().code, ErrorCode::not_found);
}

TEST(DemandOfTest, CountsDistinctRequestsWithTheirReplicas) {
  Trace trace;
  JobSpec one;
  one.request.num_gpu = 1;
  one.request.gpu_milli = 1000;
  JobSpec same_request = one;
  same_request.user = "somebody else";
  same_request.replicas = 4;
  JobSpec unused = one;
  unused.request.num_gpu = 8;
  JobSpec cpu;
  trace.specs = {one, same_request, unused, cpu};
  for (const std::uint32_t spec : {0U, 1U, 0U, 3U}) {
    TraceJob job;
    job.spec = spec;
    trace.jobs.push_back(job);
  }
  const DemandMix mix = demand_of(trace);
  ASSERT_EQ(mix.classes.size(), 2U);
  EXPECT_EQ(mix.classes[0].request, one.request);
  EXPECT_EQ(mix.classes[0].count, 6);
  EXPECT_EQ(mix.classes[1].request, cpu.request);
  EXPECT_EQ(mix.classes[1].count, 1);
  EXPECT_EQ(mix.total_count(), 7);
}

}  // namespace
}  // namespace gpusched::sim
