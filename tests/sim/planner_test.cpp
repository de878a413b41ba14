#include "gpusched/sim/planner.hpp"

#include <atomic>
#include <cmath>

#include <gtest/gtest.h>

#include "gpusched/base/philox.hpp"

namespace gpusched::sim {
namespace {

using Relation = PlanTarget::Relation;

/// One metric: 100 (boundary + 0.5) / size, which is below 100 from the boundary + 1 on, times noise that is the same
/// for all sizes under a seed.
PlanEvaluation curve(std::vector<double> boundaries, double noise) {
  return [boundaries = std::move(boundaries), noise](const PlanCandidate& c, std::uint64_t seed) {
    Philox random(seed, StreamPurpose::request);
    double sum = -6;  // about a normal: 12 uniforms
    for (int i = 0; i < 12; ++i) {
      sum += random.next_unit();
    }
    return Result<std::vector<double>>(
        std::vector<double>{100 * (boundaries[c.kind] + 0.5) / static_cast<double>(c.size) * (1 + noise * sum)});
  };
}

PlanKind kind(std::int64_t least, std::int64_t most, double cost = 1) {
  return {.name = "k", .least = least, .most = most, .cost_per_size = cost};
}

const std::vector<PlanTarget> below_100 = {{.metric = 0, .relation = Relation::less, .bound = 100}};

PlanResult planned(const std::vector<PlanKind>& kinds, const PlanEvaluation& evaluate, PlanOptions options = {},
                   const std::vector<PlanTarget>& targets = below_100) {
  Result<PlanResult> result = plan(kinds, targets, options, evaluate);
  EXPECT_TRUE(result.ok());
  return std::move(result).value();
}

TEST(PlanTargetTest, HoldsAsItsRelationSays) {
  const auto holds = [](Relation relation, double mean) {
    return PlanTarget{.metric = 0, .relation = relation, .bound = 2}.holds(mean);
  };
  EXPECT_TRUE(holds(Relation::less, 1.9));
  EXPECT_FALSE(holds(Relation::less, 2));
  EXPECT_TRUE(holds(Relation::at_most, 2));
  EXPECT_FALSE(holds(Relation::greater, 2));
  EXPECT_TRUE(holds(Relation::at_least, 2));
  EXPECT_FALSE(holds(Relation::at_least, 1.9));
}

TEST(PlannerTest, FindsEveryBoundaryWithoutNoise) {
  for (const double boundary : {0.0, 1.0, 2.0, 31.0, 32.0, 62.0, 63.0}) {
    const PlanResult result = planned({kind(1, 64)}, curve({boundary}, 0));
    ASSERT_TRUE(result.best) << boundary;
    EXPECT_EQ(result.kinds[0].size, static_cast<std::int64_t>(boundary) + 1);
    EXPECT_TRUE(result.settled);
    EXPECT_LE(result.doubt, 0.05);
    EXPECT_LE(result.runs, 130);  // of 64 x 100
  }
}

TEST(PlannerTest, SettlesWithNoiseAndSaysHowSureItIs) {
  const PlanResult result = planned({kind(1, 64)}, curve({20}, 0.03));
  ASSERT_TRUE(result.best);
  EXPECT_EQ(result.kinds[0].size, 21);
  EXPECT_TRUE(result.settled);
  EXPECT_EQ(result.kinds[0].lowest, 21);
  EXPECT_EQ(result.kinds[0].highest, 21);
  EXPECT_TRUE(result.contradictions.empty());
  EXPECT_TRUE(result.find({0, 20})->decided);
  EXPECT_FALSE(result.find({0, 20})->meets);
}

TEST(PlannerTest, NoiseAboveTheStepLeavesARangeThatHoldsTheTruth) {
  const PlanResult result = planned({kind(1, 400)}, curve({200}, 0.2));
  ASSERT_TRUE(result.best);
  EXPECT_FALSE(result.settled);
  EXPECT_FALSE(result.kinds[0].settled);
  EXPECT_LE(result.kinds[0].lowest, 201);
  EXPECT_GE(result.kinds[0].highest, 201);
  EXPECT_LT(result.kinds[0].highest, 400);
}

TEST(PlannerTest, NinetyOfAHundredAnswersAreRightAtNinetyFivePercent) {
  int right = 0, settled = 0;
  for (std::uint64_t i = 0; i < 100; ++i) {
    PlanOptions options{.first_seed = 1000 * i, .most_seeds = 40};
    const PlanResult result = planned({kind(1, 64)}, curve({20}, 0.04), options);
    right += result.kinds[0].lowest <= 21 && 21 <= result.kinds[0].highest ? 1 : 0;
    settled += result.settled ? 1 : 0;
  }
  EXPECT_GE(right, 90);
  EXPECT_GE(settled, 20);
}

TEST(PlannerTest, ARareBadDayIsNotDecidedAwayByAFewGoodOnes) {
  // One day of 20 breaks every size below 50; on the others all is well. A mean of 500 is far above the target.
  const PlanEvaluation rare = [](const PlanCandidate& c, std::uint64_t seed) {
    const bool bad = Philox(seed, StreamPurpose::request).next_unit() < 0.05;
    return Result<std::vector<double>>(std::vector<double>{c.size < 50 && (bad || c.size < 10) ? 10000.0 : 0.0});
  };
  int wrong = 0;
  for (std::uint64_t i = 0; i < 20; ++i) {
    const PlanResult result = planned({kind(1, 64)}, rare, {.first_seed = 1000 * i, .most_seeds = 40});
    wrong += result.kinds[0].highest < 50 ? 1 : 0;
  }
  EXPECT_LE(wrong, 3);  // of 40 days none is bad with a chance of 0.13
}

TEST(PlannerTest, NothingInRangeMeetsTheTargets) {
  const PlanResult result = planned({kind(1, 16)}, curve({40}, 0.05));
  EXPECT_FALSE(result.best);
  EXPECT_TRUE(result.settled);
  EXPECT_EQ(result.kinds[0].size, 17);
  ASSERT_NE(result.find({0, 16}), nullptr);
  EXPECT_FALSE(result.find({0, 16})->meets);
}

TEST(PlannerTest, TheSmallestOfTheRangeNeedsNoNeighbour) {
  const PlanResult result = planned({kind(30, 64)}, curve({10}, 0.05));
  EXPECT_EQ(result.kinds[0].size, 30);
  EXPECT_TRUE(result.settled);
}

TEST(PlannerTest, ASingleCandidateIsJudged) {
  EXPECT_TRUE(planned({kind(8, 8)}, curve({4}, 0.05)).best);
  EXPECT_FALSE(planned({kind(8, 8)}, curve({40}, 0.05)).best);
}

TEST(PlannerTest, AllTargetsMustHold) {
  const auto two = [](const PlanCandidate& c, std::uint64_t) {
    const auto size = static_cast<double>(c.size);
    return Result<std::vector<double>>(std::vector<double>{100 * 10.5 / size, size / 40});
  };
  const std::vector<PlanTarget> targets = {{.metric = 0, .relation = Relation::less, .bound = 100},
                                           {.metric = 1, .relation = Relation::at_least, .bound = 0.5}};
  EXPECT_EQ(planned({kind(1, 64)}, two, {}, targets).kinds[0].size, 20);
}

TEST(PlannerTest, CheapestKindWinsAndOthersAreExcludedWithFewRuns) {
  // 21 x 1, 11 x 3, none, 31 x 0.5: the last is cheapest.
  const PlanResult result =
      planned({kind(1, 64), kind(1, 64, 3), kind(1, 64, 0.1), kind(1, 64, 0.5)}, curve({20, 10, 400, 30}, 0.02));
  ASSERT_TRUE(result.best);
  EXPECT_EQ(*result.best, 3U);
  EXPECT_EQ(result.kinds[3].size, 31);
  EXPECT_TRUE(result.settled);
  for (const std::size_t other : {0, 1, 2}) {
    EXPECT_TRUE(result.kinds[other].excluded);
  }
  EXPECT_LT(result.runs, 300);  // of 4 x 64 x 100
}

TEST(PlannerTest, OfEquallyCheapKindsTheFirstWins) {
  const PlanResult result = planned({kind(1, 64), kind(1, 64)}, curve({20, 20}, 0.02));
  EXPECT_EQ(*result.best, 0U);
  EXPECT_TRUE(result.settled);
}

TEST(PlannerTest, MeansAgainstMonotonicityAreReported) {
  const auto jagged = [](const PlanCandidate& c, std::uint64_t) {
    return Result<std::vector<double>>(std::vector<double>{c.size < 10 || c.size == 11 ? 200.0 : 50.0});
  };
  const PlanResult result = planned({kind(1, 16)}, jagged);
  ASSERT_TRUE(result.best);
  const std::int64_t size = result.kinds[0].size;
  EXPECT_TRUE(size == 10 || size == 12);
  ASSERT_EQ(result.contradictions.size(), 1U);
}

TEST(PlannerTest, MostSeedsAreNotExceeded) {
  const PlanResult result = planned({kind(1, 64)}, curve({20}, 0.5), {.most_seeds = 5});
  for (const PlannedCandidate& candidate : result.candidates) {
    EXPECT_LE(candidate.runs.size(), 5U);
  }
}

TEST(PlannerTest, ThreadsChangeNothing) {
  const PlanResult one = planned({kind(1, 64), kind(1, 64, 2)}, curve({20, 9}, 0.1));
  const PlanResult many = planned({kind(1, 64), kind(1, 64, 2)}, curve({20, 9}, 0.1), {.threads = 7});
  EXPECT_EQ(one.runs, many.runs);
  EXPECT_EQ(one.best, many.best);
  ASSERT_EQ(one.candidates.size(), many.candidates.size());
  for (std::size_t i = 0; i < one.candidates.size(); ++i) {
    EXPECT_EQ(one.candidates[i].candidate, many.candidates[i].candidate);
    EXPECT_EQ(one.candidates[i].runs, many.candidates[i].runs);
  }
}

TEST(PlannerTest, AllCandidatesSeeTheSameSeeds) {
  std::atomic<bool> outside = false;
  const auto recording = [&](const PlanCandidate& c, std::uint64_t seed) {
    outside = outside || seed < 500 || seed >= 600;
    return Result<std::vector<double>>(std::vector<double>{c.size < 5 ? 200.0 : 50.0});
  };
  planned({kind(1, 8)}, recording, {.first_seed = 500, .threads = 2});
  EXPECT_FALSE(outside);
}

TEST(PlannerTest, AnErrorOfARunEndsThePlan) {
  const auto failing = [](const PlanCandidate&, std::uint64_t) -> Result<std::vector<double>> {
    return Error{.code = ErrorCode::not_found, .message = "no such trace", .file = {}, .line = 0, .remedy = {}};
  };
  const Result<PlanResult> result = plan({kind(1, 8)}, below_100, {}, failing);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().message, "no such trace");
}

}  // namespace
}  // namespace gpusched::sim
