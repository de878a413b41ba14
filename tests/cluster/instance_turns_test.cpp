// MIG instances whose tenants take turns, in the cluster state.
#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "gpusched/base/philox.hpp"
#include "gpusched/cluster/cluster_state.hpp"

#include "cluster_builders.hpp"

namespace gpusched {
namespace {

using namespace test;

constexpr auto model = "A100-80GB";

GpuAssignment turns_on(const std::string& profile, std::int16_t start, std::int32_t memory_mib, std::uint16_t gpu = 0) {
  GpuAssignment part = instance_on(gpu, model, profile, start);
  part.sharing = PartitionSharing::time_slice;
  part.memory_mib = memory_mib;
  return part;
}

class InstanceTurnsTest : public testing::Test {
 protected:
  InstanceTurnsTest() { EXPECT_TRUE(state.apply({0, NodeAdded{gpu_node("n", model, 2)}}).ok()); }

  PodId submit() {
    const PodId pod{next_pod++};
    EXPECT_TRUE(state.apply({0, PodSubmitted{pod, state.intern(whole_request(1)), 0}}).ok());
    return pod;
  }
  /// The pod where there was room.
  PodId reserve(std::initializer_list<GpuAssignment> parts) {
    const PodId pod = submit();
    const std::string before = visible_state(state) + gpu_index_text(state);
    if (state.apply({0, Reserved{pod, place_on(NodeId{0}, parts)}}).ok()) {
      return pod;
    }
    EXPECT_EQ(visible_state(state) + gpu_index_text(state), before);
    return {};
  }
  void finish(PodId pod) { ASSERT_TRUE(state.apply({0, PodFinished{pod, 0}}).ok()); }
  const GpuState& gpu(std::size_t device = 0) const { return state.node(NodeId{0}).state.gpus[device]; }

