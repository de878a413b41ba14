// Does the planner find what exhaustive search finds, with how many runs, and how often is it right on other days?

#include <algorithm>
#include <cstdio>
#include <numeric>

#include "gpusched/sim/cluster_builder.hpp"
#include "gpusched/sim/generators/trace_generators.hpp"
#include "gpusched/sim/plan_metrics.hpp"
#include "gpusched/sim/plan_workload.hpp"
#include "gpusched/sim/planner.hpp"
#include "gpusched/sim/simulator.hpp"

#include "table_program.hpp"

namespace {

using namespace gpusched;

using Targets = std::vector<sim::PlanTarget>;

/// A synthetic day, and what is asked of the cluster that is to be found for it.
struct Day {
  const char* name;
  const char* generator;
  std::map<std::string, std::string> parameters;
  const char* node;  ///< as in the cluster shorthand
  const char* policy;
  std::vector<std::vector<const char*>> targets;  ///< answers take them in turn: no bound is chosen to be easy
  std::int64_t least, most;
};

const std::vector<Day>& days() {
  static const std::vector<Day> rows = {
      {"mig",
       "mig-mix",
       {{"gpus", "64"}, {"jobs", "1000"}, {"load", "0.8"}},
       "xH100-80GB-SXM5:2@mig",
       "buddy",
       {{"wait_p99<10m"}, {"wait_p99<20m"}, {"wait_p99<30m"}, {"wait_p99<60m"}, {"wait_p99<90m"}},
       10,
       109},
      {"mig8",
       "mig-mix",
       {{"gpus", "64"}, {"jobs", "1000"}, {"load", "0.8"}},
       "xH100-80GB-SXM5:8@mig",
       "buddy",
       {{"wait_p99<10m"}, {"wait_p99<20m"}, {"wait_p99<30m"}, {"wait_p99<60m"}, {"wait_p99<90m"}},
       2,
       81},
      {"mixed",
       "mixed-day",
       {{"nodes", "4"}, {"model", "H100-80GB-SXM5"}},
       "xH100-80GB-SXM5:8",
       "placeable_online",
       {{"wait_mean<2m", "goodput>=95%"},
        {"wait_mean<5m", "goodput>=95%"},
        {"wait_mean<10m", "goodput>=95%"},
        {"wait_mean<20m", "goodput>=95%"},
        {"wait_mean<40m", "goodput>=95%"}},
       2,
       81},
  };
  return rows;
}

/// Runs of a day, each done once.
class DayRuns {
 public:
  explicit DayRuns(const Day& day) : day_(day) {}

  std::vector<double> values(std::int64_t size, std::uint64_t seed) {
    {
      const std::lock_guard lock(mutex_);
      const auto known = known_.find({size, seed});
      if (known != known_.end()) {
        return known->second;
      }
    }
    sim::Trace trace = sim::generate_trace(day_.generator, day_.parameters, seed).value();
    sim::drop_node_labels(trace);
    trace.nodes = sim::parse_cluster_shorthand(std::to_string(size) + day_.node).value();
    sim::SimulationOptions options;
    options.policy = parse_policy(day_.policy).value();
    options.seed = seed;
    options.target = sim::demand_of(trace);
    std::vector<double> result = sim::plan_values(trace, sim::simulate(trace, options).value());
    const std::lock_guard lock(mutex_);
    return known_.insert_or_assign({size, seed}, std::move(result)).first->second;
  }

  const Day& day() const { return day_; }
  /// Of the answer with this number.
  Targets targets(std::uint64_t number) const {
    Targets result;
    for (const char* target : day_.targets[number % day_.targets.size()]) {
      result.push_back(sim::parse_plan_target(target).value());
    }
    return result;
  }

  /// True where the means over seeds first, first + 1, ... meet the targets.
  bool meets(std::int64_t size, const Targets& targets, std::uint64_t first, std::uint64_t seeds) {
    std::vector<std::vector<double>> all(seeds);
    bench::on_all_cores(seeds, [&](std::size_t i) { all[i] = values(size, first + i); });
    return std::all_of(targets.begin(), targets.end(), [&](const sim::PlanTarget& target) {
      const double sum = std::accumulate(all.begin(), all.end(), 0.0,
                                         [&](double total, const auto& run) { return total + run[target.metric]; });
      return target.holds(sum / static_cast<double>(seeds));
    });
  }

  /// The smallest size that meets the targets, all sizes tried in turn.
  std::int64_t smallest(const Targets& targets, std::uint64_t first, std::uint64_t seeds) {
    std::int64_t size = day_.least;
    while (size <= day_.most && !meets(size, targets, first, seeds)) {
      ++size;
    }
    return size;
  }

  sim::PlannedKind plan(const Targets& targets, std::uint64_t first, int most_seeds, std::int64_t& runs) {
    const sim::PlanOptions options{.first_seed = first,
                                   .most_seeds = most_seeds,
                                   .threads = static_cast<int>(std::thread::hardware_concurrency())};
    const sim::PlanResult result =
        sim::plan({{.name = day_.name, .least = day_.least, .most = day_.most}}, targets, options,
                  [&](const sim::PlanCandidate& c, std::uint64_t seed) -> Result<std::vector<double>> {
                    return values(c.size, seed);
                  })
            .value();
    runs = result.runs;
    return result.kinds.front();
  }

