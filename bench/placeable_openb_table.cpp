// What a policy of ours allocates on openb beside the published FGD, and how near that is to an upper bound.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

#include "../tests/published/openb_published.hpp"
#include "table_program.hpp"

namespace {

using namespace gpusched;
using published::CurveRows;
using published::OpenbList;
using published::OpenbRun;
using published::PublishedCurves;

/// Bounds of one list, per cent of the cluster's GPUs.
struct Bound {
  std::string_view list;
  double upper_100 = 0;  ///< optimum of a linear program that knows all arrivals and may reject: no policy beats it
  double upper_130 = 0;  ///< not comparable with a policy that must place what fits
  double clairvoyant_100 =
      0;  ///< the arrivals sorted and placed by the same value function, one seed: a weak reference
  double clairvoyant_130 = 0;
};

/// Source: our placement study, section 2; the bounds are means of seeds 42 to 44, the clairvoyant heuristic is
/// seed 42.
constexpr std::array<Bound, 10> bounds = {{
    {"default", 96.98, 99.88, 96.08, 98.95},
    {"cpu050", 96.98, 99.88, 96.08, 98.71},
    {"cpu100", 96.97, 99.88, 96.09, 98.95},
    {"cpu200", 96.97, 99.89, 96.11, 99.10},
    {"gpushare40", 95.70, 99.22, 94.91, 96.30},
    {"gpushare100", 89.19, 91.60, 87.03, 86.31},
    {"gpuspec10", 96.93, 99.87, 95.79, 98.52},
    {"gpuspec33", 96.81, 99.78, 95.03, 98.46},
    {"multigpu20", 97.40, 100.00, 96.43, 99.52},
    {"multigpu50", 98.41, 100.00, 97.95, 99.97},
}};

constexpr std::array<int, 2> percents = {100, 130};
constexpr std::array<const char*, 6> size_names = {"cpu", "share", "1", "2", "4", "8"};

/// Jobs that found no place, by size, of those that arrived up to a demand.
struct Failures {
  std::array<double, size_names.size()> arrived{};
  std::array<double, size_names.size()> failed{};

  void add(const Failures& other, double factor) {
    for (std::size_t i = 0; i < size_names.size(); ++i) {
      arrived[i] += other.arrived[i] * factor;
      failed[i] += other.failed[i] * factor;
    }
  }
};

std::size_t size_of(const GpuRequest& request) {
  if (request.num_gpu == 0) {
    return 0;
  }
  if (request.gpu_milli < milli_per_unit) {
    return 1;
  }
  return request.num_gpu == 1 ? 2 : request.num_gpu == 2 ? 3 : request.num_gpu <= 4 ? 4 : 5;
}

/// One replay, reduced to what the table shows.
struct Outcome {
  std::array<double, percents.size()> allocation{};
  std::array<Failures, percents.size()> failures;  // up to 100 % arrived; all arrivals
  double cpu_s = 0;
};

Outcome reduce(const OpenbList& list, const OpenbRun& run, double cpu_s) {
  Outcome outcome;
  outcome.cpu_s = cpu_s;
  for (std::size_t i = 0; i < percents.size(); ++i) {
    outcome.allocation[i] = run.curve[static_cast<std::size_t>(percents[i])].allocation_percent;
  }
  std::int64_t arrived_milli = 0;
  for (const sim::JobResult& job : run.result.jobs) {
    const GpuRequest& request = list.trace.specs[list.trace.jobs[job.row].spec].request;
    arrived_milli += requested_gpu_milli(request);
    const std::size_t size = size_of(request);
    const double failed = job.outcome == sim::JobOutcome::running ? 0 : 1;
    for (std::size_t i = arrived_milli <= run.total_milli ? 0 : 1; i < percents.size(); ++i) {
      outcome.failures[i].arrived[size] += 1;
      outcome.failures[i].failed[size] += failed;
    }
  }
  return outcome;
}

struct Statistics {
  double mean = 0;
  double sd = 0;
  double worst = 0;
};

Statistics statistics(const std::vector<double>& values) {
  Statistics result;
  result.worst = *std::min_element(values.begin(), values.end());
  const auto n = static_cast<double>(values.size());
  for (const double value : values) {
    result.mean += value / n;
  }
  double squares = 0;
  for (const double value : values) {
    squares += (value - result.mean) * (value - result.mean);
  }
  result.sd = values.size() > 1 ? std::sqrt(squares / (n - 1)) : 0;
  return result;
}

class Table {
 public:
  Table(std::string openb, std::vector<std::string> policies, std::uint64_t first_seed, std::uint64_t last_seed)
      : openb_(std::move(openb)),
        policies_(std::move(policies)),
        first_seed_(first_seed),
        seeds_(last_seed - first_seed + 1) {}

