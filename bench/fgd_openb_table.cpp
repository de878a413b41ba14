// The published FGD experiments, replayed and compared point by point.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "../tests/published/openb_published.hpp"
#include "table_program.hpp"

namespace {

using namespace gpusched;
using published::CurveDifference;
using published::CurveRows;
using published::OpenbList;
using published::PublishedCurves;
using published::PublishedPolicy;

constexpr std::array<std::size_t, 3> compared_percents = {100, 115, 130};
constexpr double random_tolerance = 1.0;  // 3 standard deviations of a mean over ten seeds, and some room

/// Allocation of ours and theirs, summed over the seeds of one list.
struct RandomSum {
  std::array<double, compared_percents.size()> ours{};
  std::array<double, compared_percents.size()> theirs{};
};

struct PolicyTotals {
  int runs = 0;
  int identical = 0;
  CurveDifference difference;
  double cpu_s = 0;
  std::map<std::string, RandomSum> by_list;
};

struct Comparison {
  std::size_t policy = 0;
  CurveDifference difference;
  CurveRows ours;
  double cpu_s = 0;
};

class Table {
 public:
  Table(std::string openb, std::uint64_t first_seed, std::uint64_t last_seed)
      : openb_(std::move(openb)), first_seed_(first_seed), seeds_(last_seed - first_seed + 1) {}

  Status load(const std::vector<std::string>& names) {
    Result<PublishedCurves> curves = PublishedCurves::load(openb_);
    if (!curves) {
      return curves.error();
    }
    curves_ = std::move(curves).value();
    for (const std::string& name : names) {
      Result<OpenbList> list = published::load_openb_list(openb_, name);
      if (!list) {
        return list.error();
      }
      lists_.push_back(std::move(list).value());
    }
    return {};
  }

  Status run() {
    const std::size_t count = lists_.size() * seeds_;
    std::vector<std::vector<Comparison>> comparisons(count);
    std::vector<Status> statuses(count);
    bench::on_all_cores(count, [&](std::size_t i) { statuses[i] = compare(i, comparisons[i]); });
    for (std::size_t i = 0; i < count; ++i) {
      if (!statuses[i]) {
        return statuses[i];
      }
      for (const Comparison& comparison : comparisons[i]) {
        add(comparison, lists_[i / seeds_].name, first_seed_ + i % seeds_);
      }
    }
    return {};
  }

  /// Prints the table; false when a policy misses what was published.
  bool print() const {
    bool good = true;
    std::printf("%-38s %6s %10s %16s %12s %8s\n", "policy", "runs", "identical", "points differ", "largest", "CPU s");
    for (std::size_t i = 0; i < totals_.size(); ++i) {
      const PublishedPolicy& policy = published::published_policies[i];
      const PolicyTotals& totals = totals_[i];
      const int points = totals.runs * 3 * (sim::Curve::last_percent + 1);
      std::printf("%-38s %6d %10d %7d/%8d %12.3g %8.2f\n", std::string(policy.policy).c_str(), totals.runs,
                  totals.identical, totals.difference.points, points, totals.difference.largest, totals.cpu_s);
      good &= !policy.deterministic || totals.identical == totals.runs;
    }
    return print_random() && good;
  }

  double deterministic_cpu_s() const {
    double sum = 0;
    for (std::size_t i = 0; i < totals_.size(); ++i) {
      sum += published::published_policies[i].deterministic ? totals_[i].cpu_s : 0;
    }
    return sum;
  }

 private:
  Status compare(std::size_t i, std::vector<Comparison>& comparisons) const {
    const OpenbList& list = lists_[i / seeds_];
    const std::uint64_t seed = first_seed_ + i % seeds_;
    const Result<sim::SimulationOptions> options = published::openb_options(openb_, list, seed);
    if (!options) {
      return options.error();
    }
    for (std::size_t p = 0; p < published::published_policies.size(); ++p) {
      const PublishedPolicy& policy = published::published_policies[p];
      const CurveRows* theirs = curves_.find(list.name, policy.label, seed);
      if (theirs == nullptr) {
        return Error{.code = ErrorCode::not_found,
                     .message = "no published curve for list '" + list.name + "', seed " + std::to_string(seed),
                     .file = {},
                     .line = 0,
                     .remedy = "Seeds 42 to 51 were published"};
      }
      const double begin = bench::thread_cpu_s();
      Result<published::OpenbRun> run = published::replay_openb(list, options.value(), policy.policy);
      if (!run) {
        return run.error();
      }
      comparisons.push_back({.policy = p,
                             .difference = published::difference(run.value().curve, *theirs),
                             .ours = std::move(run.value().curve),
                             .cpu_s = bench::thread_cpu_s() - begin});
    }
    return {};
  }

