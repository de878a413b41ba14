#include "gpusched/score/placeable_value.hpp"

#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cluster_builders.hpp"

namespace gpusched {
namespace {

using namespace test;

GpuRequest with_cpu(GpuRequest request, std::int64_t cpu_milli) {
  request.cpu_milli = cpu_milli;
  return request;
}

const GpuRequest small_share = with_cpu(share_request(300), 4000);
const GpuRequest large_share = with_cpu(share_request(470), 6000);
const GpuRequest one_gpu = with_cpu(whole_request(1), 8000);
const GpuRequest four_gpus = with_cpu(whole_request(4), 32'000);
const GpuRequest cpu_only = with_cpu(cpu_request(0), 10'000);

/// Nodes of four GPUs, each with the pods it is given, and a value of the placeable policies that looks at them.
class PlaceableValueTest : public ::testing::Test {
 protected:
  struct Pod {
    GpuRequest request;
    std::uint16_t gpu = 0;
  };

  /// The number of the node.
  std::uint32_t add_node(const std::vector<Pod>& pods) {
    const auto id = static_cast<std::uint32_t>(state_.nodes().size());
    EXPECT_TRUE(state_.apply({0, NodeAdded{gpu_node("node-" + std::to_string(100 + id), "T4", 4)}}).ok());
    for (const Pod& pod : pods) {
      bind(id, pod);
    }
    return id;
  }
  void bind(std::uint32_t node, const Pod& pod) {
    const PodId id{pods_++};
    Candidate place;
    place.node = NodeId{node};
    GpuAssignment part;
    part.gpu = pod.gpu;
    part.share_milli = static_cast<std::uint16_t>(pod.request.gpu_milli);
    place.gpus.push_back(part);
    EXPECT_TRUE(state_.apply({0, PodSubmitted{id, state_.intern(pod.request), 0}}).ok());
    EXPECT_TRUE(state_.apply({0, PodBound{id, place, 0}}).ok());
  }

  /// A value that knows these classes, with the mix counted and priced.
  PlaceableValue make_value(const std::vector<GpuRequest>& classes) {
    index_.sync(state_);
    PlaceableValue value;
    value.reset(index_, state_);
    for (const GpuRequest& request : classes) {
      value.class_of(request);
    }
    for (const GpuRequest& request : {small_share, large_share, one_gpu, four_gpus}) {
      value.count(value.class_of(request), 10);
    }
    value.deal(7, 1);
    value.refresh_prices(index_);
    return value;
  }

  /// The losses of all ways to serve the request on the node.
  std::vector<std::int64_t> losses(PlaceableValue& value, std::uint32_t node, const GpuRequest& request) {
    const std::uint32_t slot = index_.slot_of_order(state_.node(NodeId{node}).order);
    const PlaceableValue::ClassId id = value.class_of(request);
    std::vector<PlaceableValue::Transition> ways;
    value.add_transitions(value.state_of(index_, slot), id, ways);
    std::vector<std::int64_t> result;
    for (PlaceableValue::Transition& way : ways) {
      EXPECT_EQ(way.last != 0, &way == &ways.back());
      result.push_back(value.loss(way, id));
    }
    return result;
  }

  ClusterState state_;
  NodeIndex index_{NodeView{}};
  std::uint32_t pods_ = 0;
};

TEST_F(PlaceableValueTest, EachDistinctFreeShareIsAWayOfItsOwn) {
  const std::uint32_t node = add_node({{small_share, 0}, {small_share, 1}, {large_share, 2}});
  PlaceableValue value = make_value({});
  EXPECT_EQ(losses(value, node, small_share).size(), 3U) << "1000, 700 (twice) and 530 are free";
  EXPECT_EQ(losses(value, node, one_gpu).size(), 1U);
  EXPECT_EQ(losses(value, node, cpu_only).size(), 1U);
}

TEST_F(PlaceableValueTest, LossesAddUpWhateverTheOrder) {
  const Pod filler{large_share, 0};
  const std::uint32_t none = add_node({filler});
  const std::uint32_t with_gpu = add_node({filler, {one_gpu, 1}});
  const std::uint32_t with_share = add_node({filler, {small_share, 0}});
  PlaceableValue value = make_value({});
  // The last way of a share is the tightest GPU: the one that the filler shares.
  const std::int64_t gpu_first = losses(value, none, one_gpu).back() + losses(value, with_gpu, small_share).back();
  const std::int64_t share_first = losses(value, none, small_share).back() + losses(value, with_share, one_gpu).back();
  EXPECT_EQ(gpu_first, share_first);
  EXPECT_GT(gpu_first, 0);
}

TEST_F(PlaceableValueTest, ForgettingStatesChangesNoValue) {
  const std::uint32_t idle = add_node({});
  add_node({});
  const std::uint32_t used = add_node({{small_share, 0}, {one_gpu, 1}});
  PlaceableValue value = make_value({});
  const auto before = std::pair(losses(value, idle, one_gpu), losses(value, used, small_share));
  EXPECT_GT(value.memo_bytes(), 0U);
  value.forget_states();
  EXPECT_EQ(value.memo_bytes(), 0U);
  losses(value, used, one_gpu);  // the states get other numbers now
  EXPECT_EQ(std::pair(losses(value, idle, one_gpu), losses(value, used, small_share)), before);
  value.refresh_prices(index_);
  EXPECT_EQ(std::pair(losses(value, idle, one_gpu), losses(value, used, small_share)), before);
}

TEST_F(PlaceableValueTest, AClassSeenLaterCountsInTransitionsKnownBefore) {
  const std::uint32_t node = add_node({{small_share, 0}});
  add_node({});
  PlaceableValue early = make_value({small_share, large_share, one_gpu, four_gpus, cpu_only});
  PlaceableValue late = make_value({});
  const std::uint32_t slot = index_.slot_of_order(state_.node(NodeId{node}).order);
  const PlaceableValue::ClassId id = late.class_of(one_gpu);
  std::vector<PlaceableValue::Transition> ways;
  late.add_transitions(late.state_of(index_, slot), id, ways);
  const std::int64_t without = late.loss(ways.back(), id);
  for (PlaceableValue* value : {&early, &late}) {
    value->count(value->class_of(cpu_only), 50);
    value->refresh_prices(index_);
  }
  EXPECT_EQ(late.loss(ways.back(), id), losses(early, node, one_gpu).back());
  EXPECT_GT(late.loss(ways.back(), id), without);
}

TEST_F(PlaceableValueTest, PlacesAreCountedAsNodesFill) {
  for (int i = 0; i < 6; ++i) {
    add_node({});
  }
  PlaceableValue value = make_value({});
  const std::int64_t plenty = losses(value, 0, one_gpu).back();
  for (std::uint32_t node = 1; node < 6; ++node) {
    bind(node, {small_share, static_cast<std::uint16_t>(node % 4)});
    bind(node, {one_gpu, static_cast<std::uint16_t>((node + 1) % 4)});
    index_.sync(state_);
    value.refresh_prices(index_);
    PlaceableValue fresh = make_value({});
    EXPECT_EQ(losses(value, 0, one_gpu), losses(fresh, 0, one_gpu)) << node;
  }
  EXPECT_GT(losses(value, 0, one_gpu).back(), plenty) << "the last place for four GPUs is dear";
}

}  // namespace
}  // namespace gpusched
