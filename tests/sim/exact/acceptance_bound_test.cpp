#include "gpusched/sim/exact/acceptance_bound.hpp"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <map>
#include <string>

#include <gtest/gtest.h>

#include "gpusched/base/philox.hpp"
#include "gpusched/sim/generators/trace_generators.hpp"
#include "gpusched/sim/simulator.hpp"

namespace gpusched::sim {
namespace {

constexpr std::int64_t units[] = {1, 2, 2, 4, 4, 8};

std::int64_t units_of(const AcceptanceArrival& arrival) {
  std::int64_t sum = 0;
  for (std::size_t shape = 0; shape < arrival.instances.size(); ++shape) {
    sum += units[shape] * arrival.instances[shape];
  }
  return sum;
}

/// A dozen jobs that overlap, at one to three GPUs.
AcceptanceProblem draw_problem(std::uint64_t seed) {
  Philox random(seed, StreamPurpose::request);
  AcceptanceProblem problem{.gpus = 1 + random.next_below(3), .arrivals = {}};
  const bool by_size = random.next_below(2) == 0;
  TimeNs now_ns = 0;
  for (int i = 0; i < 12; ++i) {
    now_ns += random.next_below(10);
    AcceptanceArrival arrival{.begin_ns = now_ns, .end_ns = now_ns + 1 + random.next_below(60)};
    arrival.instances[random.next_below(6)] = 1 + (random.next_below(6) == 0 ? 1 : 0);
    arrival.weight = by_size ? units_of(arrival) : 1;
    problem.arrivals.push_back(arrival);
  }
  return problem;
}

/// The best choice of jobs, by trying every one: instances may be moved at any time, so all that counts is whether
/// those who are there fit on the GPUs when somebody comes.
std::int64_t most_by_trying(const AcceptanceProblem& problem) {
  std::int64_t best = 0;
  const std::size_t jobs = problem.arrivals.size();
  for (std::uint32_t set = 0; set < 1U << jobs; ++set) {
    std::int64_t weight = 0;
    bool fits = true;
    for (std::size_t i = 0; i < jobs && fits; ++i) {
      if ((set >> i & 1U) == 0) {
        continue;
      }
      weight += problem.arrivals[i].weight;
      MigCounts present{};
      for (std::size_t j = 0; j <= i; ++j) {
        if ((set >> j & 1U) != 0 && problem.arrivals[j].end_ns > problem.arrivals[i].begin_ns) {
          for (std::size_t shape = 0; shape < present.size(); ++shape) {
            present[shape] += problem.arrivals[j].instances[shape];
          }
        }
      }
      fits = packs(present, problem.gpus);
    }
    best = fits ? std::max(best, weight) : best;
  }
  return best;
}

/// A looser bound: the jobs with the most weight for their units and time, until all units are used all the time.
double most_by_volume(const AcceptanceProblem& problem) {
  std::vector<const AcceptanceArrival*> arrivals;
  TimeNs end_ns = 0;
  for (const AcceptanceArrival& arrival : problem.arrivals) {
    arrivals.push_back(&arrival);
    end_ns = std::max(end_ns, arrival.end_ns);
  }
  const auto volume = [](const AcceptanceArrival& arrival) {
    return static_cast<double>(units_of(arrival) * (arrival.end_ns - arrival.begin_ns));
  };
  std::sort(arrivals.begin(), arrivals.end(), [&](const AcceptanceArrival* a, const AcceptanceArrival* b) {
    return static_cast<double>(a->weight) * volume(*b) > static_cast<double>(b->weight) * volume(*a);
  });
  double left = static_cast<double>(8 * problem.gpus * (end_ns - problem.arrivals[0].begin_ns));
  double weight = 0;
  for (const AcceptanceArrival* arrival : arrivals) {
    const double part = std::min(1.0, left / volume(*arrival));
    weight += part * static_cast<double>(arrival->weight);
    left -= part * volume(*arrival);
  }
  return weight;
}

TEST(AcceptanceBoundTest, LiesBetweenTheBestChoiceAndALooserBound) {
  int met = 0, below_offered = 0;
  constexpr int cases = 60;
  for (std::uint64_t seed = 0; seed < cases; ++seed) {
    const AcceptanceProblem problem = draw_problem(seed);
    const Result<AcceptanceBound> bound = bound_acceptance(problem, {});
    ASSERT_TRUE(bound.ok()) << bound.error().to_string();
    const std::int64_t best = most_by_trying(problem);
    EXPECT_TRUE(bound.value().all_rows_hold) << seed;
    EXPECT_GE(bound.value().most_weight, best) << seed;
    EXPECT_LE(static_cast<double>(bound.value().most_weight), most_by_volume(problem) + 1e-4) << seed;
    met += bound.value().most_weight == best ? 1 : 0;
    below_offered += bound.value().most_weight < problem.offered_weight() ? 1 : 0;
  }
  EXPECT_GE(met, cases / 2);  // a bound that is never met says little
  EXPECT_GE(below_offered, cases / 2);
}

TEST(AcceptanceBoundTest, NothingIsSolvedWhereEverythingFits) {
  AcceptanceProblem problem{.gpus = 1, .arrivals = {}};
  for (int i = 0; i < 7; ++i) {
    problem.arrivals.push_back({.begin_ns = i, .end_ns = 100, .instances = {1, 0, 0, 0, 0, 0}});
  }
  problem.arrivals.push_back({.begin_ns = 100, .end_ns = 200, .instances = {0, 0, 0, 0, 0, 1}});
  const AcceptanceBound bound = bound_acceptance(problem, {}).value();
  EXPECT_EQ(bound.most_weight, 8);
  EXPECT_EQ(bound.solves, 0U);
  problem.arrivals.back().begin_ns = 99;  // the seven are still there
  EXPECT_EQ(bound_acceptance(problem, {}).value().most_weight, 7);
  problem.arrivals.back().possible = false;
  EXPECT_EQ(bound_acceptance(problem, {}).value().solves, 0U);
}

Trace mig_mix(const std::map<std::string, std::string>& parameters, std::uint64_t seed) {
  return generate_trace("mig-mix", parameters, seed).value();
}

TEST(AcceptanceBoundTest, NoPolicyAcceptsMore) {
  for (const char* mix : {"uniform", "skew-big"}) {
    const Trace trace = mig_mix({{"mix", mix}, {"gpus", "6"}, {"jobs", "250"}, {"load", "1.2"}}, 5);
    constexpr double warmup = 0.1;
    const AcceptanceProblem count = acceptance_problem(trace, AcceptanceWeight::count, warmup).value();
    const AcceptanceProblem size = acceptance_problem(trace, AcceptanceWeight::size, warmup).value();
    EXPECT_EQ(count.offered_weight(), 225);
    const AcceptanceBound by_count = bound_acceptance(count, {}).value();
    const AcceptanceBound by_size = bound_acceptance(size, {}).value();
    EXPECT_TRUE(by_count.all_rows_hold && by_size.all_rows_hold);
    EXPECT_LT(by_size.most_weight, size.offered_weight());
    for (const char* policy : {"first_fit", "buddy"}) {
      SimulationOptions options;
      options.policy = parse_policy(policy).value();
      options.queue = QueueDiscipline::reject;
      options.warmup_fraction = warmup;
      const Summary summary = simulate(trace, options).value().summary;
      const double most_count = static_cast<double>(by_count.most_weight) / 225.0;
      const double most_size = static_cast<double>(by_size.most_weight) / static_cast<double>(size.offered_weight());
      EXPECT_LE(summary.acceptance, most_count + 1e-9) << policy;
      EXPECT_LE(summary.acceptance_by_size, most_size + 1e-9) << policy;
      EXPECT_GE(summary.acceptance_by_size, most_size - 0.3) << policy;  // near enough to say something
    }
  }
}

TEST(AcceptanceBoundTest, WhatIsNotCoveredIsRefusedByName) {
  const auto refused = [](const Trace& trace, const char* word) {
    const auto problem = acceptance_problem(trace, AcceptanceWeight::count, 0);
    ASSERT_FALSE(problem.ok());
    EXPECT_EQ(problem.error().code, ErrorCode::unsupported);
    EXPECT_NE(problem.error().to_string().find(word), std::string::npos) << problem.error().to_string();
  };
  const Trace trace = mig_mix({{"gpus", "9"}, {"jobs", "20"}}, 1);
  Trace other = trace;
  other.nodes[1].gpu_model = "A100-80GB";
  refused(other, "n1");
  other = trace;
  for (TraceNode& node : other.nodes) {
    node.gpu_model = "A30-24GB";
  }
  refused(other, "seven-slice");
  other = trace;
  other.specs[other.jobs[3].spec].request.mig_profile.clear();
  other.specs[other.jobs[3].spec].request.gpu_milli = 500;
  other.specs[other.jobs[3].spec].request.job_class = JobClass::unknown;
  refused(other, "asks for neither");
  other = trace;
  other.specs[other.jobs[0].spec].replicas = 2;
  refused(other, "j0");
}

}  // namespace
}  // namespace gpusched::sim