  Status run(const std::vector<std::string>& names) {
    Result<PublishedCurves> curves = PublishedCurves::load(openb_);
    if (!curves) {
      return curves.error();
    }
    for (const std::string& name : names) {
      Result<OpenbList> list = published::load_openb_list(openb_, name);
      if (!list) {
        return list.error();
      }
      lists_.push_back(std::move(list).value());
    }
    const std::size_t count = lists_.size() * seeds_;
    outcomes_.resize(count);
    published_.resize(count);
    std::vector<Status> statuses(count);
    bench::on_all_cores(count, [&](std::size_t i) { statuses[i] = replay(i, curves.value()); });
    for (const Status& status : statuses) {
      if (!status) {
        return status;
      }
    }
    return {};
  }

  /// Prints the tables of one policy; false when a list is below the published FGD.
  bool print(std::size_t policy) const {
    const bool good = print_gains(policy);
    print_failures(policy);
    double cpu_s = 0;
    for (const std::vector<Outcome>& outcomes : outcomes_) {
      cpu_s += outcomes[policy + 1].cpu_s;
    }
    std::printf("CPU %.2f s per run\n\n", cpu_s / static_cast<double>(outcomes_.size()));
    return good;
  }

 private:
  Status replay(std::size_t i, const PublishedCurves& curves) {
    const OpenbList& list = lists_[i / seeds_];
    const std::uint64_t seed = first_seed_ + i % seeds_;
    const CurveRows* theirs = curves.find(list.name, published::published_fgd.label, seed);
    if (theirs == nullptr) {
      return Error{.code = ErrorCode::not_found,
                   .message = "no published curve for list '" + list.name + "', seed " + std::to_string(seed),
                   .file = {},
                   .line = 0,
                   .remedy = "Seeds 42 to 51 were published"};
    }
    for (std::size_t p = 0; p < percents.size(); ++p) {
      published_[i][p] = (*theirs)[static_cast<std::size_t>(percents[p])].allocation_percent;
    }
    const Result<sim::SimulationOptions> options = published::openb_options(openb_, list, seed);
    if (!options) {
      return options.error();
    }
    // First FGD as published, for the failures that the published tables do not hold.
    for (std::size_t p = 0; p <= policies_.size(); ++p) {
      const double begin = bench::thread_cpu_s();
      const Result<OpenbRun> run = published::replay_openb(
          list, options.value(), p == 0 ? published::published_fgd.policy : std::string_view(policies_[p - 1]));
      if (!run) {
        return run.error();
      }
      outcomes_[i].push_back(reduce(list, run.value(), bench::thread_cpu_s() - begin));
    }
    return {};
  }

