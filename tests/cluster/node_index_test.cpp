#include "gpusched/cluster/node_index.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "gpusched/base/philox.hpp"

#include "cluster_builders.hpp"

namespace gpusched {
namespace {

using namespace test;

/// What the view sees of a node.
NodeState seen_by(NodeView view, const NodeState& state) {
  NodeState seen = view.gpu_identity == GpuIdentity::interchangeable ? with_sorted_gpus(state) : state;
  if (!view.reads_hosted_kinds) {
    seen.hosted_kinds = 0;
  }
  return seen;
}

/// Compares the index with a grouping of all nodes made anew.
void expect_matches_brute_force(NodeView view, NodeIndex& index, ClusterState& state) {
  std::map<std::string, std::vector<std::uint32_t>> groups;
  const auto order = state.node_order();
  ASSERT_EQ(index.order_count(), order.size());
  for (std::uint32_t i = 0; i < order.size(); ++i) {
    groups[text_of(seen_by(view, state.node(order[i]).state))].push_back(i);
  }
  std::uint32_t live = 0;
  for (std::uint32_t slot = 0; slot < index.slot_count(); ++slot) {
    if (!index.is_live(slot)) {
      continue;
    }
    ++live;
    const NodeState& shown = index.state_of_slot(slot);
    const auto group = groups.find(text_of(shown));
    ASSERT_NE(group, groups.end()) << text_of(shown);
    ASSERT_EQ(index.member_count(slot), group->second.size());
    ASSERT_EQ(index.first_member(slot), group->second.front());
    ASSERT_EQ(index.memory_free_of_slot()[slot], shown.memory_free_mib);
    for (std::uint32_t after = 0; after < order.size(); after += 3) {
      const auto next = std::upper_bound(group->second.begin(), group->second.end(), after);
      ASSERT_EQ(index.first_member_after(slot, after), next == group->second.end() ? 0xffffffffU : *next);
    }
    for (const std::uint32_t member : group->second) {
      ASSERT_EQ(index.slot_of_order(member), slot);
    }
  }
  ASSERT_EQ(live, groups.size());
}

class NodeIndexRandomTest : public ::testing::TestWithParam<NodeView> {};

TEST_P(NodeIndexRandomTest, AgreesWithAGroupingMadeAnew) {
  Philox draws(7, StreamPurpose::order);
  ClusterState state;
  for (int i = 0; i < 24; ++i) {
    ASSERT_TRUE(
        state.apply({0, NodeAdded{gpu_node("n" + std::to_string(i), i % 3 == 0 ? "T4" : "A100-80GB", 2)}}).ok());
  }
  NodeIndex index(GetParam());
  std::vector<PodId> held;
  std::uint32_t next_pod = 0;
  for (int step = 0; step < 600; ++step) {
    const NodeId node{draws.next_below(static_cast<std::uint32_t>(state.nodes().size()))};
    const std::uint32_t what = draws.next_below(20);
    if (what < 9) {
      const PodId pod{next_pod++};
      const auto milli = static_cast<std::uint16_t>(250 * (1 + draws.next_below(2)));
      const auto device = static_cast<std::uint16_t>(draws.next_below(2));
      GpuRequest request = share_request(milli);
      request.memory_mib = 1024;
      ASSERT_TRUE(state.apply({0, PodSubmitted{pod, state.intern(request), 0}}).ok());
      if (state.apply({0, PodBound{pod, place_on(node, {share_on(device, milli)}), 0}}).ok()) {
        held.push_back(pod);
      }
    } else if (what < 17 && !held.empty()) {
      const std::uint32_t which = draws.next_below(static_cast<std::uint32_t>(held.size()));
      ASSERT_TRUE(state.apply({0, PodFinished{held[which], 0}}).ok());
      held.erase(held.begin() + which);
    } else if (what == 17 && !state.node(node).removed) {
      ASSERT_TRUE(state.apply({0, HealthChanged{node, static_cast<NodeHealth>(draws.next_below(3))}}).ok());
    } else if (what == 18 && step % 5 == 0) {
      ASSERT_TRUE(state.apply({0, NodeAdded{gpu_node("m" + std::to_string(step), "T4", 2)}}).ok());
    } else if (what == 19 && step % 5 == 0 && state.node(node).pods.empty()) {
      ASSERT_TRUE(state.apply({0, NodeRemoved{node}}).ok());
    }
    if (step % 3 == 0) {
      index.sync(state);
      ASSERT_NO_FATAL_FAILURE(expect_matches_brute_force(GetParam(), index, state)) << "step " << step;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Views, NodeIndexRandomTest,
    ::testing::Values(NodeView{.gpu_identity = GpuIdentity::interchangeable, .reads_hosted_kinds = false},
                      NodeView{.gpu_identity = GpuIdentity::positional, .reads_hosted_kinds = false},
                      NodeView{.gpu_identity = GpuIdentity::positional, .reads_hosted_kinds = true}),
    [](const auto& param) {
      return std::string(param.param.gpu_identity == GpuIdentity::positional ? "Positional" : "Interchangeable") +
             (param.param.reads_hosted_kinds ? "WithKinds" : "");
    });

class NodeIndexTest : public ::testing::Test {
 protected:
  NodeIndexTest() {
    for (const char* name : {"a", "b", "c"}) {
      EXPECT_TRUE(state.apply({0, NodeAdded{gpu_node(name, "T4", 2)}}).ok());
    }
  }
  PodId bind(const char* node, std::uint16_t device) {
    const PodId pod{next_pod++};
    EXPECT_TRUE(state.apply({0, PodSubmitted{pod, state.intern(share_request(500)), 0}}).ok());
    EXPECT_TRUE(state.apply({0, PodBound{pod, place_on(state.find_node(node), {share_on(device, 500)}), 0}}).ok());
    return pod;
  }
  static std::uint32_t live_slots(const NodeIndex& index) {
    std::uint32_t live = 0;
    for (std::uint32_t slot = 0; slot < index.slot_count(); ++slot) {
      live += index.is_live(slot) ? 1 : 0;
    }
    return live;
  }

  ClusterState state;
  std::uint32_t next_pod = 0;
};

TEST_F(NodeIndexTest, PermutationsAreOneClassOnlyWhereGpusAreInterchangeable) {
  bind("a", 0);
  bind("b", 1);
  NodeIndex loose({.gpu_identity = GpuIdentity::interchangeable});
  NodeIndex strict({.gpu_identity = GpuIdentity::positional});
  loose.sync(state);
  strict.sync(state);
  EXPECT_EQ(live_slots(loose), 2U);
  EXPECT_EQ(loose.slot_of_order(0), loose.slot_of_order(1));
  EXPECT_EQ(live_slots(strict), 3U);
}

TEST_F(NodeIndexTest, HostedKindsMatterOnlyToThoseWhoReadThem) {
  const PodId pod{next_pod++};
  ASSERT_TRUE(state.apply({0, PodSubmitted{pod, state.intern(cpu_request(0)), 0}}).ok());
  ASSERT_TRUE(state.apply({0, PodBound{pod, place_on(state.find_node("b")), 0}}).ok());
  NodeIndex blind({.reads_hosted_kinds = false});
  NodeIndex reader({.reads_hosted_kinds = true});
  blind.sync(state);
  reader.sync(state);
  EXPECT_EQ(live_slots(blind), 1U);
  EXPECT_EQ(live_slots(reader), 2U);
}

TEST_F(NodeIndexTest, ASlotIsReusedAndTheLogNamesEveryChange) {
  NodeIndex index({});
  index.sync(state);
  ASSERT_EQ(live_slots(index), 1U);
  const std::size_t before = index.change_log().size();
  const std::uint64_t generation = index.generation();
  const PodId pod = bind("a", 0);
  index.sync(state);
  EXPECT_EQ(live_slots(index), 2U);
  EXPECT_EQ(index.change_log().size(), before + 1);
  const std::uint32_t slot = index.slot_of_order(0);
  EXPECT_EQ(index.change_log().back(), slot);
  ASSERT_TRUE(state.apply({0, PodFinished{pod, 0}}).ok());
  bind("c", 0);
  index.sync(state);
  EXPECT_EQ(live_slots(index), 2U);
  EXPECT_EQ(index.slot_count(), 2U) << "the free slot serves the next class";
  EXPECT_EQ(index.first_member(index.slot_of_order(2)), 2U);
  EXPECT_EQ(index.generation(), generation);
}

TEST_F(NodeIndexTest, ANewNodeStartsANewGeneration) {
  NodeIndex index({});
  index.sync(state);
  const std::uint64_t generation = index.generation();
  index.sync(state);
  EXPECT_EQ(index.generation(), generation);
  ASSERT_TRUE(state.apply({0, NodeAdded{gpu_node("d", "T4", 2)}}).ok());
  index.sync(state);
  EXPECT_NE(index.generation(), generation);
  EXPECT_EQ(index.order_count(), 4U);
}

TEST_F(NodeIndexTest, NoMemberBehindTheLast) {
  NodeIndex index({});
  index.sync(state);
  EXPECT_EQ(index.first_member_after(0, -1), 0U);
  EXPECT_EQ(index.first_member_after(0, 1), 2U);
  EXPECT_EQ(index.first_member_after(0, 2), 0xffffffffU);
}

}  // namespace
}  // namespace gpusched
