#include "gpusched/reshape/gpu_choice.hpp"

#include <gtest/gtest.h>

#include "reshape/layout_builders.hpp"

namespace gpusched {
namespace {

using namespace test;

class GpuChoiceTest : public ::testing::Test {
 protected:
  std::optional<GpuChoice> choose(const char* need, const ReshapePlanOptions& options = {}) const {
    return choose_gpu(gpus, model, find_mig_profile(model, need).value(), options).value();
  }
  GpuLayout& add() {
    gpus.push_back(empty_gpu(model, 0, static_cast<std::uint16_t>(gpus.size())));
    return gpus.back();
  }

  GpuModelId model = model_named("A100-80GB");
  std::vector<GpuLayout> gpus;
};

TEST_F(GpuChoiceTest, TakesTheGpuThatNeedsTheSmallestMove) {
  GpuLayout& two = add();
  place(two, "2g.20gb", 0, PartitionUse::movable, 1);
  place(two, "1g.10gb", 4, PartitionUse::pinned, 2);
  GpuLayout& one = add();
  place(one, "1g.10gb", 0, PartitionUse::movable, 3);
  place(one, "1g.10gb", 4, PartitionUse::pinned, 4);
  const auto choice = choose("4g.40gb");
  ASSERT_TRUE(choice.has_value());
  EXPECT_EQ(choice->gpu, 1U);
  EXPECT_EQ(choice->plan.moved_pods(), 1);
  EXPECT_TRUE(check_plan(choice->plan, gpus).ok());
}

TEST_F(GpuChoiceTest, OfEqualLossesItKeepsTheLargestBlockWholeAndThenTakesTheFirst) {
  add();
  place(add(), "3g.40gb", 4, PartitionUse::pinned, 1);
  place(add(), "3g.40gb", 4, PartitionUse::pinned, 2);
  EXPECT_EQ(choose("4g.40gb")->gpu, 1U);
}

TEST_F(GpuChoiceTest, LeavesOutWhatIsDrainedOrOffOrAnotherModel) {
  add().drained = true;
  add().mig_enabled = false;
  add().model = model_named("A100-40GB");
  EXPECT_FALSE(choose("1g.10gb").has_value());
  add();
  EXPECT_EQ(choose("1g.10gb")->gpu, 3U);
}

TEST_F(GpuChoiceTest, NoGpuMakesRoomWhereAllArePinned) {
  for (std::uint32_t i = 0; i < 3; ++i) {
    place(add(), "1g.10gb", static_cast<int>(i), PartitionUse::pinned, i);
  }
  EXPECT_FALSE(choose("4g.40gb").has_value());
  EXPECT_TRUE(choose("3g.40gb").has_value());
}

}  // namespace
}  // namespace gpusched