  bool print_gains(std::size_t policy) const {
    bool good = true;
    std::array<double, percents.size()> mean_gain{};
    std::size_t bounded = 0, half_way = 0;
    std::printf("%s against published FGD: GPU allocation %% at 100 %% / 130 %% arrived, %d seeds\n",
                policies_[policy].c_str(), static_cast<int>(seeds_));
    std::printf("%-12s %13s %13s %11s %15s %15s %15s %13s %13s %8s\n", "list", "FGD", "ours", "sd", "gain",
                "worst seed", "sd of gain", "upper bound", "clairvoyant", "closed");
    for (std::size_t l = 0; l < lists_.size(); ++l) {
      std::array<Statistics, percents.size()> fgd, ours, gain;
      for (std::size_t p = 0; p < percents.size(); ++p) {
        std::vector<double> fgd_values, our_values, gains;
        for (std::size_t s = 0; s < seeds_; ++s) {
          const std::size_t i = l * seeds_ + s;
          fgd_values.push_back(published_[i][p]);
          our_values.push_back(outcomes_[i][policy + 1].allocation[p]);
          gains.push_back(our_values.back() - fgd_values.back());
        }
        fgd[p] = statistics(fgd_values);
        ours[p] = statistics(our_values);
        gain[p] = statistics(gains);
        mean_gain[p] += gain[p].mean / static_cast<double>(lists_.size());
        good &= gain[p].mean >= 0;
      }
      std::printf("%-12s %6.2f/%6.2f %6.2f/%6.2f %5.2f/%5.2f %+7.2f/%+7.2f %+7.2f/%+7.2f %7.2f/%7.2f",
                  lists_[l].name.c_str(), fgd[0].mean, fgd[1].mean, ours[0].mean, ours[1].mean, ours[0].sd, ours[1].sd,
                  gain[0].mean, gain[1].mean, gain[0].worst, gain[1].worst, gain[0].sd, gain[1].sd);
      const auto* const bound =
          std::find_if(bounds.begin(), bounds.end(), [&](const Bound& b) { return b.list == lists_[l].name; });
      if (bound != bounds.end()) {
        const double closed = (ours[0].mean - fgd[0].mean) / (bound->upper_100 - fgd[0].mean);
        ++bounded;
        half_way += closed >= 0.5 ? 1 : 0;
        std::printf(" %6.2f/%6.2f %6.2f/%6.2f %6.0f %%%s", bound->upper_100, bound->upper_130, bound->clairvoyant_100,
                    bound->clairvoyant_130, 100 * closed, closed >= 0.5 ? "" : " (under half)");
      }
      std::printf("%s\n", gain[0].mean < 0 || gain[1].mean < 0 ? "  BELOW" : "");
    }
    std::printf("%-12s %13s %13s %11s %+7.2f/%+7.2f\n", "mean", "", "", "", mean_gain[0], mean_gain[1]);
    std::printf(
        "closed = share of the distance from FGD to the upper bound at 100 %%; half of it or more on %zu of %zu "
        "lists\n\n",
        half_way, bounded);
    return good;
  }

  void print_failures(std::size_t policy) const {
    std::printf("failed jobs, mean per run, FGD -> %s (of the arrived)\n", policies_[policy].c_str());
    for (std::size_t p = 0; p < percents.size(); ++p) {
      std::printf("%-12s", p == 0 ? "<= 100 %" : "130 %");
      for (const char* const name : size_names) {
        std::printf("%26s", name);
      }
      std::printf("\n");
      for (std::size_t l = 0; l < lists_.size(); ++l) {
        Failures fgd, ours;
        for (std::size_t s = 0; s < seeds_; ++s) {
          fgd.add(outcomes_[l * seeds_ + s][0].failures[p], 1.0 / static_cast<double>(seeds_));
          ours.add(outcomes_[l * seeds_ + s][policy + 1].failures[p], 1.0 / static_cast<double>(seeds_));
        }
        std::printf("%-12s", lists_[l].name.c_str());
        for (std::size_t i = 0; i < size_names.size(); ++i) {
          std::printf("%8.1f ->%7.1f (%5.0f)", fgd.failed[i], ours.failed[i], ours.arrived[i]);
        }
        std::printf("\n");
      }
    }
  }

  std::string openb_;
  std::vector<std::string> policies_;
  std::uint64_t first_seed_;
  std::uint64_t seeds_;
  std::vector<OpenbList> lists_;
  std::vector<std::vector<Outcome>> outcomes_;                  // [list x seed][FGD, then the policies]
  std::vector<std::array<double, percents.size()>> published_;  // [list x seed]
};

}  // namespace

int main(int argc, char** argv) {
  std::string lists;
  for (const std::string_view list : published::openb_lists) {
    lists += (lists.empty() ? "" : ",") + std::string(list);
  }
  const std::string data = bench::data_dir();
  bench::TableArguments arguments(
      "Replays openb under policies of ours by the rules of the published FGD experiments. Exit code 1 when the mean\n"
      "allocation of a list at 100 % or 130 % arrived is below the published one.",
      {{"policies", "placeable,placeable_online", "policies, joined by commas"},
       {"lists", lists, "pod lists, joined by commas"},
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
  const std::vector<std::string> policies = arguments.list("policies");
  Table table(arguments.text("data") + "/openb", policies, seeds->first, seeds->second);
  if (const Status status = table.run(arguments.list("lists")); !status) {
    std::cerr << status.error().to_string() << "\n";
    return 1;
  }
  bool good = true;
  for (std::size_t p = 0; p < policies.size(); ++p) {
    good &= table.print(p);
  }
  std::printf("CPU %.1f s, wall %.1f s\n%s\n", bench::process_cpu_s(), watch.seconds(),
              good ? "no list below published FGD" : "BELOW published FGD");
  return good ? 0 : 1;
}
