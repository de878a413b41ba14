#include "gpusched/cluster/cluster_state.hpp"

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "cluster_builders.hpp"

namespace gpusched {
namespace {

using namespace test;

class ClusterStateTest : public ::testing::Test {
 protected:
  NodeId add(NodeSpec node) {
    const std::string name = node.name;
    EXPECT_TRUE(state.apply({0, NodeAdded{std::move(node)}}).ok());
    state.node_order();
    return state.find_node(name);
  }
  PodId submit(const GpuRequest& request, std::uint64_t version = 0) {
    const PodId pod{next_pod++};
    EXPECT_TRUE(state.apply({0, PodSubmitted{pod, state.intern(request), version}}).ok());
    return pod;
  }
  PodId bind(const GpuRequest& request, const Candidate& place) {
    const PodId pod = submit(request);
    const Status bound = state.apply({0, PodBound{pod, place, 0}});
    EXPECT_TRUE(bound.ok()) << (bound.ok() ? "" : bound.error().to_string());
    return pod;
  }
  const GpuState& gpu(NodeId node, std::size_t device) const { return state.node(node).state.gpus[device]; }
  PodPhase phase(PodId pod) const { return state.pod(pod)->phase; }
  /// Applies an event that must fail, and checks that nothing at all is different afterwards.
  ErrorCode refusal(const Event& event) {
    const std::string before = visible_state(state) + gpu_index_text(state);
    const Status status = state.apply(event);
    EXPECT_FALSE(status.ok());
    EXPECT_EQ(visible_state(state) + gpu_index_text(state), before);
    if (status.ok()) {
      return ErrorCode::io;
    }
    EXPECT_FALSE(status.error().message.empty());
    return status.error().code;
  }
  /// Applies an event that must be accepted and change nothing.
  void expect_ignored(const Event& event) {
    const std::string before = visible_state(state) + gpu_index_text(state);
    const Status status = state.apply(event);
    EXPECT_TRUE(status.ok()) << (status.ok() ? "" : status.error().to_string());
    EXPECT_EQ(visible_state(state) + gpu_index_text(state), before);
  }