  void add(const Comparison& comparison, const std::string& list, std::uint64_t seed) {
    const PublishedPolicy& policy = published::published_policies[comparison.policy];
    PolicyTotals& totals = totals_[comparison.policy];
    ++totals.runs;
    totals.identical += comparison.difference.points == 0 ? 1 : 0;
    totals.difference.add(comparison.difference);
    totals.cpu_s += comparison.cpu_s;
    if (policy.deterministic) {
      if (comparison.difference.points > 0) {
        std::printf("differs: %s, %s, seed %d\n", list.c_str(), std::string(policy.policy).c_str(),
                    static_cast<int>(seed));
      }
      return;
    }
    const CurveRows& theirs = *curves_.find(list, policy.label, seed);
    RandomSum& sum = totals.by_list[list];
    for (std::size_t i = 0; i < compared_percents.size(); ++i) {
      sum.ours[i] += comparison.ours[compared_percents[i]].allocation_percent;
      sum.theirs[i] += theirs[compared_percents[i]].allocation_percent;
    }
  }

  bool print_random() const {
    const auto seeds = static_cast<double>(seeds_);
    double largest = 0;
    std::printf("\nrandom: allocation at 100 / 115 / 130 %% arrived, mean of %d seeds, ours - published\n",
                static_cast<int>(seeds_));
    const PolicyTotals& totals =
        totals_[static_cast<std::size_t>(&published::published_random - published::published_policies.data())];
    for (const auto& [list, sum] : totals.by_list) {
      std::printf("  %-12s", list.c_str());
      for (std::size_t i = 0; i < compared_percents.size(); ++i) {
        const double difference = (sum.ours[i] - sum.theirs[i]) / seeds;
        std::printf("  %6.2f (%+.2f)", sum.ours[i] / seeds, difference);
        largest = std::max(largest, std::abs(difference));
      }
      std::printf("\n");
    }
    std::printf("  largest difference %.2f, allowed %.1f\n", largest, random_tolerance);
    return largest <= random_tolerance;
  }

  std::string openb_;
  std::uint64_t first_seed_;
  std::uint64_t seeds_;
  PublishedCurves curves_;
  std::vector<OpenbList> lists_;
  std::array<PolicyTotals, published::published_policies.size()> totals_;
};

std::string all_lists() {
  std::string text;
  for (const std::string_view list : published::openb_lists) {
    text += (text.empty() ? "" : ",") + std::string(list);
  }
  return text;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string lists = all_lists();
  const std::string data = bench::data_dir();
  bench::TableArguments arguments(
      "Replays the published FGD experiments and compares allocation, fragmentation ratio and fragmentation amount at\n"
      "all 131 points. Exit code 1 when a deterministic policy differs, or random by more than a point.",
      {{"lists", lists, "pod lists, joined by commas"},
       {"seeds", "42-51", "FIRST-LAST"},
       {"data", data, "folder that holds openb/"}});
  if (const auto exit_code = arguments.parse(argc, argv)) {
    return *exit_code;
  }
  const auto seeds = arguments.range("seeds");
  if (!seeds) {
    std::cerr << "--seeds " << arguments.text("seeds") << " is not FIRST-LAST\n";
    return 2;
  }
  const bench::Stopwatch watch;
  Table table(arguments.text("data") + "/openb", seeds->first, seeds->second);
  Status status = table.load(arguments.list("lists"));
  if (status) {
    status = table.run();
  }
  if (!status) {
    std::cerr << status.error().to_string() << "\n";
    return 1;
  }
  const bool good = table.print();
  std::printf("\nCPU %.2f s for the deterministic runs, %.2f s in all; wall %.2f s\n", table.deterministic_cpu_s(),
              bench::process_cpu_s(), watch.seconds());
  std::printf("%s\n", good ? "as published" : "NOT as published");
  return good ? 0 : 1;
}
