#include "gpusched/engine/engine.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "engine/engine_world.hpp"

namespace gpusched {
namespace {

using namespace test;

TEST(EngineTest, UnknownPoliciesAreErrors) {
  EngineOptions options;
  options.policy.name = "nonesuch";
  EXPECT_FALSE(Engine::create(options).ok());
}

TEST(EngineTest, AnEmptyClusterFitsNothing) {
  World world("first_fit");
  EXPECT_STREQ(outcome_name(world.decide(cpu_request(1))), "infeasible");
  EXPECT_STREQ(outcome_name(world.decide(whole_request(1))), "infeasible");
  EXPECT_STREQ(outcome_name(world.decide(mig_request("1g.10gb"))), "infeasible");
}

TEST(EngineTest, ABindNamesEverythingThatBindingNeeds) {
  World world("first_fit", {gpu_node("a", "A100-80GB", 2)});
  const Decision share = world.decide(share_request(300, 5000));
  ASSERT_TRUE(std::holds_alternative<Bind>(share));
  EXPECT_EQ(*candidate_of(share), place_on(world.node("a"), {share_on(0, 300, 5000)}));
  const Decision whole = world.decide(whole_request(2));
  EXPECT_EQ(*candidate_of(whole), place_on(world.node("a"), {share_on(0, 1000), share_on(1, 1000)}));
  const Decision instance = world.decide(mig_request("2g.20gb"));
  EXPECT_EQ(*candidate_of(instance), place_on(world.node("a"), {instance_on(0, "A100-80GB", "2g.20gb", 0)}));
  const Decision cpu = world.decide(cpu_request(100));
  EXPECT_EQ(*candidate_of(cpu), place_on(world.node("a")));
}

TEST(EngineTest, ReasonsCountTheNodes) {
  NodeSpec small = gpu_node("small", "T4", 1);
  small.cpu_milli = 100;
  NodeSpec forgetful = gpu_node("forgetful", "T4", 1);
  forgetful.memory_mib = 1;
  World world("first_fit", {small, forgetful, gpu_node("busy", "T4", 1), gpu_node("down", "T4", 1),
                            gpu_node("cpu", "", 0), gpu_node("p100", "P100", 1)});
  world.put(whole_request(1), place_on(world.node("busy"), {share_on(0, 1000)}));
  ASSERT_TRUE(world.engine.observe({0, HealthChanged{world.node("down"), NodeHealth::down}}).ok());
  GpuRequest request = whole_request(1);
  request.cpu_milli = 1000;
  request.memory_mib = 1000;
  request.gpu_models = {"T4"};
  const Decision decision = world.decide(request);
  ASSERT_TRUE(std::holds_alternative<Wait>(decision)) << outcome_name(decision);
  const Reasons reasons = reasons_of(decision);
  EXPECT_EQ(reasons.at("insufficient_gpus"), 1U);
  EXPECT_EQ(reasons.at("node_unavailable"), 1U);
  EXPECT_EQ(reasons.at("gpu_model_mismatch"), 1U);
  EXPECT_EQ(reasons.at("insufficient_memory"), 1U);
  EXPECT_EQ(reasons.at("too_large"), 2U) << "too few CPUs even when empty; no GPU at all";
}

TEST(EngineTest, SharesAndInstancesHaveReasonsOfTheirOwn) {
  World shares("first_fit", {gpu_node("a", "T4", 1)});
  shares.put(share_request(800), place_on(shares.node("a"), {share_on(0, 800)}));
  EXPECT_EQ(reasons_of(shares.decide(share_request(300))), (Reasons{{"insufficient_gpu_share", 1}}));
  shares.put(share_request(100, 1'000), place_on(shares.node("a"), {share_on(0, 100, 1'000)}));
  EXPECT_EQ(reasons_of(shares.decide(share_request(100, 16'000))), (Reasons{{"insufficient_gpu_memory", 1}}));

  World mig("first_fit", {gpu_node("a", "A100-80GB", 3, NodeSharing::mig)});
  const NodeId node = mig.node("a");
  mig.put(mig_request("7g.80gb"), place_on(node, {instance_on(0, "A100-80GB", "7g.80gb", 0)}));
  mig.put(mig_request("2g.20gb"), place_on(node, {instance_on(1, "A100-80GB", "2g.20gb", 2)}));
  mig.put(mig_request("1g.10gb"), place_on(node, {instance_on(1, "A100-80GB", "1g.10gb", 5)}));
  mig.put(mig_request("1g.10gb+me"), place_on(node, {instance_on(2, "A100-80GB", "1g.10gb+me", 0)}));
  mig.put(mig_request("3g.40gb"), place_on(node, {instance_on(2, "A100-80GB", "3g.40gb", 4)}));
  EXPECT_EQ(reasons_of(mig.decide(mig_request("4g.40gb"))),
            (Reasons{{"insufficient_mig_slices", 2}, {"mig_fragmented", 1}}));
}

TEST(EngineTest, ACappedLabelInUseIsAReason) {
  World mig("first_fit", {gpu_node("a", "A100-80GB", 1, NodeSharing::mig)});
  mig.put(mig_request("1g.10gb+me"), place_on(mig.node("a"), {instance_on(0, "A100-80GB", "1g.10gb+me", 0)}));
  EXPECT_EQ(reasons_of(mig.decide(mig_request("1g.10gb+me"))), (Reasons{{"mig_label_taken", 1}}));
  EXPECT_TRUE(std::holds_alternative<Bind>(mig.decide(mig_request("1g.10gb"))));
}

TEST(EngineTest, WaitIsForWhatFitsAnEmptyNodeInfeasibleForTheRest) {
  World world("first_fit", {gpu_node("a", "T4", 2), gpu_node("b", "A100-80GB", 1, NodeSharing::mig)});
  world.put(whole_request(2), place_on(world.node("a"), {share_on(0, 1000), share_on(1, 1000)}));
  EXPECT_TRUE(std::holds_alternative<Wait>(world.decide(whole_request(2))));
  EXPECT_TRUE(std::holds_alternative<Infeasible>(world.decide(whole_request(3))));
  EXPECT_TRUE(std::holds_alternative<Infeasible>(world.decide(cpu_request(32'001))));
  EXPECT_TRUE(std::holds_alternative<Infeasible>(world.decide(cpu_request(0, 131'073))));
  EXPECT_TRUE(std::holds_alternative<Infeasible>(world.decide(mig_request("1g.6gb")))) << "a profile of the A30";
  EXPECT_EQ(reasons_of(world.decide(mig_request("1g.6gb"))), (Reasons{{"mig_unsupported", 1}}));
  GpuRequest labelled = whole_request(1);
  labelled.node_labels = {{"zone", "moon"}};
  EXPECT_EQ(reasons_of(world.decide(labelled)), (Reasons{{"label_mismatch", 2}}));
  ASSERT_TRUE(world.engine.observe({0, HealthChanged{world.node("a"), NodeHealth::down}}).ok());
  EXPECT_TRUE(std::holds_alternative<Wait>(world.decide(whole_request(2)))) << "a node that is down may come back";
}

TEST(EngineTest, MoreInstancesThanAnyNodeHoldsAreInfeasible) {
  World world("first_fit", {gpu_node("a", "A100-80GB", 1, NodeSharing::mig)});
  EXPECT_TRUE(std::holds_alternative<Infeasible>(world.decide(mig_request("3g.40gb", 3))));
}

TEST(EngineTest, ScopeLimitsTheNodes) {
  World world("first_fit",
              {gpu_node("a", "A100-80GB", 1), gpu_node("b", "A100-80GB", 1), gpu_node("c", "A100-80GB", 1)});
  const std::vector<NodeId> only_c = {world.node("c")};
  const std::vector<NodeId> b_and_c = {world.node("c"), world.node("b")};
  for (const GpuRequest& request :
       {whole_request(1), share_request(100), cpu_request(10), mig_request("1g.10gb"), mig_request("3g.40gb", 2)}) {
    EXPECT_EQ(world.name_of(world.decide(request)), "a");
    EXPECT_EQ(world.name_of(world.decide(request, only_c)), "c");
    EXPECT_EQ(world.name_of(world.decide(request, b_and_c)), "b") << "node order, not the order of the scope";
  }
  world.put(whole_request(1), place_on(world.node("c"), {share_on(0, 1000)}));
  const Decision refused = world.decide(whole_request(1), only_c);
  EXPECT_TRUE(std::holds_alternative<Wait>(refused));
  EXPECT_EQ(reasons_of(refused), (Reasons{{"insufficient_gpus", 1}}));
  EXPECT_TRUE(std::holds_alternative<Wait>(world.decide(whole_request(1), std::vector<NodeId>{})));
}

TEST(EngineTest, ReasonsForInstancesStayWithinTheScope) {
  World world("first_fit",
              {gpu_node("a", "A100-80GB", 1, NodeSharing::mig), gpu_node("b", "A100-80GB", 1, NodeSharing::mig)});
  world.put(mig_request("7g.80gb"), place_on(world.node("a"), {instance_on(0, "A100-80GB", "7g.80gb", 0)}));
  const std::vector<NodeId> only_a = {world.node("a")};
  const Reasons reasons = reasons_of(world.decide(mig_request("1g.10gb"), only_a));
  EXPECT_EQ(reasons.count("none"), 0U) << "a refusal has a reason";
  EXPECT_EQ(reasons.at("insufficient_mig_slices"), 1U);
}

TEST(EngineTest, TheRunnerUpIsTheSecondBestAndItsCost) {
  World world("best_fit", {gpu_node("a", "T4", 4), gpu_node("b", "T4", 4), gpu_node("c", "T4", 4)});
  world.put(whole_request(2), place_on(world.node("b"), {share_on(0, 1000), share_on(1, 1000)}));
  world.put(whole_request(1), place_on(world.node("c"), {share_on(0, 1000)}));
  const Decision decision = world.decide(whole_request(1));
  const auto& bind = std::get<Bind>(decision);
  EXPECT_EQ(world.name_of(decision), "b");
  EXPECT_EQ(bind.runner_up.node, world.node("c"));
  EXPECT_EQ(bind.runner_up.cost - bind.cost, 16 * 1000) << "one GPU more is left";
}

TEST(EngineTest, WithoutASecondClassThereIsNoRunnerUp) {
  World world("best_fit", {gpu_node("a", "T4", 4), gpu_node("b", "T4", 4)});
  EXPECT_FALSE(std::get<Bind>(world.decide(whole_request(1))).runner_up.node.valid());
}

TEST(EngineTest, InstancesHaveARunnerUpToo) {
  World world("best_fit",
              {gpu_node("a", "A100-80GB", 1, NodeSharing::mig), gpu_node("b", "A100-80GB", 1, NodeSharing::mig)});
  world.put(mig_request("3g.40gb"), place_on(world.node("b"), {instance_on(0, "A100-80GB", "3g.40gb", 4)}));
  const Decision decision = world.decide(mig_request("1g.10gb"));
  EXPECT_EQ(world.name_of(decision), "b");
  EXPECT_EQ(std::get<Bind>(decision).runner_up.node, world.node("a"));
  EXPECT_GT(std::get<Bind>(decision).runner_up.cost, std::get<Bind>(decision).cost);
}

TEST(EngineTest, SeveralInstancesHaveARunnerUpWhicheverNodeComesFirst) {
  for (const char* fuller : {"a", "b"}) {
    World world("best_fit",
                {gpu_node("a", "A100-80GB", 1, NodeSharing::mig), gpu_node("b", "A100-80GB", 1, NodeSharing::mig)});
    world.put(mig_request("3g.40gb"), place_on(world.node(fuller), {instance_on(0, "A100-80GB", "3g.40gb", 4)}));
    const Decision decision = world.decide(mig_request("1g.10gb", 2));
    EXPECT_EQ(world.name_of(decision), fuller);
    EXPECT_TRUE(std::get<Bind>(decision).runner_up.node.valid()) << fuller;
  }
}

TEST(EngineTest, SeveralInstancesOfAPodGoToOneNode) {
  World world("first_fit",
              {gpu_node("a", "A100-80GB", 1, NodeSharing::mig), gpu_node("b", "A100-80GB", 2, NodeSharing::mig)});
  const Decision pair = world.decide(mig_request("3g.40gb", 2));
  ASSERT_TRUE(std::holds_alternative<Bind>(pair));
  EXPECT_EQ(*candidate_of(pair), place_on(world.node("a"), {instance_on(0, "A100-80GB", "3g.40gb", 0),
                                                            instance_on(0, "A100-80GB", "3g.40gb", 4)}));
  const Decision three = world.decide(mig_request("3g.40gb", 3));
  EXPECT_EQ(world.name_of(three), "b");
  EXPECT_EQ(candidate_of(three)->gpus.size(), 3U);
  const PodId pod = world.submit(mig_request("3g.40gb", 3));
  world.bind(pod, three);
  EXPECT_EQ(world.engine.state().used_mig_units(), 12);
}

TEST(EngineTest, SeveralLabelledInstancesTakeAGpuEach) {
  World world("first_fit", {gpu_node("a", "A100-80GB", 2, NodeSharing::mig)});
  const Decision decision = world.decide(mig_request("1g.10gb+me", 2));
  ASSERT_TRUE(std::holds_alternative<Bind>(decision));
  EXPECT_NE(candidate_of(decision)->gpus[0].gpu, candidate_of(decision)->gpus[1].gpu);
  EXPECT_FALSE(std::holds_alternative<Bind>(world.decide(mig_request("1g.10gb+me", 3))));
}

TEST(EngineTest, SeveralInstancesOnSharedGpusWait) {
  World world("first_fit");
  ASSERT_TRUE(world.engine.observe({0, NodeAdded{gpu_node("a", "A100-80GB", 1)}}).ok());
  world.put(share_request(100), place_on(world.node("a"), {share_on(0, 100)}));
  EXPECT_TRUE(std::holds_alternative<Wait>(world.decide(mig_request("1g.10gb", 2))));
  EXPECT_TRUE(std::holds_alternative<Wait>(world.decide(mig_request("1g.10gb"))));
}

TEST(EngineTest, RoundRobinStartsBehindTheLastPlacement) {
  World world("round_robin",
              {gpu_node("a", "A100-80GB", 2), gpu_node("b", "A100-80GB", 2), gpu_node("c", "A100-80GB", 2)});
  std::string nodes;
  for (int i = 0; i < 7; ++i) {
    nodes += world.node_of(world.place(share_request(100)));
  }
  EXPECT_EQ(nodes, "abcabca");
}

TEST(EngineTest, RoundRobinGoesFromGpuToGpuWithInstances) {
  World world("round_robin",
              {gpu_node("a", "A100-80GB", 2, NodeSharing::mig), gpu_node("b", "A100-80GB", 1, NodeSharing::mig)});
  std::string places;
  for (int i = 0; i < 5; ++i) {
    const PodId pod = world.place(mig_request("1g.10gb"));
    places += world.node_of(pod) + std::to_string(world.engine.state().pod(pod)->placement.gpus[0].gpu) + " ";
  }
  EXPECT_EQ(places, "a0 a1 b0 a0 a1 ");
}

TEST(EngineTest, FirstFitTakesRanksOverNames) {
  NodeSpec a = gpu_node("a", "T4", 1);
  NodeSpec b = gpu_node("b", "T4", 1);
  a.rank = 2;
  b.rank = 1;
  World world("first_fit", {a, b});
  EXPECT_EQ(world.name_of(world.decide(whole_request(1))), "b");
}

TEST(EngineTest, TiesGoToTheFirstInNodeOrder) {
  for (const char* policy : {"best_fit", "worst_fit", "fgd", "dot_prod", "gpu_packing", "buddy"}) {
    World world(policy, {gpu_node("b", "A100-80GB", 2), gpu_node("c", "A100-80GB", 2), gpu_node("a", "A100-80GB", 2)});
    EXPECT_EQ(world.name_of(world.decide(whole_request(1))), "a") << policy;
    EXPECT_EQ(world.name_of(world.decide(mig_request("1g.10gb"))), "a") << policy;
  }
}

TEST(EngineTest, RandomIsReproducibleAndFollowsItsSeed) {
  const auto run = [](std::uint64_t seed) {
    std::vector<NodeSpec> nodes;
    for (char name = 'a'; name < 'k'; ++name) {
      nodes.push_back(gpu_node(std::string(1, name), "A100-80GB", 2));
    }
    World world("random", nodes, seed);
    std::string text;
    for (int i = 0; i < 12; ++i) {
      text += world.node_of(world.place(share_request(200)));
      text += world.node_of(world.place(mig_request("1g.10gb")));
    }
    return text;
  };
  EXPECT_EQ(run(7), run(7));
  EXPECT_NE(run(7), run(8));
}

TEST(EngineTest, RandomIsRoughlyUniformOverNodesGpusAndInstances) {
  World world("random", {gpu_node("a", "A100-80GB", 4), gpu_node("b", "A100-80GB", 4), gpu_node("c", "T4", 4)});
  std::map<std::string, int> nodes;
  std::map<int, int> devices;
  std::map<std::string, int> mig_nodes;
  for (int i = 0; i < 1200; ++i) {
    const PodId share = world.place(share_request(200));
    ++nodes[world.node_of(share)];
    ++devices[world.engine.state().pod(share)->placement.gpus[0].gpu];
    world.finish(share);
    const PodId instance = world.place(mig_request("1g.10gb"));
    ++mig_nodes[world.node_of(instance)];
    world.finish(instance);
  }
  ASSERT_EQ(nodes.size(), 3U);
  for (const auto& [name, count] : nodes) {
    EXPECT_NEAR(count, 400, 80) << name;  // five standard deviations
  }
  ASSERT_EQ(mig_nodes.size(), 2U);
  EXPECT_NEAR(mig_nodes["a"], 600, 90);
  for (int device = 0; device < 4; ++device) {
    EXPECT_NEAR(devices[device], 300, 75) << device;
  }
}

TEST(EngineTest, CommitReservesAndNamesTheActions) {
  World world("first_fit", {gpu_node("a", "T4", 1)});
  const PodId pod = world.submit(whole_request(1));
  const Decision decision = world.decide(whole_request(1));
  std::vector<Action> actions;
  ASSERT_TRUE(world.engine.commit(pod, decision, 0, actions).ok());
  ASSERT_EQ(actions.size(), 1U);
  EXPECT_EQ(std::get<BindPod>(actions[0]).pod, pod);
  EXPECT_EQ(std::get<BindPod>(actions[0]).placement, *candidate_of(decision));
  EXPECT_EQ(world.engine.state().pod(pod)->phase, PodPhase::reserved);
}

TEST(EngineTest, AStaleDecisionIsAnErrorThatChangesNothing) {
  World world("first_fit", {gpu_node("a", "T4", 1), gpu_node("b", "A100-80GB", 1, NodeSharing::mig)});
  for (const GpuRequest& request : {whole_request(1), mig_request("7g.80gb")}) {
    const PodId first = world.submit(request);
    const PodId second = world.submit(request);
    const Decision decision = world.decide(request);
    std::vector<Action> actions;
    ASSERT_TRUE(world.engine.commit(first, decision, 0, actions).ok());
    actions.clear();
    const std::string before = visible_state(world.engine.state());
    const Status late = world.engine.commit(second, decision, 0, actions);
    EXPECT_FALSE(late.ok());
    EXPECT_TRUE(actions.empty());
    EXPECT_EQ(visible_state(world.engine.state()), before);
  }
}

TEST(EngineTest, ADecisionWithoutAPlaceCannotBeCommitted) {
  World world("first_fit", {gpu_node("a", "T4", 1)});
  const PodId pod = world.submit(whole_request(2));
  std::vector<Action> actions;
  const Status status = world.engine.commit(pod, world.decide(whole_request(2)), 0, actions);
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.error().message.find("infeasible"), std::string::npos);
  EXPECT_TRUE(actions.empty());
}

TEST(EngineTest, ManyClassesOfRequestsKeepTheirPriorities) {
  World world("best_fit", {gpu_node("a", "T4", 1)});
  GpuRequest holder = whole_request(1);
  holder.preemptible = false;
  world.put(holder, place_on(world.node("a"), {share_on(0, 1000)}));
  for (int i = 1; i < 300; ++i) {
    GpuRequest request = with_priority(whole_request(1), 5);
    request.cpu_milli = i;
    request.memory_mib = 1;
    EXPECT_TRUE(std::holds_alternative<Wait>(world.decide(request)));
  }
}

TEST(EngineTest, ANodeThatComesIsSeenAndOneThatGoesIsNot) {
  World world("first_fit", {gpu_node("b", "A100-80GB", 1)});
  EXPECT_EQ(world.name_of(world.decide(whole_request(1))), "b");
  ASSERT_TRUE(world.engine.observe({0, NodeAdded{gpu_node("a", "A100-80GB", 1)}}).ok());
  EXPECT_EQ(world.name_of(world.decide(whole_request(1))), "a");
  EXPECT_EQ(world.name_of(world.decide(mig_request("1g.10gb"))), "a");
  ASSERT_TRUE(world.engine.observe({0, NodeRemoved{world.node("a")}}).ok());
  EXPECT_EQ(world.name_of(world.decide(whole_request(1))), "b");
  EXPECT_EQ(world.name_of(world.decide(mig_request("1g.10gb"))), "b");
}

TEST(EngineTest, NodesThatLeftAreNotLookedAtAnyMore) {
  for (const char* policy : {"best_fit", "random", "fgd", "placeable"}) {
    std::vector<NodeSpec> nodes;
    for (int i = 0; i < 70; ++i) {  // all different, so that each is a class of its own
      nodes.push_back(gpu_node("n" + std::to_string(i), "T4", 1));
      nodes.back().cpu_milli = 100'000 - i;
    }
    World world(policy, nodes);
    EXPECT_TRUE(std::holds_alternative<Bind>(world.decide(whole_request(1)))) << policy;
    for (int i = 1; i < 70; ++i) {
      ASSERT_TRUE(world.engine.observe({0, NodeRemoved{world.node("n" + std::to_string(i))}}).ok());
    }
    const Decision decision = world.decide(whole_request(1));
    EXPECT_EQ(world.name_of(decision), "n0") << policy;
    EXPECT_FALSE(std::get<Bind>(decision).runner_up.node.valid()) << policy;
    ASSERT_TRUE(world.engine.observe({0, NodeRemoved{world.node("n0")}}).ok());
    EXPECT_TRUE(reasons_of(world.decide(whole_request(1))).empty()) << policy;
  }
}

}  // namespace
}  // namespace gpusched
