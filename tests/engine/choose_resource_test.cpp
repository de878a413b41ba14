// Which resource a pod should name that only says what it needs.
#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "gpusched/engine/engine.hpp"

#include "engine/engine_world.hpp"

namespace gpusched {
namespace {

using namespace test;

GpuSpec h100(bool fixed) {
  return {.model = find_gpu_model("NVIDIA-H100-80GB-HBM3").value(), .memory_mib = 81'559, .fixed = fixed};
}

NodeSpec node_of(const std::string& name, NodeSharing sharing, const std::vector<NodeResource>& resources) {
  NodeSpec spec;
  spec.name = name;
  spec.cpu_milli = 64'000;
  spec.memory_mib = 512'000;
  spec.sharing = sharing;
  const bool whole = std::any_of(resources.begin(), resources.end(), [](const auto& r) { return r.whole_devices; });
  spec.gpus.assign(4, h100(!whole));
  spec.resources = resources;
  return spec;
}
NodeResource units(std::int64_t allocatable, const std::string& profile = {}, std::int32_t replicas = 1) {
  NodeResource resource;
  resource.mig_profile = profile;
  resource.replicas = replicas;
  resource.allocatable = allocatable;
  return resource;
}
NodeSpec whole_node() {
  NodeResource devices = units(4);
  devices.whole_devices = true;
  return node_of("whole", NodeSharing::exclusive, {devices});
}
NodeSpec mig_node() {
  return node_of("mig", NodeSharing::mig, {units(8, "1g.10gb"), units(4, "2g.20gb"), units(4, "3g.40gb")});
}
NodeSpec shared_node() {
  NodeResource renamed = units(16, "", 4);
  renamed.shared = true;
  return node_of("shared", NodeSharing::time_slice, {renamed});
}
NodeSpec not_renamed_node() { return node_of("not-renamed", NodeSharing::time_slice, {units(16, "", 4)}); }
NodeSpec single_node() {
  NodeResource instances = units(14);
  instances.unit_profile = "1g.10gb";
  return node_of("single", NodeSharing::mig, {instances});
}

GpuRequest intent(std::int64_t memory_mib = 0) {
  GpuRequest request;
  request.num_gpu = 1;
  request.gpu_milli = 1000;
  request.gpu_memory_mib = memory_mib;
  return request;
}

class ChooseResource : public ::testing::Test {
 protected:
  World world{"placeable_online", {whole_node(), mig_node(), shared_node(), not_renamed_node(), single_node()}};

  ResourceOption best(const GpuRequest& request) {
    const ResourceChoice choice = world.engine.choose_resource(request);
    EXPECT_FALSE(choice.fit.empty());
    return choice.fit.empty() ? ResourceOption{} : choice.fit.front();
  }
  /// The bar of every option under that name and mode.
  UnitBar bar(const GpuRequest& request, const std::string& profile, ModeKind mode) {
    const ResourceChoice choice = world.engine.choose_resource(request);
    for (const auto* list : {&choice.fit, &choice.refused}) {
      for (const ResourceOption& option : *list) {
        if (option.mig_profile == profile && option.mode == mode) {
          return option.bar;
        }
      }
    }
    ADD_FAILURE() << "no such option";
    return UnitBar::none;
  }
  std::vector<std::string> kept(const GpuRequest& named, const GpuRequest& wanted) {
    std::vector<NodeId> all;
    for (const char* name : {"whole", "mig", "shared", "not-renamed", "single"}) {
      all.push_back(world.node(name));
    }
    std::vector<std::string> names;
    for (const NodeId id : world.engine.nodes_that_keep(named, wanted, all)) {
      names.push_back(world.engine.state().node(id).spec.name);
    }
    return names;
  }
};

TEST_F(ChooseResource, WhoDoesNotSayHowMuchMemoryGetsAWholeGpu) {
  const ResourceOption option = best(intent());
  EXPECT_EQ(option.mode, ModeKind::whole);
  EXPECT_EQ(option.share_milli, 1000);
  EXPECT_EQ(bar(intent(), "1g.10gb", ModeKind::mig), UnitBar::memory_not_stated);
}

TEST_F(ChooseResource, IsolationExcludesReplicasAndTakesTheSmallestInstance) {
  GpuRequest request = intent(15'000);
  request.isolation = Isolation::memory;
  request.job_class = JobClass::dev;
  const ResourceOption option = best(request);
  EXPECT_EQ(option.mig_profile, "2g.20gb");
  EXPECT_EQ(option.mode, ModeKind::mig);
  EXPECT_EQ(option.share_milli, 286);
  EXPECT_EQ(bar(request, "", ModeKind::time_slice), UnitBar::isolation);
  EXPECT_EQ(bar(request, "1g.10gb", ModeKind::mig), UnitBar::memory);
}

TEST_F(ChooseResource, AReplicaHasItsPartOfTheMemory) {
  GpuRequest request = intent(20'389);
  request.mode = SharingMode::time_slice;
  EXPECT_EQ(best(request).memory_mib, 20'389);
  request.gpu_memory_mib = 20'390;
  const ResourceChoice choice = world.engine.choose_resource(request);
  EXPECT_TRUE(choice.fit.empty());
  EXPECT_EQ(bar(request, "", ModeKind::time_slice), UnitBar::memory);
  EXPECT_EQ(bar(request, "", ModeKind::whole), UnitBar::mode);
}

TEST_F(ChooseResource, ExplicitModeWinsOverThePredictedSlowdown) {
  GpuRequest request = intent(8'000);
  request.job_class = JobClass::batch;
  request.max_slowdown = 1.1;
  EXPECT_EQ(best(request).mode, ModeKind::whole);
  EXPECT_EQ(bar(request, "", ModeKind::time_slice), UnitBar::slowdown);
  request.mode = SharingMode::time_slice;
  EXPECT_EQ(best(request).mode, ModeKind::time_slice);
  EXPECT_GT(best(request).slowdown, 3) << "four busy tenants";
}

TEST_F(ChooseResource, FreeUnitsGoBeforeCheapOnes) {
  GpuRequest request = intent(15'000);
  request.isolation = Isolation::memory;
  request.job_class = JobClass::dev;
  for (int i = 0; i < 4; ++i) {
    world.put(mig_request("2g.20gb", 1), {.node = world.node("mig"), .gpus = {}});
  }
  EXPECT_EQ(best(request).mig_profile, "3g.40gb");
  const ResourceChoice choice = world.engine.choose_resource(request);
  ASSERT_FALSE(choice.fit.empty());
  EXPECT_FALSE(choice.fit.back().free_now);
  EXPECT_EQ(choice.fit.back().mig_profile, "2g.20gb");
  ASSERT_NE(choice.runner_up(), nullptr);
  EXPECT_EQ(choice.runner_up()->mode, ModeKind::whole);
}

TEST_F(ChooseResource, AFractionIsOfTheMemory) {
  GpuRequest request = intent();
  request.gpu_milli = 450;
  request.job_class = JobClass::dev;
  EXPECT_EQ(best(request).mig_profile, "3g.40gb") << "four of eight units";
  EXPECT_EQ(bar(request, "2g.20gb", ModeKind::mig), UnitBar::share);
  request.gpu_milli = 510;
  EXPECT_EQ(best(request).mode, ModeKind::whole);
}

TEST_F(ChooseResource, SeveralUnitsAreNeverReplicas) {
  GpuRequest request = intent(8'000);
  request.num_gpu = 2;
  request.job_class = JobClass::dev;
  EXPECT_EQ(bar(request, "", ModeKind::time_slice), UnitBar::several_units);
  request.num_gpu = 15;
  const ResourceChoice choice = world.engine.choose_resource(request);
  EXPECT_TRUE(choice.fit.empty());
  EXPECT_EQ(bar(request, "", ModeKind::whole), UnitBar::too_few);
}

TEST_F(ChooseResource, NothingIsChosenWhereNothingIsOffered) {
  NodeSpec cpu;
  cpu.name = "cpu";
  World empty("placeable_online", {cpu});
  const ResourceChoice choice = empty.engine.choose_resource(intent());
  EXPECT_TRUE(choice.fit.empty());
  EXPECT_TRUE(choice.refused.empty());
  EXPECT_EQ(choice.runner_up(), nullptr);
}

TEST_F(ChooseResource, ANameMeansDifferentThingsOnDifferentNodes) {
  GpuRequest request = intent();
  request.mode = SharingMode::whole;
  EXPECT_EQ(kept(whole_request(1), request), (std::vector<std::string>{"whole", "mig", "shared"}))
      << "mig and shared do not offer nvidia.com/gpu: they are refused for that";
  request.mode = SharingMode::time_slice;
  EXPECT_EQ(kept(whole_request(1), request), (std::vector<std::string>{"mig", "shared", "not-renamed"}));
  request.mode = SharingMode::mig;
  request.gpu_memory_mib = 9'000;
  EXPECT_EQ(kept(whole_request(1), request), (std::vector<std::string>{"mig", "shared", "single"}));
}

}  // namespace
}  // namespace gpusched
