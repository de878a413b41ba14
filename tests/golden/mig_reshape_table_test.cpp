#include <cstdint>

#include <gtest/gtest.h>

#include "published/mig_reshape_reference.hpp"

namespace gpusched {
namespace {

using published::MigAcceptance;

/// A sample of the table of moves on block; bench/mig_reshape_table.cpp makes all of it.
class MigReshapeTableTest : public testing::TestWithParam<std::size_t> {};

TEST_P(MigReshapeTableTest, OneMoveWinsMuchOfTheGapWithNoMoreMovesThanTheReference) {
  constexpr std::uint64_t seeds = 2;
  double won = 0, gap = 0;
  std::int64_t moves = 0, arrivals = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const Result<sim::Trace> trace = published::mig_trace(GetParam(), seed);
    ASSERT_TRUE(trace.ok()) << trace.error().to_string();
    const Result<MigAcceptance> without = published::replay_mig(trace.value(), "buddy", seed);
    ASSERT_TRUE(without.ok()) << without.error().to_string();
    published::MoveCounter counter;
    std::array<sim::ReplayObserver*, 1> observers = {&counter};
    const Result<MigAcceptance> moved =
        published::replay_mig(trace.value(), "buddy", seed, published::free_moves(), observers);
    ASSERT_TRUE(moved.ok()) << moved.error().to_string();
    const MigAcceptance repacked = published::repack_freely(trace.value(), trace.value().jobs.size() / 6);
    won += moved.value().by_slices - without.value().by_slices;
    gap += repacked.by_slices - without.value().by_slices;
    moves += counter.moves();
    arrivals += static_cast<std::int64_t>(trace.value().jobs.size());
  }
  EXPECT_GE(won, 0.45 * gap);
  const double per_arrival = static_cast<double>(moves) / static_cast<double>(arrivals);
  EXPECT_LE(per_arrival, 1.1 * published::mig_reshape_reference[GetParam()].moves_per_arrival);
}

INSTANTIATE_TEST_SUITE_P(AtFullLoad, MigReshapeTableTest,
                         testing::Values(published::mig_cell("uniform", "1.0"),
                                         published::mig_cell("skew-small", "1.0"),
                                         published::mig_cell("skew-big", "1.0"),
                                         published::mig_cell("bimodal", "1.0")));

}  // namespace
}  // namespace gpusched