  ClusterState state;
  std::uint32_t next_pod = 0;
};

TEST_F(ClusterStateTest, AnEmptyStateHasNothing) {
  EXPECT_TRUE(state.nodes().empty());
  EXPECT_FALSE(state.find_node("a").valid());
  EXPECT_EQ(state.pod(PodId{0}), nullptr);
  EXPECT_EQ(state.last_placed_node_order(), -1);
  EXPECT_EQ(state.last_placed_gpu(), -1);
  EXPECT_EQ(state.total_gpus(), 0);
}

TEST_F(ClusterStateTest, AddedNodeIsFreeAndReady) {
  const NodeId node = add(gpu_node("a", "A100-80GB", 2));
  EXPECT_EQ(state.node(node).health, NodeHealth::ready);
  EXPECT_TRUE(state.node(node).state.schedulable);
  EXPECT_EQ(state.node(node).state.cpu_free_milli, 32'000);
  EXPECT_EQ(state.node(node).state.memory_free_mib, 131'072);
  EXPECT_TRUE(gpu(node, 0).idle());
  EXPECT_EQ(gpu(node, 1).free_memory_mib, 81'920);
  EXPECT_TRUE(state.node(node).takes_mig);
  EXPECT_EQ(state.total_gpus(), 2);
  EXPECT_EQ(state.mig_gpus(), 2);
  EXPECT_EQ(state.total_mig_units(), 16);
  EXPECT_EQ(state.active_gpus(), 0);
}

TEST_F(ClusterStateTest, UnknownDeviceMemoryIsMarkedAsSuch) {
  NodeSpec spec = gpu_node("a", "A100-80GB", 1);
  spec.gpus[0].memory_mib = 0;
  EXPECT_EQ(gpu(add(spec), 0).free_memory_mib, -1);
}

TEST_F(ClusterStateTest, OnlyModelsWithPlacementsAndNodesThatAllowItTakeInstances) {
  EXPECT_TRUE(state.node(add(gpu_node("any", "A100-80GB", 1, NodeSharing::any))).takes_mig);
  EXPECT_TRUE(state.node(add(gpu_node("mig", "A100-80GB", 1, NodeSharing::mig))).takes_mig);
  EXPECT_FALSE(state.node(add(gpu_node("exclusive", "A100-80GB", 1, NodeSharing::exclusive))).takes_mig);
  EXPECT_FALSE(state.node(add(gpu_node("mps", "A100-80GB", 1, NodeSharing::mps))).takes_mig);
  EXPECT_FALSE(state.node(add(gpu_node("old", "T4", 1, NodeSharing::any))).takes_mig);
  EXPECT_FALSE(state.node(add(gpu_node("cpu", "", 0))).takes_mig);
  EXPECT_EQ(state.mig_gpus(), 2);
  EXPECT_EQ(state.total_gpus(), 5);
}

TEST_F(ClusterStateTest, ARepeatedNodeChangesNothing) {
  add(gpu_node("a", "A100-80GB", 2));
  expect_ignored({1, NodeAdded{gpu_node("a", "A100-80GB", 8)}});
}

TEST_F(ClusterStateTest, ANodeOfSeveralModelsIsRefused) {
  add(gpu_node("z", "T4", 1));
  NodeSpec mixed = gpu_node("a", "A100-80GB", 1);
  mixed.gpus.push_back({.model = model_named("T4"), .memory_mib = 16'384});
  EXPECT_EQ(refusal({0, NodeAdded{mixed}}), ErrorCode::unsupported);
  EXPECT_FALSE(state.find_node("a").valid());
}

TEST_F(ClusterStateTest, OrderIsByNameWithoutRanksAndByRankWithThem) {
  add(gpu_node("b", "T4", 1));
  add(gpu_node("a", "T4", 2));
  std::vector<std::string> names;
  for (const NodeId id : state.node_order()) {
    names.push_back(state.node(id).spec.name);
  }
  EXPECT_EQ(names, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(state.first_gpu(state.find_node("b")), 2U);
  EXPECT_EQ(state.gpu_at(1), (std::pair{state.find_node("a"), std::uint16_t{1}}));
  EXPECT_EQ(state.gpu_at(2), (std::pair{state.find_node("b"), std::uint16_t{0}}));

  ClusterState ranked;
  for (const auto& [name, rank] : {std::pair{"a", 7}, {"b", 3}}) {
    NodeSpec spec = gpu_node(name, "T4", 1);
    spec.rank = rank;
    ASSERT_TRUE(ranked.apply({0, NodeAdded{spec}}).ok());
  }
  EXPECT_EQ(ranked.node_order()[0], ranked.find_node("b"));
}

TEST_F(ClusterStateTest, NodesOfOneKindShareAShape) {
  add(gpu_node("a", "T4", 1));
  add(gpu_node("b", "T4", 1));
  add(gpu_node("c", "T4", 2));
  EXPECT_EQ(state.shapes().size(), 2U);
}

TEST_F(ClusterStateTest, TopologyVersionChangesWithNodesOnly) {
  const std::uint64_t empty = state.topology_version();
  const NodeId node = add(gpu_node("a", "T4", 1));
  const std::uint64_t one = state.topology_version();
  EXPECT_NE(one, empty);
  bind(share_request(100), place_on(node, {share_on(0, 100)}));
  EXPECT_EQ(state.topology_version(), one);
}

TEST_F(ClusterStateTest, SubmittedPodIsPendingAndCountsForItsClass) {
  const PodId first = submit(share_request(500));
  submit(share_request(500));
  submit(whole_request(1));
  EXPECT_EQ(phase(first), PodPhase::pending);
  EXPECT_EQ(state.arrival_count(), 3);
  EXPECT_EQ(state.arrivals()[state.intern(share_request(500)).value], 2);
  EXPECT_EQ(state.arrivals()[state.intern(whole_request(1)).value], 1);
}

TEST_F(ClusterStateTest, SubmittingTwiceCountsOnce) {
  const PodId pod = submit(share_request(500), 4);
  expect_ignored({0, PodSubmitted{pod, state.intern(share_request(500)), 4}});
  expect_ignored({0, PodSubmitted{pod, state.intern(share_request(500)), 5}});
}

TEST_F(ClusterStateTest, AShareTakesItsPartAndReleaseGivesItBack) {
  const NodeId node = add(gpu_node("a", "T4", 2));
  const std::string empty = text_of(state.node(node).state);
  GpuRequest request = share_request(300, 1000);
  request.cpu_milli = 500;
  request.memory_mib = 700;
  const PodId pod = submit(request);
  ASSERT_TRUE(state.apply({0, Reserved{pod, place_on(node, {share_on(1, 300, 1000)})}}).ok());
  EXPECT_EQ(phase(pod), PodPhase::reserved);
  EXPECT_EQ(gpu(node, 1).free_milli, 700);
  EXPECT_EQ(gpu(node, 1).free_memory_mib, *gpu_model(model_named("T4")).memory_mib - 1000);
  EXPECT_EQ(gpu(node, 0).free_milli, 1000);
  EXPECT_EQ(state.node(node).state.cpu_free_milli, 31'500);
  EXPECT_EQ(state.node(node).state.memory_free_mib, 131'072 - 700);
  EXPECT_EQ(state.used_gpu_milli(), 300);
  EXPECT_EQ(state.active_gpus(), 1);
  ASSERT_TRUE(state.apply({0, ReservationReleased{pod}}).ok());
  EXPECT_EQ(phase(pod), PodPhase::pending);
  EXPECT_EQ(text_of(state.node(node).state), empty);
  EXPECT_EQ(state.used_gpu_milli(), 0);
  EXPECT_EQ(state.active_gpus(), 0);
  EXPECT_TRUE(state.node(node).pods.empty());
}

TEST_F(ClusterStateTest, ReservingTwiceIsIgnoredAndElsewhereRefused) {
  const NodeId node = add(gpu_node("a", "T4", 2));
  const PodId pod = submit(share_request(300));
  ASSERT_TRUE(state.apply({0, Reserved{pod, place_on(node, {share_on(0, 300)})}}).ok());
  expect_ignored({0, Reserved{pod, place_on(node, {share_on(0, 300)})}});
  EXPECT_EQ(refusal({0, Reserved{pod, place_on(node, {share_on(1, 300)})}}), ErrorCode::invalid_argument);
}

TEST_F(ClusterStateTest, APodGoesThroughItsPhases) {
  const NodeId node = add(gpu_node("a", "T4", 1));
  const Candidate place = place_on(node, {share_on(0, 1000)});
  const PodId pod = submit(whole_request(1));
  ASSERT_TRUE(state.apply({0, Reserved{pod, place}}).ok());
  ASSERT_TRUE(state.apply({0, PodBound{pod, place, 0}}).ok());
  EXPECT_EQ(phase(pod), PodPhase::bound);
  expect_ignored({0, ReservationReleased{pod}});
  ASSERT_TRUE(state.apply({0, PodStarted{pod, 0}}).ok());
  EXPECT_EQ(phase(pod), PodPhase::running);
  expect_ignored({0, PodBound{pod, place, 0}});
  EXPECT_EQ(gpu(node, 0).free_milli, 0);
  ASSERT_TRUE(state.apply({0, PodFinished{pod, 0}}).ok());
  EXPECT_EQ(phase(pod), PodPhase::absent);
  EXPECT_TRUE(gpu(node, 0).idle());
  expect_ignored({0, PodFinished{pod, 0}});
  expect_ignored({0, PodEvicted{pod, 0}});
}

TEST_F(ClusterStateTest, StartingAPodThatHoldsNothingChangesNothing) {
  const PodId pod = submit(share_request(100));
  expect_ignored({0, PodStarted{pod, 0}});
}

TEST_F(ClusterStateTest, TheNodesWordCountsWhenThePodIsBoundElsewhere) {
  const NodeId a = add(gpu_node("a", "T4", 2));
  const NodeId b = add(gpu_node("b", "T4", 2));
  const std::string empty = text_of(state.node(a).state);
  const PodId pod = submit(share_request(300));
  ASSERT_TRUE(state.apply({0, Reserved{pod, place_on(a, {share_on(0, 300)})}}).ok());
  ASSERT_TRUE(state.apply({0, PodBound{pod, place_on(b, {share_on(1, 300)}), 0}}).ok());
  EXPECT_EQ(text_of(state.node(a).state), empty);
  EXPECT_TRUE(state.node(a).pods.empty());
  EXPECT_EQ(gpu(b, 1).free_milli, 700);
  EXPECT_EQ(state.pod(pod)->placement.node, b);
  EXPECT_EQ(state.used_gpu_milli(), 300);
}

TEST_F(ClusterStateTest, ABoundPlaceMayOverlapThePodsOwnReservation) {
  const NodeId node = add(gpu_node("a", "T4", 1));
  const PodId pod = submit(share_request(800));
  ASSERT_TRUE(state.apply({0, Reserved{pod, place_on(node, {share_on(0, 800)})}}).ok());
  ASSERT_TRUE(state.apply({0, PodBound{pod, place_on(node, {share_on(0, 700)}), 0}}).ok());
  EXPECT_EQ(gpu(node, 0).free_milli, 300);
}

TEST_F(ClusterStateTest, ABoundPlaceThatDoesNotFitKeepsTheReservation) {
  const NodeId node = add(gpu_node("a", "T4", 2));
  bind(whole_request(1), place_on(node, {share_on(1, 1000)}));
  const PodId pod = submit(share_request(300));
  ASSERT_TRUE(state.apply({0, Reserved{pod, place_on(node, {share_on(0, 300)})}}).ok());
  EXPECT_EQ(refusal({0, PodBound{pod, place_on(node, {share_on(1, 300)}), 0}}), ErrorCode::invalid_argument);
  EXPECT_EQ(phase(pod), PodPhase::reserved);
}

TEST_F(ClusterStateTest, LateVersionsChangeNothing) {
  const NodeId node = add(gpu_node("a", "T4", 2));
  const PodId pod = submit(share_request(300), 5);
  const Candidate place = place_on(node, {share_on(0, 300)});
  expect_ignored({0, PodBound{pod, place, 5}});
  expect_ignored({0, PodFinished{pod, 4}});
  ASSERT_TRUE(state.apply({0, PodBound{pod, place, 6}}).ok());
  EXPECT_EQ(state.pod(pod)->version, 6U);
  expect_ignored({0, PodStarted{pod, 6}});
  expect_ignored({0, PodEvicted{pod, 3}});
  expect_ignored({0, PodFinished{pod, 6}});
  ASSERT_TRUE(state.apply({0, PodFinished{pod, 7}}).ok());
  EXPECT_EQ(phase(pod), PodPhase::absent);
  expect_ignored({0, PodSubmitted{pod, state.intern(share_request(300)), 5}});
  expect_ignored({0, PodSubmitted{pod, state.intern(share_request(300)), 7}});
}

TEST_F(ClusterStateTest, AnEvictedPodWaitsAgain) {
  const NodeId node = add(gpu_node("a", "T4", 1));
  const PodId pod = bind(with_priority(share_request(300), 10), place_on(node, {share_on(0, 300)}));
  EXPECT_EQ(state.held_by_priority().size(), 1U);
  ASSERT_TRUE(state.apply({0, PodEvicted{pod, 0}}).ok());
  EXPECT_EQ(phase(pod), PodPhase::pending);
  EXPECT_TRUE(gpu(node, 0).idle());
  EXPECT_TRUE(state.held_by_priority().empty());
  EXPECT_EQ(state.arrival_count(), 1) << "an eviction is no arrival";
  expect_ignored({0, PodEvicted{pod, 0}});
}

TEST_F(ClusterStateTest, ANodeWithPodsCannotBeRemoved) {
  const NodeId node = add(gpu_node("a", "A100-80GB", 1));
  add(gpu_node("b", "A100-80GB", 1));
  const PodId pod = bind(share_request(300), place_on(node, {share_on(0, 300)}));
  EXPECT_EQ(refusal({0, NodeRemoved{node}}), ErrorCode::invalid_argument);
  ASSERT_TRUE(state.apply({0, PodFinished{pod, 0}}).ok());
  ASSERT_TRUE(state.apply({0, NodeRemoved{node}}).ok());
  EXPECT_TRUE(state.node(node).removed);
  EXPECT_EQ(state.total_gpus(), 1);
  EXPECT_EQ(state.mig_gpus(), 1);
  EXPECT_EQ(state.total_mig_units(), 8);
  EXPECT_EQ(state.node_order().size(), 1U);
  expect_ignored({0, NodeRemoved{node}});
}

TEST_F(ClusterStateTest, ANodeMayComeBackUnderItsName) {
  const NodeId before = add(gpu_node("a", "T4", 1));
  ASSERT_TRUE(state.apply({0, NodeRemoved{before}}).ok());
  const NodeId after = add(gpu_node("a", "T4", 4));
  EXPECT_NE(after, before);
  EXPECT_EQ(state.total_gpus(), 4);
  EXPECT_EQ(state.node_order().size(), 1U);
  EXPECT_EQ(refusal({0, HealthChanged{before, NodeHealth::down}}), ErrorCode::not_found);
}

TEST_F(ClusterStateTest, HealthDecidesWhetherANodeTakesPods) {
  const NodeId node = add(gpu_node("a", "A100-80GB", 1));
  const std::string ready = gpu_index_text(state);
  EXPECT_FALSE(ready.empty());
  for (const NodeHealth health : {NodeHealth::draining, NodeHealth::down}) {
    ASSERT_TRUE(state.apply({0, HealthChanged{node, health}}).ok());
    EXPECT_EQ(state.node(node).health, health);
    EXPECT_FALSE(state.node(node).state.schedulable);
    EXPECT_EQ(gpu_index_text(state), "");
  }
  ASSERT_TRUE(state.apply({0, HealthChanged{node, NodeHealth::ready}}).ok());
  EXPECT_TRUE(state.node(node).state.schedulable);
  EXPECT_EQ(gpu_index_text(state), ready);
  expect_ignored({0, HealthChanged{node, NodeHealth::ready}});
}

TEST_F(ClusterStateTest, InstancesTakeUnitsAndCountAsActive) {
  const NodeId node = add(gpu_node("a", "A100-80GB", 2, NodeSharing::mig));
  const PodId pod = bind(mig_request("3g.40gb"), place_on(node, {instance_on(1, "A100-80GB", "3g.40gb", 4)}));
  EXPECT_EQ(gpu(node, 1).mig_occupancy, 0xf0);
  EXPECT_EQ(gpu(node, 1).free_milli, 1000) << "the MIG-off device is not what an instance takes";
  EXPECT_EQ(gpu(node, 1).shareable_milli(), 0);
  EXPECT_EQ(state.used_mig_units(), 4);
  EXPECT_EQ(state.used_gpu_milli(), 0);
  EXPECT_EQ(state.active_gpus(), 1);
  bind(mig_request("1g.10gb"), place_on(node, {instance_on(1, "A100-80GB", "1g.10gb", 0)}));
  EXPECT_EQ(state.active_gpus(), 1);
  EXPECT_EQ(state.used_mig_units(), 5);
  ASSERT_TRUE(state.apply({0, PodFinished{pod, 0}}).ok());
  EXPECT_EQ(gpu(node, 1).mig_occupancy, 0x01);
  EXPECT_EQ(state.used_mig_units(), 1);
  EXPECT_EQ(state.active_gpus(), 1);
}

TEST_F(ClusterStateTest, LabelsAreInUseWhileTheirInstanceLives) {
  const NodeId node = add(gpu_node("a", "A100-80GB", 1, NodeSharing::mig));
  const PodId pod = bind(mig_request("1g.10gb+me"), place_on(node, {instance_on(0, "A100-80GB", "1g.10gb+me", 0)}));
  EXPECT_EQ(gpu(node, 0).mig_labels, mig_label_media);
  bind(mig_request("1g.10gb"), place_on(node, {instance_on(0, "A100-80GB", "1g.10gb", 1)}));
  EXPECT_EQ(gpu(node, 0).mig_labels, mig_label_media);
  ASSERT_TRUE(state.apply({0, PodFinished{pod, 0}}).ok());
  EXPECT_EQ(gpu(node, 0).mig_labels, 0);
}

TEST_F(ClusterStateTest, TenantsAreCountedWhereTheNodeLimitsThem) {
  NodeSpec limited = gpu_node("a", "T4", 1, NodeSharing::time_slice);
  limited.replicas = 4;
  const NodeId a = add(limited);
  const NodeId b = add(gpu_node("b", "T4", 1, NodeSharing::time_slice));
  const PodId pod = bind(share_request(100), place_on(a, {share_on(0, 100)}));
  bind(share_request(100), place_on(a, {share_on(0, 100)}));
  bind(share_request(100), place_on(b, {share_on(0, 100)}));
  EXPECT_EQ(gpu(a, 0).tenants, 2);
  EXPECT_EQ(gpu(b, 0).tenants, 0) << "nobody asks where nobody limits: fewer classes";
  ASSERT_TRUE(state.apply({0, PodFinished{pod, 0}}).ok());
  EXPECT_EQ(gpu(a, 0).tenants, 1);
}

TEST_F(ClusterStateTest, HostedKindsFollowThePods) {
  const NodeId node = add(gpu_node("a", "T4", 8));
  const PodId share = bind(share_request(100), place_on(node, {share_on(0, 100)}));
  const PodId again = bind(share_request(200), place_on(node, {share_on(0, 200)}));
  bind(cpu_request(100), place_on(node));
  EXPECT_EQ(state.node(node).state.hosted_kinds, 0x81);
  EXPECT_EQ(state.node(node).hosted_count[0], 2);
  ASSERT_TRUE(state.apply({0, PodFinished{share, 0}}).ok());
  EXPECT_EQ(state.node(node).state.hosted_kinds, 0x81);
  ASSERT_TRUE(state.apply({0, PodFinished{again, 0}}).ok());
  EXPECT_EQ(state.node(node).state.hosted_kinds, 0x80);
}

TEST_F(ClusterStateTest, CursorsNameTheLastBoundPod) {
  add(gpu_node("a", "T4", 2));
  const NodeId b = add(gpu_node("b", "T4", 4));
  const PodId pod = submit(share_request(100));
  ASSERT_TRUE(state.apply({0, Reserved{pod, place_on(b, {share_on(3, 100)})}}).ok());
  EXPECT_EQ(state.last_placed_node_order(), -1) << "a reservation is no placement yet";
  ASSERT_TRUE(state.apply({0, PodBound{pod, place_on(b, {share_on(3, 100)}), 0}}).ok());
  EXPECT_EQ(state.last_placed_node_order(), 1);
  EXPECT_EQ(state.last_placed_gpu(), 2 + 3);
  bind(cpu_request(100), place_on(state.find_node("a")));
  EXPECT_EQ(state.last_placed_node_order(), 0);
  EXPECT_EQ(state.last_placed_gpu(), 5) << "a pod without GPU leaves the GPU cursor alone";
}

TEST_F(ClusterStateTest, PrioritiesOfHoldersAreSortedAndCounted) {
  const NodeId node = add(gpu_node("a", "T4", 1));
  bind(with_priority(share_request(100), 50), place_on(node, {share_on(0, 100)}));
  const PodId low = bind(with_priority(share_request(100), -5), place_on(node, {share_on(0, 100)}));
  bind(with_priority(share_request(100), 50), place_on(node, {share_on(0, 100)}));
  using Entries = std::vector<std::pair<std::int32_t, std::int64_t>>;
  const auto entries = [&] { return Entries(state.held_by_priority().begin(), state.held_by_priority().end()); };
  EXPECT_EQ(entries(), (Entries{{-5, 1}, {50, 2}}));
  ASSERT_TRUE(state.apply({0, PodFinished{low, 0}}).ok());
  EXPECT_EQ(entries(), (Entries{{50, 2}}));
}

TEST_F(ClusterStateTest, ChangedNodesAreHandedOutOnceInOrderOfFirstChange) {
  const NodeId a = add(gpu_node("a", "T4", 2));
  const NodeId b = add(gpu_node("b", "T4", 2));
  state.take_changed_nodes();
  bind(share_request(100), place_on(b, {share_on(0, 100)}));
  bind(share_request(100), place_on(a, {share_on(0, 100)}));
  bind(share_request(100), place_on(b, {share_on(0, 100)}));
  EXPECT_EQ(state.take_changed_nodes(), (std::vector{b, a}));
  EXPECT_TRUE(state.take_changed_nodes().empty());
}

TEST_F(ClusterStateTest, EventsOnUnknownThingsAreErrorsOrIgnored) {
  const NodeId node = add(gpu_node("a", "T4", 1));
  const PodId nobody{99};
  EXPECT_EQ(refusal({0, NodeRemoved{NodeId{7}}}), ErrorCode::not_found);
  EXPECT_EQ(refusal({0, HealthChanged{NodeId{}, NodeHealth::down}}), ErrorCode::not_found);
  EXPECT_EQ(refusal({0, PodSubmitted{nobody, RequestClassId{99}, 0}}), ErrorCode::not_found);
  EXPECT_EQ(refusal({0, Reserved{nobody, place_on(node)}}), ErrorCode::not_found);
  EXPECT_EQ(refusal({0, PodBound{nobody, place_on(node), 0}}), ErrorCode::not_found);
  EXPECT_EQ(refusal({0, PodStarted{nobody, 0}}), ErrorCode::not_found);
  // The end of something we never saw is no news.
  expect_ignored({0, PodFinished{nobody, 0}});
  expect_ignored({0, PodEvicted{nobody, 0}});
  expect_ignored({0, ReservationReleased{nobody}});
  expect_ignored({0, Tick{}});
}

TEST_F(ClusterStateTest, PlacesThatDoNotFitAreRefusedWhole) {
  const NodeId t4 = add(gpu_node("t4", "T4", 2));
  const NodeId a100 = add(gpu_node("a100", "A100-80GB", 2));
  bind(share_request(600), place_on(t4, {share_on(0, 600)}));
  bind(mig_request("1g.10gb"), place_on(a100, {instance_on(0, "A100-80GB", "1g.10gb", 0)}));
  bind(whole_request(1), place_on(a100, {share_on(1, 1000)}));
  const auto refused = [&](const GpuRequest& request, const Candidate& place) {
    const PodId pod = submit(request);
    const ErrorCode reserved = refusal({0, Reserved{pod, place}});
    EXPECT_EQ(refusal({0, PodBound{pod, place, 0}}), reserved);
    return reserved;
  };
  EXPECT_EQ(refused(share_request(401), place_on(t4, {share_on(0, 401)})), ErrorCode::invalid_argument);
  EXPECT_EQ(refused(share_request(100, 20'000), place_on(t4, {share_on(1, 100, 20'000)})), ErrorCode::invalid_argument);
  EXPECT_EQ(refused(cpu_request(32'001), place_on(t4)), ErrorCode::invalid_argument);
  EXPECT_EQ(refused(cpu_request(0, 131'073), place_on(t4)), ErrorCode::invalid_argument);
  EXPECT_EQ(refused(share_request(100), place_on(t4, {share_on(2, 100)})), ErrorCode::not_found);
  EXPECT_EQ(refused(share_request(100), place_on(NodeId{9}, {share_on(0, 100)})), ErrorCode::not_found);
  EXPECT_EQ(refused(share_request(100), place_on(a100, {share_on(0, 100)})), ErrorCode::invalid_argument)
      << "a GPU cut by MIG takes no shares";
  EXPECT_EQ(refused(mig_request("2g.20gb"), place_on(a100, {instance_on(0, "A100-80GB", "2g.20gb", 0)})),
            ErrorCode::invalid_argument)
      << "instances must not overlap";
  EXPECT_EQ(refused(mig_request("1g.10gb"), place_on(a100, {instance_on(1, "A100-80GB", "1g.10gb", 0)})),
            ErrorCode::invalid_argument)
      << "a GPU held whole takes no instance";
  // Of several parts the last does not fit: the first must not stay.
  EXPECT_EQ(refused(whole_request(2), place_on(t4, {share_on(1, 1000), share_on(0, 1000)})),
            ErrorCode::invalid_argument);
}

TEST_F(ClusterStateTest, APlaceThatNamesADeviceTwiceMustFitBothParts) {
  const NodeId node = add(gpu_node("a", "A100-80GB", 1));
  GpuRequest two_shares = share_request(600);
  two_shares.num_gpu = 2;
  const PodId shares = submit(two_shares);
  EXPECT_EQ(refusal({0, Reserved{shares, place_on(node, {share_on(0, 600), share_on(0, 600)})}}),
            ErrorCode::invalid_argument);
  const PodId instances = submit(mig_request("1g.10gb", 2));
  EXPECT_EQ(refusal({0, Reserved{instances, place_on(node, {instance_on(0, "A100-80GB", "1g.10gb", 3),
                                                            instance_on(0, "A100-80GB", "1g.10gb", 3)})}}),
            ErrorCode::invalid_argument);
}

TEST_F(ClusterStateTest, AnInstanceOutsideItsGpuIsRefused) {
  const NodeId node = add(gpu_node("a", "A100-80GB", 1));
  GpuAssignment outside = instance_on(0, "A100-80GB", "1g.10gb", 0);
  outside.range.start = 8;
  const PodId pod = submit(mig_request("1g.10gb"));
  EXPECT_EQ(refusal({0, Reserved{pod, place_on(node, {outside})}}), ErrorCode::invalid_argument);
}

TEST_F(ClusterStateTest, AnInstanceOnAModelWithoutMigIsRefused) {
  const NodeId node = add(gpu_node("a", "T4", 1));
  const PodId pod = submit(mig_request("1g.10gb"));
  EXPECT_EQ(refusal({0, Reserved{pod, place_on(node, {instance_on(0, "A100-80GB", "1g.10gb", 0)})}}),
            ErrorCode::invalid_argument);
}

TEST_F(ClusterStateTest, ALabelInUseIsRefused) {
  const NodeId node = add(gpu_node("a", "A100-80GB", 1));
  bind(mig_request("1g.10gb+me"), place_on(node, {instance_on(0, "A100-80GB", "1g.10gb+me", 0)}));
  const PodId pod = submit(mig_request("1g.10gb+me"));
  EXPECT_EQ(refusal({0, Reserved{pod, place_on(node, {instance_on(0, "A100-80GB", "1g.10gb+me", 1)})}}),
            ErrorCode::invalid_argument);
}

TEST_F(ClusterStateTest, AFailedMoveKeepsTheOrderOfPodsOnTheNode) {
  const NodeId node = add(gpu_node("a", "T4", 2));
  const PodId first = submit(share_request(300));
  ASSERT_TRUE(state.apply({0, Reserved{first, place_on(node, {share_on(0, 300)})}}).ok());
  bind(whole_request(1), place_on(node, {share_on(1, 1000)}));
  EXPECT_EQ(refusal({0, PodBound{first, place_on(node, {share_on(1, 300)}), 0}}), ErrorCode::invalid_argument);
}

TEST(ClusterStateFoldTest, CursorsDoNotDependOnWhenTheOrderWasRead) {
  const auto cursors = [](bool read_order) {
    ClusterState state;
    EXPECT_TRUE(state.apply({0, NodeAdded{gpu_node("b", "T4", 1)}}).ok());
    EXPECT_TRUE(state.apply({0, NodeAdded{gpu_node("a", "T4", 1)}}).ok());
    if (read_order) {
      state.node_order();
    }
    EXPECT_TRUE(state.apply({0, PodSubmitted{PodId{0}, state.intern(share_request(100)), 0}}).ok());
    EXPECT_TRUE(state.apply({0, PodBound{PodId{0}, place_on(state.find_node("b"), {share_on(0, 100)}), 0}}).ok());
    state.node_order();
    return std::pair{state.last_placed_node_order(), state.last_placed_gpu()};
  };
  EXPECT_EQ(cursors(false), cursors(true));
}

}  // namespace
}  // namespace gpusched