 private:
  const Day& day_;
  std::mutex mutex_;
  std::map<std::pair<std::int64_t, std::uint64_t>, std::vector<double>> known_;
};

/// The same 20 seeds for both. Sizes above the first that meets the targets cost exhaustive search runs too, but cannot
/// change what it finds.
bool against_exhaustive(DayRuns& runs, std::uint64_t bases) {
  constexpr std::uint64_t seeds = 20;
  const std::int64_t exhaustive = (runs.day().most - runs.day().least + 1) * static_cast<std::int64_t>(seeds);
  std::uint64_t same = 0;
  std::int64_t most = 0, total = 0;
  for (std::uint64_t base = 1; base <= bases; ++base) {
    const Targets targets = runs.targets(base);
    const std::int64_t found = runs.smallest(targets, 1000 * base, seeds);
    std::int64_t used = 0;
    same += runs.plan(targets, 1000 * base, static_cast<int>(seeds), used).size == found ? 1 : 0;
    most = std::max(most, used);
    total += used;
  }
  std::printf(
      "%-6s exhaustive %lld runs: same answer on %llu of %llu base seeds; runs %.0f in the mean, %lld at most\n",
      runs.day().name, static_cast<long long>(exhaustive), static_cast<unsigned long long>(same),
      static_cast<unsigned long long>(bases), static_cast<double>(total) / static_cast<double>(bases),
      static_cast<long long>(most));
  return 20 * same >= 19 * bases && 10 * most <= exhaustive;
}

/// Answers on seeds of their own, judged by the means over fresh ones.
bool on_fresh_seeds(DayRuns& runs, std::uint64_t answers, std::uint64_t fresh) {
  constexpr int most_seeds = 100;
  std::vector<std::int64_t> truths;
  for (std::size_t i = 0; i < runs.day().targets.size(); ++i) {
    truths.push_back(runs.smallest(runs.targets(i), 10'000'000, fresh));
    std::printf("%-6s %s: truth %lld by %llu fresh seeds\n", runs.day().name, runs.day().targets[i].front(),
                static_cast<long long>(truths.back()), static_cast<unsigned long long>(fresh));
  }
  std::uint64_t right = 0, settled = 0, settled_right = 0, estimate_right = 0;
  std::int64_t width = 0, total = 0;
  for (std::uint64_t i = 0; i < answers; ++i) {
    std::int64_t used = 0;
    const sim::PlannedKind kind = runs.plan(runs.targets(i), 1'000'000 + 1000 * i, most_seeds, used);
    const std::int64_t truth = truths[i % truths.size()];
    const bool holds = kind.lowest <= truth && truth <= kind.highest;
    right += holds ? 1 : 0;
    settled += kind.settled ? 1 : 0;
    settled_right += kind.settled && holds ? 1 : 0;
    estimate_right += kind.size == truth ? 1 : 0;
    width += kind.highest - kind.lowest + 1;
    total += used;
  }
  const auto n = static_cast<double>(answers);
  std::printf(
      "%-6s %llu of %llu answers right, %.1f sizes wide, %.0f runs; settled %llu, of these right %llu; best "
      "estimate right %llu\n",
      runs.day().name, static_cast<unsigned long long>(right), static_cast<unsigned long long>(answers),
      static_cast<double>(width) / n, static_cast<double>(total) / n, static_cast<unsigned long long>(settled),
      static_cast<unsigned long long>(settled_right), static_cast<unsigned long long>(estimate_right));
  return 10 * right >= 9 * answers;
}

}  // namespace

int main(int argc, char** argv) {
  bench::TableArguments arguments("The planner against exhaustive search, and its answers on fresh seeds.",
                                  {{"days", "mig,mig8", "which days: mig, mig8, mixed"},
                                   {"bases", "20", "base seeds of the comparison with exhaustive search"},
                                   {"answers", "100", "answers that are judged"},
                                   {"fresh", "200", "seeds that judge them"}});
  if (const std::optional<int> code = arguments.parse(argc, argv)) {
    return *code;
  }
  const auto bases = arguments.range("bases"), answers = arguments.range("answers"), fresh = arguments.range("fresh");
  if (!bases || !answers || !fresh) {
    std::cerr << "--bases, --answers and --fresh are whole numbers\n";
    return 2;
  }
  std::setvbuf(stdout, nullptr, _IOLBF, 0);  // a run takes minutes
  bool passed = true;
  const std::vector<std::string> wanted = arguments.list("days");
  for (const Day& day : days()) {
    if (std::find(wanted.begin(), wanted.end(), day.name) == wanted.end()) {
      continue;
    }
    const bench::Stopwatch watch;
    DayRuns runs(day);
    passed = (bases->first == 0 || against_exhaustive(runs, bases->first)) && passed;
    passed = (answers->first == 0 || on_fresh_seeds(runs, answers->first, fresh->first)) && passed;
    std::printf("%-6s %.0f s\n", day.name, watch.seconds());
  }
  return passed ? 0 : 1;
}
