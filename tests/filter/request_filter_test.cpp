#include "gpusched/filter/request_filter.hpp"

#include <set>
#include <string>

#include <gtest/gtest.h>

#include "cluster_builders.hpp"

namespace gpusched {
namespace {

using namespace test;

/// The reason that never changes, for a request on one node.
RejectReason fixed_reason(const NodeSpec& node, const GpuRequest& request) {
  ClusterState state;
  EXPECT_TRUE(state.apply({0, NodeAdded{node}}).ok());
  RequestFilter filter;
  const RequestClassId id = state.intern(request);
  const RejectReason reason = filter.static_reason(state, id, 0);
  EXPECT_EQ(filter.static_reason(state, id, 0), reason) << "asked twice";
  return reason;
}

TEST(RejectReasonTest, EveryReasonHasItsOwnNameAndSentence) {
  std::set<std::string> names, sentences;
  for (std::size_t i = 0; i < reject_reason_count; ++i) {
    names.insert(to_string(static_cast<RejectReason>(i)));
    sentences.insert(describe(static_cast<RejectReason>(i)));
  }
  EXPECT_EQ(names.size(), reject_reason_count);
  EXPECT_EQ(sentences.size(), reject_reason_count);
  EXPECT_EQ(static_cast<std::size_t>(RejectReason::out_of_scope) + 1, reject_reason_count);
}

TEST(RequestFilterTest, WhatFitsHasNoReason) {
  EXPECT_EQ(fixed_reason(gpu_node("a", "A100-80GB", 2), whole_request(2)), RejectReason::none);
  EXPECT_EQ(fixed_reason(gpu_node("a", "A100-80GB", 2), share_request(1)), RejectReason::none);
  EXPECT_EQ(fixed_reason(gpu_node("a", "A100-80GB", 2), mig_request("7g.80gb")), RejectReason::none);
  EXPECT_EQ(fixed_reason(gpu_node("a", "", 0), cpu_request(16'000, 65'536)), RejectReason::none);
}

TEST(RequestFilterTest, LabelsMustBeThereWithTheirValue) {
  NodeSpec node = gpu_node("a", "T4", 1);
  node.labels = {{"pool", "shared"}, {"zone", "a"}};
  GpuRequest request = share_request(100);
  request.node_labels = {{"zone", "a"}};
  EXPECT_EQ(fixed_reason(node, request), RejectReason::none);
  request.node_labels = {{"pool", "shared"}, {"zone", "b"}};
  EXPECT_EQ(fixed_reason(node, request), RejectReason::label_mismatch);
  request.node_labels = {{"rack", "a"}};
  EXPECT_EQ(fixed_reason(node, request), RejectReason::label_mismatch);
}

TEST(RequestFilterTest, ModelsMayBeNamedByAnyAlias) {
  GpuRequest request = whole_request(1);
  request.gpu_models = {"A100-SXM4-80GB"};
  EXPECT_EQ(fixed_reason(gpu_node("a", "A100-80GB", 1), request), RejectReason::none);
  EXPECT_EQ(fixed_reason(gpu_node("a", "T4", 1), request), RejectReason::gpu_model_mismatch);
  EXPECT_TRUE(model_allowed({}, model_named("T4")));
  EXPECT_FALSE(model_allowed({"no such GPU"}, model_named("T4")));
}

TEST(RequestFilterTest, ANodeWithoutGpusIsTooSmallForAGpuRequest) {
  EXPECT_EQ(fixed_reason(gpu_node("a", "", 0), share_request(1)), RejectReason::too_large);
}

struct SharingCase {
  NodeSharing node;
  SharingMode mode;
  std::int32_t milli;  // 0 = a MIG instance
  bool fits;
};

TEST(RequestFilterTest, TheNodeMustShareTheWayTheRequestAsks) {
  using enum NodeSharing;
  const SharingCase cases[] = {
      {any, SharingMode::unstated, 500, true},
      {any, SharingMode::mps, 500, true},
      {any, SharingMode::mig, 0, true},
      {exclusive, SharingMode::unstated, 500, false},
      {exclusive, SharingMode::unstated, 1000, true},
      {exclusive, SharingMode::whole, 1000, true},
      {exclusive, SharingMode::mps, 1000, false},
      {exclusive, SharingMode::mig, 0, false},
      {time_slice, SharingMode::unstated, 500, true},
      {time_slice, SharingMode::time_slice, 500, true},
      {time_slice, SharingMode::mps, 500, false},
      {time_slice, SharingMode::whole, 1000, false},
      {time_slice, SharingMode::mig, 0, false},
      {mps, SharingMode::mps, 500, true},
      {mps, SharingMode::time_slice, 500, false},
      {mps, SharingMode::unstated, 500, true},
      {mig, SharingMode::mig, 0, true},
      {mig, SharingMode::unstated, 1000, false},
      {mig, SharingMode::unstated, 500, false},
  };
  for (const SharingCase& c : cases) {
    GpuRequest request = c.milli == 0 ? mig_request("1g.10gb") : share_request(c.milli);
    request.mode = c.mode;
    EXPECT_EQ(fixed_reason(gpu_node("a", "A100-80GB", 1, c.node), request),
              c.fits ? RejectReason::none : RejectReason::sharing_mismatch)
        << static_cast<int>(c.node) << " " << static_cast<int>(c.mode) << " " << c.milli;
  }
}

TEST(RequestFilterTest, ProfilesMustExistOnTheModel) {
  EXPECT_EQ(fixed_reason(gpu_node("a", "T4", 1), mig_request("1g.10gb")), RejectReason::mig_unsupported);
  EXPECT_EQ(fixed_reason(gpu_node("a", "A100-80GB", 1), mig_request("1g.6gb")), RejectReason::mig_unsupported);
  EXPECT_EQ(fixed_reason(gpu_node("a", "A100-80GB", 1), mig_request("9g.900gb")), RejectReason::mig_unsupported);
  GpuRequest roomy = mig_request("1g.10gb");
  roomy.gpu_memory_mib = 20'000;
  EXPECT_EQ(fixed_reason(gpu_node("a", "A100-80GB", 1), roomy), RejectReason::mig_unsupported)
      << "the instance has less memory than asked for";
  roomy.gpu_memory_mib = 9'000;
  EXPECT_EQ(fixed_reason(gpu_node("a", "A100-80GB", 1), roomy), RejectReason::none);
}

TEST(RequestFilterTest, MoreThanTheEmptyNodeHasIsTooLarge) {
  const NodeSpec node = gpu_node("a", "A100-80GB", 2);
  EXPECT_EQ(fixed_reason(node, whole_request(3)), RejectReason::too_large);
  EXPECT_EQ(fixed_reason(node, cpu_request(32'001)), RejectReason::too_large);
  EXPECT_EQ(fixed_reason(node, cpu_request(0, 131'073)), RejectReason::too_large);
  EXPECT_EQ(fixed_reason(node, share_request(100, 81'921)), RejectReason::too_large);
  GpuRequest instance = mig_request("1g.10gb");
  instance.cpu_milli = 32'001;
  EXPECT_EQ(fixed_reason(node, instance), RejectReason::too_large);
}

TEST(RequestFilterTest, TheFirstReasonInOrderWins) {
  GpuRequest request = whole_request(9);
  request.gpu_models = {"T4"};
  request.node_labels = {{"zone", "moon"}};
  EXPECT_EQ(fixed_reason(gpu_node("a", "A100-80GB", 1), request), RejectReason::label_mismatch);
  request.node_labels.clear();
  EXPECT_EQ(fixed_reason(gpu_node("a", "A100-80GB", 1), request), RejectReason::gpu_model_mismatch);
}

NodeState node_with(std::initializer_list<int> free_milli) {
  NodeState node;
  node.cpu_free_milli = 1000;
  node.memory_free_mib = 1000;
  for (const int free : free_milli) {
    GpuState gpu;
    gpu.free_milli = static_cast<std::uint16_t>(free);
    gpu.free_memory_mib = 10'000;
    node.gpus.push_back(gpu);
  }
  return node;
}

TEST(RequestFilterTest, CapacityNamesWhatIsShort) {
  NodeState node = node_with({1000, 400, 0});
  const auto reason = [&](const GpuRequest& request) { return RequestFilter::capacity_reason(request, node); };
  EXPECT_EQ(reason(whole_request(1)), RejectReason::none);
  EXPECT_EQ(reason(whole_request(2)), RejectReason::insufficient_gpus);
  EXPECT_EQ(reason(share_request(1000)), RejectReason::none);
  node = node_with({400, 0});
  EXPECT_EQ(reason(share_request(400)), RejectReason::none);
  EXPECT_EQ(reason(share_request(401)), RejectReason::insufficient_gpu_share);
  EXPECT_EQ(reason(share_request(400, 10'000)), RejectReason::none);
  EXPECT_EQ(reason(share_request(400, 10'001)), RejectReason::insufficient_gpu_memory);
  EXPECT_EQ(reason(cpu_request(1000, 1000)), RejectReason::none);
  EXPECT_EQ(reason(cpu_request(1001, 1001)), RejectReason::insufficient_cpu) << "before memory";
  EXPECT_EQ(reason(cpu_request(1000, 1001)), RejectReason::insufficient_memory);
  GpuRequest two = share_request(300);
  two.num_gpu = 2;
  EXPECT_EQ(reason(two), RejectReason::insufficient_gpu_share);
  node = node_with({400, 300});
  EXPECT_EQ(reason(two), RejectReason::none);
  node.schedulable = false;
  EXPECT_EQ(reason(cpu_request(1)), RejectReason::node_unavailable);
}

TEST(RequestFilterTest, MigTakesTheWholeDeviceFromShares) {
  NodeState node = node_with({1000});
  node.gpus[0].mig_occupancy = 1;
  EXPECT_EQ(RequestFilter::capacity_reason(share_request(1), node), RejectReason::insufficient_gpu_share);
  EXPECT_EQ(RequestFilter::capacity_reason(whole_request(1), node), RejectReason::insufficient_gpus);
}

TEST(RequestFilterTest, TenantsAreLimitedButNotForWholeDevices) {
  NodeState node = node_with({800});
  node.gpus[0].tenants = 2;
  EXPECT_EQ(RequestFilter::capacity_reason(share_request(100), node), RejectReason::none) << "0 = no limit";
  node.replicas = 3;
  EXPECT_EQ(RequestFilter::capacity_reason(share_request(100), node), RejectReason::none);
  node.replicas = 2;
  EXPECT_NE(RequestFilter::capacity_reason(share_request(100), node), RejectReason::none);
  NodeState idle = node_with({1000});
  idle.replicas = 1;
  EXPECT_TRUE(share_fits(whole_request(1), idle, idle.gpus[0]));
}

TEST(RequestFilterTest, UnknownDeviceMemoryServesOnlyThoseWhoDoNotAsk) {
  NodeState node = node_with({1000});
  node.gpus[0].free_memory_mib = -1;
  EXPECT_EQ(RequestFilter::capacity_reason(share_request(100), node), RejectReason::none);
  EXPECT_EQ(RequestFilter::capacity_reason(share_request(100, 1), node), RejectReason::insufficient_gpu_memory);
}

TEST(RequestFilterTest, ResolvesProfilesPerModel) {
  ClusterState state;
  RequestFilter filter;
  const auto a100 = static_cast<std::uint16_t>(model_named("A100-80GB").value);
  const auto t4 = static_cast<std::uint16_t>(model_named("T4").value);
  const auto plain = filter.resolve(state, state.intern(mig_request("2g.20gb")), a100);
  EXPECT_TRUE(plain.profile.valid());
  EXPECT_EQ(gpu_model(model_named("A100-80GB")).profiles[plain.profile.value].name, "2g.20gb");
  EXPECT_EQ(plain.shape, 2);
  EXPECT_EQ(plain.mig_labels, 0);
  EXPECT_EQ(plain.conflicts, mig_label_all_media);
  const auto media = filter.resolve(state, state.intern(mig_request("1g.10gb+me")), a100);
  EXPECT_EQ(media.shape, 0);
  EXPECT_EQ(media.mig_labels, mig_label_media);
  EXPECT_EQ(media.conflicts, mig_label_media | mig_label_all_media);
  EXPECT_FALSE(media.needs_empty_gpu);
  EXPECT_FALSE(filter.resolve(state, state.intern(mig_request("2g.20gb")), t4).profile.valid());
  GpuRequest elsewhere = mig_request("2g.20gb");
  elsewhere.gpu_models = {"H100-80GB-SXM5"};
  EXPECT_FALSE(filter.resolve(state, state.intern(elsewhere), a100).profile.valid());
}

}  // namespace
}  // namespace gpusched
