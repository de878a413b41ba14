#include "gpusched/io/reshape_plan_json.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "gpusched/reshape/reshape_planner.hpp"

#include "reshape/layout_builders.hpp"

namespace gpusched {
namespace {

using namespace test;

TEST(ReshapePlanJsonTest, HoldsStateStepsAndCosts) {
  GpuLayout gpu = empty_gpu(model_named("A100-80GB"), 2, 3);
  place(gpu, "1g.10gb", 0, PartitionUse::pinned, 1);
  place(gpu, "1g.10gb", 5, PartitionUse::movable, 2);
  const ReshapePlan plan = *plan_room({&gpu, 1}, 0, find_mig_profile(gpu.model, "3g.40gb").value(), {}).value().plan;
  const auto json = nlohmann::json::parse(write_reshape_plan(plan));
  EXPECT_EQ(json["version"], 1);
  EXPECT_EQ(json["actuation"], "per-instance");
  EXPECT_EQ(json["fingerprint"], fingerprint_text(plan.fingerprint));
  EXPECT_EQ(json["moved_pods"], 1);
  EXPECT_EQ(json["from"][0]["model"], "A100-80GB");
  EXPECT_EQ(json["from"][0]["partitions"][0],
            nlohmann::json({{"use", "pinned"}, {"profile", "1g.10gb"}, {"start", 0}, {"size", 1}, {"pod", 1}}));
  ASSERT_EQ(json["steps"].size(), 4U);
  EXPECT_EQ(json["steps"][1]["step"], "move_pod");
  EXPECT_EQ(json["steps"][1]["at"], nlohmann::json({{"node", 2}, {"gpu", 3}, {"profile", "1g.10gb"}, {"start", 5}}));
  EXPECT_EQ(json["steps"][1]["to"]["start"], 1);
  EXPECT_EQ(json["steps"][1]["pod"], 2);
  EXPECT_EQ(json["cost"]["elapsed"]["total_ns"], plan.cost.elapsed.total_ns());
  EXPECT_EQ(json["cost"]["lost_gpu"]["job_restart_ns"], plan.cost.lost_gpu.job_restart_ns);
}

}  // namespace
}  // namespace gpusched
