#include "gpusched/sim/execution/job_agenda.hpp"

#include <set>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "gpusched/base/philox.hpp"
#include "gpusched/sim/execution/job_plan.hpp"

namespace gpusched::sim {
namespace {

TEST(JobAgendaTest, TheEarliestComesFirstAndEqualTimesByNumber) {
  JobAgenda agenda;
  for (int i = 0; i < 4; ++i) {
    agenda.add_job();
  }
  EXPECT_TRUE(agenda.empty());
  agenda.set(3, 10);
  agenda.set(1, 10);
  agenda.set(2, 20);
  EXPECT_EQ(agenda.top_job(), 1U);
  agenda.set(2, 5);
  EXPECT_EQ(agenda.top_job(), 2U);
  EXPECT_EQ(agenda.top_time_ns(), 5);
  agenda.set(2, never_ns);
  agenda.set(1, never_ns);
  EXPECT_EQ(agenda.top_job(), 3U);
  agenda.set(0, never_ns);
  agenda.set(3, never_ns);
  EXPECT_TRUE(agenda.empty());
}

TEST(JobAgendaTest, AgreesWithAnOrderedSetUnderRandomChanges) {
  constexpr std::uint32_t jobs = 50;
  Philox draws(3, StreamPurpose::order);
  JobAgenda agenda;
  std::vector<TimeNs> time_ns(jobs, never_ns);
  std::set<std::pair<TimeNs, std::uint32_t>> expected;
  for (std::uint32_t i = 0; i < jobs; ++i) {
    agenda.add_job();
  }
  for (int step = 0; step < 20'000; ++step) {
    const std::uint32_t job = draws.next_below(jobs);
    expected.erase({time_ns[job], job});
    time_ns[job] = draws.next_below(4) == 0 ? never_ns : TimeNs{draws.next_below(100)};
    agenda.set(job, time_ns[job]);
    if (time_ns[job] != never_ns) {
      expected.insert({time_ns[job], job});
    }
    ASSERT_EQ(agenda.empty(), expected.empty());
    if (!expected.empty()) {
      ASSERT_EQ(std::pair(agenda.top_time_ns(), agenda.top_job()), *expected.begin()) << step;
    }
  }
}

}  // namespace
}  // namespace gpusched::sim
