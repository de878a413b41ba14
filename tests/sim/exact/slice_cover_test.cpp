#include "gpusched/sim/exact/slice_cover.hpp"

#include <vector>

#include <gtest/gtest.h>

#include "gpusched/base/check.hpp"
#include "gpusched/base/philox.hpp"
#include "gpusched/sim/exact/solver.hpp"

#include "data_dir.hpp"
#include "published/parvagpu.hpp"

namespace gpusched::sim {
namespace {

/// Brute force: every number of every size.
std::int64_t least_by_trying(std::span<const ServingPoint> points, std::int64_t rate_milli, std::size_t from = 0) {
  if (rate_milli <= 0) {
    return 0;
  }
  std::int64_t best = 1'000'000;
  for (std::size_t i = from; i < points.size(); ++i) {
    if (points[i].rate_milli > 0) {
      best = std::min(best, points[i].compute_slices + least_by_trying(points, rate_milli - points[i].rate_milli, i));
    }
  }
  return best;
}

TEST(SliceCoverTest, KnapsackEqualsBruteForce) {
  Philox random(4, StreamPurpose::request);
  for (int i = 0; i < 300; ++i) {
    std::vector<ServingPoint> points;
    for (const int size : {1, 2, 3, 4, 7}) {
      points.push_back({size, random.next_below(4) == 0 ? 0 : static_cast<std::int64_t>(random.next_below(900)) + 100});
    }
    const std::int64_t rate_milli = random.next_below(2500);
    const auto cover = least_slices(points, rate_milli);
    const std::int64_t expected = least_by_trying(points, rate_milli);
    if (!cover) {
      EXPECT_TRUE(std::all_of(points.begin(), points.end(), [](const ServingPoint& p) { return p.rate_milli == 0; }));
      continue;
    }
    ASSERT_EQ(cover->compute_slices, expected);
    std::int64_t served = 0;
    for (const ServingPoint& point : points) {
      served += cover->instances[static_cast<std::size_t>(point.compute_slices)] * point.rate_milli;
    }
    EXPECT_GE(served, rate_milli);
  }
}

TEST(SliceCoverTest, OtherSizesAreABugOfTheCaller) {
  const std::vector<ServingPoint> points = {{5, 100}};
  EXPECT_THROW(least_slices(points, 1), InvariantError);
}

// Source: the deployments of github.com/MunQ-Lee/ParvaGPU_SC24; the minima are exact, no tolerance.
TEST(SliceCoverTest, ParvaGpuScenariosNeedExactlyTheReferenceSlices) {
  const auto folder = gpusched::test::find_data("validation/parvagpu_a100_80gb");
  GPUSCHED_NEED_DATA(folder, "validation/parvagpu_a100_80gb");
  for (std::size_t s = 0; s < published::parva_scenarios.size(); ++s) {
    const auto services = published::parva_services(folder->string(), s);
    const published::ParvaScenario& reference = published::parva_scenarios[s];
    const published::ParvaAnswer deployed = published::parva_deployment(folder->string(), s);
    EXPECT_EQ(deployed.slices, reference.deployed_slices) << "scenario " << s + 1;
    EXPECT_EQ(deployed.gpus, reference.deployed_gpus) << "scenario " << s + 1;
    const published::ParvaAnswer least = published::least_parva_slices(services);
    EXPECT_EQ(least.slices, reference.least_slices) << "scenario " << s + 1;
    // Another choice of instances may need fewer GPUs: never fewer than the slices fill, never more than these.
    const SolverAnswer answer = solve(least_gpus_program(published::sliced(services)), {}).value();
    ASSERT_EQ(answer.status, SolverStatus::optimal);
    const std::int64_t gpus = answer.cost / gpu_weight;
    EXPECT_EQ(gpus, reference.least_gpus) << "scenario " << s + 1;
    EXPECT_GE(gpus, (least.slices + 6) / 7);
    EXPECT_LE(gpus, least.gpus);
    EXPECT_GE(answer.cost % gpu_weight, least.slices);
  }
}

}  // namespace
}  // namespace gpusched::sim