  ClusterState state;
  std::uint32_t next_pod = 0;
};

TEST_F(InstanceTurnsTest, TenantsShareUnitsUntilTheLastLeaves) {
  state.node_order();
  const PodId a = reserve({turns_on("2g.20gb", 2, 5000)});
  const PodId b = reserve({turns_on("2g.20gb", 2, 6000)});
  ASSERT_TRUE(a.valid() && b.valid());
  EXPECT_EQ(gpu().mig_occupancy, 0b1100);
  EXPECT_EQ(gpu().turn_takers(2), 2);
  EXPECT_EQ(state.used_mig_units(), 2);
  finish(a);
  EXPECT_EQ(gpu().mig_occupancy, 0b1100);
  EXPECT_EQ(state.used_mig_units(), 2);
  finish(b);
  EXPECT_TRUE(gpu().idle());
  EXPECT_EQ(gpu(), gpu(1)) << "nothing is left of it";
  EXPECT_EQ(state.used_mig_units(), 0);
  EXPECT_EQ(state.active_gpus(), 0);
}

TEST_F(InstanceTurnsTest, TheInstancesMemoryIsNeverExceeded) {
  const auto all = static_cast<std::int32_t>(
      *gpu_model(model_named(model)).profiles[instance_on(0, model, "2g.20gb", 0).profile.value].memory_mib);
  EXPECT_FALSE(reserve({turns_on("2g.20gb", 0, all + 1)}).valid());
  EXPECT_TRUE(reserve({turns_on("2g.20gb", 0, all - 1000)}).valid());
  EXPECT_FALSE(reserve({turns_on("2g.20gb", 0, 1001)}).valid());
  EXPECT_TRUE(reserve({turns_on("2g.20gb", 0, 1000)}).valid());
}

TEST_F(InstanceTurnsTest, NobodyJoinsAnInstanceThatIsAnothersAlone) {
  const GpuAssignment alone = instance_on(0, model, "2g.20gb", 0);
  ASSERT_TRUE(reserve({alone}).valid());
  EXPECT_FALSE(reserve({turns_on("2g.20gb", 0, 1000)}).valid());
  ASSERT_TRUE(reserve({turns_on("2g.20gb", 2, 1000)}).valid());
  EXPECT_FALSE(reserve({instance_on(0, model, "2g.20gb", 2)}).valid());
  EXPECT_FALSE(reserve({turns_on("1g.10gb", 2, 1000)}).valid()) << "another profile";
  EXPECT_FALSE(reserve({turns_on("1g.10gb", 3, 1000)}).valid()) << "an overlap";
}

TEST_F(InstanceTurnsTest, AFifthTenantAndAHeldGpuAreRefused) {
  for (int i = 0; i < most_turn_takers; ++i) {
    EXPECT_TRUE(reserve({turns_on("3g.40gb", 4, 1000)}).valid());
  }
  EXPECT_FALSE(reserve({turns_on("3g.40gb", 4, 1000)}).valid());
  ASSERT_TRUE(reserve({turns_on("3g.40gb", 0, 1000)}).valid());
  ASSERT_TRUE(state.apply({0, GpuHeld{NodeId{0}, 0}}).ok());
  EXPECT_FALSE(reserve({turns_on("3g.40gb", 0, 1000)}).valid());
}

TEST_F(InstanceTurnsTest, OnePodDoesNotTakeTurnsWithItself) {
  EXPECT_FALSE(reserve({turns_on("3g.40gb", 0, 1000), turns_on("3g.40gb", 0, 1000)}).valid());
  EXPECT_TRUE(reserve({turns_on("3g.40gb", 0, 1000), turns_on("3g.40gb", 4, 1000)}).valid());
}

TEST_F(InstanceTurnsTest, MpsOnAnInstanceIsRefused) {
  GpuAssignment part = turns_on("3g.40gb", 0, 1000);
  part.sharing = PartitionSharing::mps;
  EXPECT_FALSE(reserve({part}).valid());
}

TEST_F(InstanceTurnsTest, APodThatIsBoundWithMoreMemoryThanReservedNeedsItFree) {
  const PodId pod = reserve({turns_on("2g.20gb", 0, 4000)});
  ASSERT_TRUE(reserve({turns_on("2g.20gb", 0, 9000)}).valid());
  EXPECT_FALSE(state.apply({0, PodBound{pod, place_on(NodeId{0}, {turns_on("2g.20gb", 0, 12000)}), 0}}).ok());
  EXPECT_TRUE(state.apply({0, PodBound{pod, place_on(NodeId{0}, {turns_on("2g.20gb", 0, 9000)}), 0}}).ok());
  EXPECT_EQ(gpu().turn_takers(0), 2);
}

TEST_F(InstanceTurnsTest, AMoveHoldsBothPlacesAndLeavesTheOthers) {
  const PodId pod = reserve({turns_on("2g.20gb", 0, 4000)});
  const PodId stays = reserve({turns_on("2g.20gb", 0, 4000)});
  const Candidate from = place_on(NodeId{0}, {turns_on("2g.20gb", 0, 4000)});
  const Candidate to = place_on(NodeId{0}, {turns_on("2g.20gb", 4, 4000, 1)});
  ASSERT_TRUE(state.apply({0, PodBound{pod, from, 0}}).ok());
  ASSERT_TRUE(state.apply({0, PodMoveStarted{{pod, from, to}}}).ok());
  EXPECT_EQ(gpu(0).turn_takers(0), 2);
  EXPECT_FALSE(reserve({turns_on("2g.20gb", 4, 17000, 1)}).valid()) << "the memory is the moving pod's";
  EXPECT_EQ(state.turn_takers(NodeId{0}, 1).size(), 1U) << "one in both places";
  ASSERT_TRUE(state.apply({0, PodMoved{{pod, from, to}}}).ok());
  EXPECT_EQ(state.turn_takers(NodeId{0}, 0).size(), 1U);
  EXPECT_EQ(gpu(0).turn_takers(0), 1);
  EXPECT_EQ(gpu(1).turn_takers(4), 1);
  finish(stays);
  EXPECT_TRUE(gpu(0).idle());
}

/// Random tenants come and go; after each step the state is what the placements say.
TEST_F(InstanceTurnsTest, TheStateFollowsFromItsPods) {
  state.node_order();
  Philox draws(7, StreamPurpose::request);
  std::vector<PodId> running;
  int placed = 0, refused = 0;
  constexpr std::array<const char*, 3> profiles = {"1g.10gb", "2g.20gb", "3g.40gb"};
  constexpr std::array<std::array<std::int16_t, 3>, 3> starts = {{{0, 3, 6}, {0, 2, 4}, {0, 4, 4}}};
  for (int step = 0; step < 4000; ++step) {
    if (!running.empty() && draws.next_below(5) < 2) {
      std::swap(running[draws.next_below(static_cast<std::uint32_t>(running.size()))], running.back());
      finish(running.back());
      running.pop_back();
    } else {
      const std::uint32_t profile = draws.next_below(3);
      GpuAssignment part = turns_on(profiles[profile], starts[profile][draws.next_below(3)],
                                    static_cast<std::int32_t>(500 + draws.next_below(9000)),
                                    static_cast<std::uint16_t>(draws.next_below(2)));
      if (draws.next_below(4) == 0) {
        part.sharing = PartitionSharing::exclusive;
        part.memory_mib = 0;
      }
      const PodId pod = reserve({part});
      placed += pod.valid() ? 1 : 0;
      refused += pod.valid() ? 0 : 1;
      if (pod.valid()) {
        running.push_back(pod);
      }
    }
    std::map<std::tuple<int, int>, std::vector<GpuAssignment>> tenants;  // by GPU and unit
    for (const PodId pod : running) {
      const GpuAssignment& part = state.pod(pod)->placement.gpus[0];
      for (int unit = part.range.start; unit < part.range.start + part.range.size; ++unit) {
        tenants[{part.gpu, unit}].push_back(part);
      }
    }
    for (int device = 0; device < 2; ++device) {
      int occupied = 0;
      std::vector<std::tuple<int, int, std::uint32_t>> listed, there;  // start, memory, profile
      for (const TurnTaker& tenant : state.turn_takers(NodeId{0}, static_cast<std::uint16_t>(device))) {
        listed.emplace_back(tenant.start, tenant.memory_mib, tenant.profile);
      }
      for (int unit = 0; unit < 8; ++unit) {
        const std::vector<GpuAssignment>& here = tenants[{device, unit}];
        occupied |= here.empty() ? 0 : 1 << unit;
        std::int64_t memory_mib = 0;
        for (const GpuAssignment& part : here) {
          memory_mib += part.memory_mib;
          EXPECT_TRUE(here.size() == 1 || (part.takes_turns() && part.range == here[0].range));
          EXPECT_LE(memory_mib, *gpu_model(model_named(model)).profiles[part.profile.value].memory_mib);
        }
        const bool starts_here = !here.empty() && here[0].takes_turns() && here[0].range.start == unit;
        EXPECT_EQ(gpu(static_cast<std::size_t>(device)).turn_takers(unit),
                  starts_here ? static_cast<int>(here.size()) : 0);
        for (const GpuAssignment& part : here) {
          if (starts_here) {
            there.emplace_back(unit, part.memory_mib, part.profile.value);
          }
        }
      }
      std::sort(listed.begin(), listed.end());
      std::sort(there.begin(), there.end());
      EXPECT_EQ(listed, there);
      EXPECT_EQ(gpu(static_cast<std::size_t>(device)).mig_occupancy, occupied);
    }
    ASSERT_FALSE(HasFailure()) << "step " << step;
  }
  EXPECT_GT(placed, 500);
  EXPECT_GT(refused, 500);
}

}  // namespace
}  // namespace gpusched
