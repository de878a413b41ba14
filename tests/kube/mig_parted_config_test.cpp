#include "gpusched/kube/mig_parted_config.hpp"

#include <gtest/gtest.h>

#include "gpusched/reshape/reshape_planner.hpp"

#include "reshape/layout_builders.hpp"

namespace gpusched {
namespace {

using namespace test;

const std::vector<std::string> names{"gpu-a", "gpu-b"};

ReshapePlan drained_plan(std::span<const GpuLayout> node, const char* need) {
  ReshapePlanOptions options;
  options.actuation = Actuation::drain_gpu;
  return *plan_room(node, 0, find_mig_profile(node[0].model, need).value(), options).value().plan;
}

TEST(MigPartedConfigTest, OneGpu) {
  GpuLayout gpu = empty_gpu(model_named("A100-80GB"), 1, 3);
  place(gpu, "1g.10gb", 0, PartitionUse::movable, 1);
  place(gpu, "1g.10gb", 1, PartitionUse::movable, 2);
  const ReshapePlan plan = drained_plan({&gpu, 1}, "3g.40gb");
  const MigPartedChange change = mig_parted_change(plan, names).value();
  const std::string name = "gpusched-" + fingerprint_text(plan.fingerprint);
  EXPECT_EQ(change.config_yaml,
            "version: v1\n"
            "mig-configs:\n"
            "  " +
                name +
                ":\n"
                "    - devices: [3]\n"
                "      mig-enabled: true\n"
                "      mig-devices:\n"
                "        \"1g.10gb\": 2\n"
                "        \"3g.40gb\": 1\n"
                "  " +
                name +
                "-undo:\n"
                "    - devices: [3]\n"
                "      mig-enabled: true\n"
                "      mig-devices:\n"
                "        \"1g.10gb\": 2\n");
  const NodeLabelStep apply{.node = "gpu-b",
                            .label = "nvidia.com/mig.config",
                            .value = name,
                            .wait_label = "nvidia.com/mig.config.state",
                            .wait_value = "success"};
  EXPECT_EQ(change.apply, std::vector{apply});
  ASSERT_EQ(change.undo.size(), 1U);
  EXPECT_EQ(change.undo[0].value, name + "-undo");
  EXPECT_LE(change.undo[0].value.size(), 63U) << "Kubernetes' limit of a label value";
}

TEST(MigPartedConfigTest, AResetOfTheNodeWritesAllItsGpus) {
  std::vector<GpuLayout> node{empty_gpu(model_named("A100-80GB"), 0, 1), empty_gpu(model_named("A100-80GB"), 0, 0)};
  node[0].mig_enabled = false;
  place(node[1], "7g.80gb", 0, PartitionUse::movable, 4);
  const ReshapePlan plan = drained_plan(node, "4g.40gb");
  const std::string name = "  gpusched-" + fingerprint_text(plan.fingerprint);
  EXPECT_EQ(mig_parted_change(plan, names).value().config_yaml,
            "version: v1\nmig-configs:\n" + name +
                ":\n"
                "    - devices: [0]\n      mig-enabled: true\n      mig-devices:\n        \"7g.80gb\": 1\n"
                "    - devices: [1]\n      mig-enabled: true\n      mig-devices:\n        \"4g.40gb\": 1\n" +
                name +
                "-undo:\n"
                "    - devices: [0]\n      mig-enabled: true\n      mig-devices:\n        \"7g.80gb\": 1\n"
                "    - devices: [1]\n      mig-enabled: false\n      mig-devices: {}\n");
}

TEST(MigPartedConfigTest, APlanOfSingleInstancesIsRefused) {
  const GpuLayout gpu = empty_gpu(model_named("A100-80GB"));
  const ReshapePlan plan = *plan_room({&gpu, 1}, 0, find_mig_profile(gpu.model, "3g.40gb").value(), {}).value().plan;
  const auto change = mig_parted_change(plan, names);
  ASSERT_FALSE(change.ok());
  EXPECT_EQ(change.error().code, ErrorCode::unsupported);
  EXPECT_NE(change.error().remedy.find("drain-gpu"), std::string::npos);
}

}  // namespace
}  // namespace gpusched
