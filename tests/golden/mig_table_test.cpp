#include <array>
#include <cstdint>
#include <string_view>

#include <gtest/gtest.h>

#include "published/mig_online_reference.hpp"

namespace gpusched {
namespace {

using published::MigAcceptance;

/// A sample of the table of online MIG placement; bench/mig_online_table.cpp makes all of it.
class MigTableTest : public testing::TestWithParam<std::size_t> {};

// Four standard deviations: 0.1 to 0.7 points between seeds, so at most 0.3 for the mean of six, in the reference as in
// ours, which makes 0.4 for their difference; the rest is for the reference's rounding and its own generator.
constexpr double tolerance = 2.0;
constexpr std::uint64_t seeds = 6;

TEST_P(MigTableTest, AcceptanceIsAsInTheReferenceAndBuddyLeadsMfi) {
  constexpr std::array<std::string_view, 3> policies = {"buddy", "mfi", "first_fit"};
  std::array<MigAcceptance, policies.size()> means;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const Result<sim::Trace> trace = published::mig_trace(GetParam(), seed);
    ASSERT_TRUE(trace.ok()) << trace.error().to_string();
    for (std::size_t p = 0; p < policies.size(); ++p) {
      const Result<MigAcceptance> run = published::replay_mig(trace.value(), policies[p], seed);
      ASSERT_TRUE(run.ok()) << run.error().to_string();
      means[p].by_count += run.value().by_count / static_cast<double>(seeds);
      means[p].by_slices += run.value().by_slices / static_cast<double>(seeds);
    }
  }
  for (std::size_t p = 0; p < policies.size(); ++p) {
    SCOPED_TRACE(policies[p]);
    const MigAcceptance& reference = published::find_mig_reference(policies[p])->cells[GetParam()];
    EXPECT_NEAR(means[p].by_count, reference.by_count, tolerance);
    EXPECT_NEAR(means[p].by_slices, reference.by_slices, tolerance);
  }
  // Same arrivals for both, so the noise of the difference is far below that of a cell.
  EXPECT_GT(means[0].by_slices - means[1].by_slices, 0);
}

INSTANTIATE_TEST_SUITE_P(AtFullLoad, MigTableTest,
                         testing::Values(published::mig_cell("uniform", "1.0"), published::mig_cell("bimodal", "1.0")),
                         [](const auto& cell) { return cell.index == 0 ? "Uniform" : "Bimodal"; });

}  // namespace
}  // namespace gpusched
