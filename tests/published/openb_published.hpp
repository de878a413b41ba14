#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "gpusched/base/result.hpp"
#include "gpusched/policy/registry.hpp"
#include "gpusched/sim/cluster_builder.hpp"
#include "gpusched/sim/curve.hpp"
#include "gpusched/sim/readers/arrival_order.hpp"
#include "gpusched/sim/readers/csv.hpp"
#include "gpusched/sim/readers/openb.hpp"
#include "gpusched/sim/readers/trace_formats.hpp"
#include "gpusched/sim/simulator.hpp"

/// The published experiments of FGD (Weng et al., "Beware of Fragmentation", USENIX ATC'23) on Alibaba's 2023 GPU trace
/// ("openb"): ten of its pod lists, ten seeds, six policies; inputs, the published curves, and what we make of them.
/// Data: the folder `openb` of $GPUSCHED_DATA_DIR; not part of the repository.
namespace gpusched::published {

inline constexpr std::array<std::string_view, 10> openb_lists = {"default",    "cpu050",      "cpu100",    "cpu200",
                                                                 "gpushare40", "gpushare100", "gpuspec10", "gpuspec33",
                                                                 "multigpu20", "multigpu50"};
inline constexpr std::uint64_t first_seed = 42;
inline constexpr std::uint64_t last_seed = 51;

/// A policy of the paper: its name in the published tables, and the one of ours that repeats it.
struct PublishedPolicy {
  std::string_view label;
  std::string_view policy;
  bool deterministic = true;  ///< random draws differ, so that only means can be compared
};
inline constexpr std::array<PublishedPolicy, 6> published_policies = {{
    {.label = "02-DotProd", .policy = "dot_prod:resolution=100"},
    {.label = "03-GpuClustering", .policy = "gpu_clustering"},
    {.label = "04-GpuPacking", .policy = "gpu_packing"},
    {.label = "05-BestFit", .policy = "best_fit:resolution=100"},
    {.label = "06-FGD", .policy = "fgd:target=95,resolution=100,tie=rank"},
    {.label = "01-Random", .policy = "random", .deterministic = false},
}};
inline constexpr const PublishedPolicy& published_fgd = published_policies[4];
inline constexpr const PublishedPolicy& published_random = published_policies[5];

using CurveRows = std::vector<sim::Curve::Row>;

/// One pod list with the cluster it is played on.
struct OpenbList {
  std::string name;
  sim::Trace trace;
  DemandMix demand;
};

/// What one replay gave.
struct OpenbRun {
  CurveRows curve;
  sim::SimulationResult result;
  std::int64_t final_used_milli = 0;
  std::int64_t total_milli = 0;
};

inline Result<OpenbList> load_openb_list(const std::filesystem::path& openb, std::string_view name) {
  const std::string pods = (openb / ("openb_pod_list_" + std::string(name) + ".csv")).string();
  Result<sim::ReadOutcome> jobs = sim::read_jobs("openb:" + pods);
  if (!jobs) {
    return jobs.error();
  }
  Result<sim::ReadOutcome> nodes = sim::read_nodes("openb:" + (openb / "openb_node_list_gpu_node.csv").string());
  if (!nodes) {
    return nodes.error();
  }
  OpenbList list{.name = std::string(name), .trace = std::move(jobs.value().trace), .demand = {}};
  list.trace.nodes = std::move(nodes.value().trace.nodes);
  list.trace.node_extra_columns = std::move(nodes.value().trace.node_extra_columns);
  list.demand = sim::demand_of(list.trace);
  return list;
}

/// The rules of the experiments: the recorded arrivals and node ranks of the seed, one try per pod, nobody leaves.
inline Result<sim::SimulationOptions> openb_options(const std::filesystem::path& openb, const OpenbList& list,
                                                    std::uint64_t seed) {
  const std::string file = list.name + "_" + std::to_string(seed) + ".txt.gz";
  Result<sim::ArrivalOrder> order =
      sim::read_order((openb / "arrivals" / file).string(), list.trace.jobs.size(), list.trace.nodes.size());
  if (!order) {
    return order.error();
  }
  sim::SimulationOptions options;
  options.seed = seed;
  options.queue = sim::QueueDiscipline::reject;
  options.target = list.demand;
  const std::vector<std::uint32_t> rows = sim::jobs_in_file_order(list.trace);
  for (const std::uint32_t row : order.value().arrivals) {
    options.arrival_order.push_back(rows[row]);
  }
  options.node_ranks.assign(order.value().node_rank.begin(), order.value().node_rank.end());
  return options;
}

/// Replays the list under the policy, given as users write it; its curve follows the published rules.
inline Result<OpenbRun> replay_openb(const OpenbList& list, sim::SimulationOptions options, std::string_view policy) {
  class FinalSample final : public sim::ReplayObserver {
   public:
    void on_event(const Engine&, const Event&) override {}
    void on_decision(const Engine&, TimeNs, std::span<const PodId>, std::span<const Decision>) override {}
    void on_arrival(const sim::ArrivalSample& sample) override { last = sample; }
    sim::ArrivalSample last;
  };
  Result<PolicyChoice> choice = parse_policy(policy);
  if (!choice) {
    return choice.error();
  }
  options.policy = std::move(choice).value();
  sim::Curve curve;
  FinalSample final_sample;
  const std::array<sim::ReplayObserver*, 2> observers = {&curve, &final_sample};
  Result<sim::SimulationResult> result = sim::simulate(list.trace, options, observers);
  if (!result) {
    return result.error();
  }
  return OpenbRun{.curve = curve.rows(),
                  .result = std::move(result).value(),
                  .final_used_milli = final_sample.last.used_gpu_milli,
                  .total_milli = final_sample.last.total_gpu_milli};
}

/// The published curves of every list, policy and seed.
class PublishedCurves {
 public:
  static Result<PublishedCurves> load(const std::filesystem::path& openb) {
    using Row = sim::Curve::Row;
    PublishedCurves curves;
    for (const auto& [file, member] : {std::pair("expected_allo.csv", &Row::allocation_percent),
                                       std::pair("expected_frag_ratio.csv", &Row::fragment_ratio_percent),
                                       std::pair("expected_frag.csv", &Row::fragment_total_percent)}) {
      if (Status read = curves.read_table(openb / file, member); !read) {
        return read.error();
      }
    }
    return curves;
  }

  /// 131 rows, or nullptr where nothing was published.
  const CurveRows* find(std::string_view list, std::string_view label, std::uint64_t seed) const {
    const auto found = rows_.find({"openb_pod_list_" + std::string(list), std::string(label), seed});
    return found == rows_.end() ? nullptr : &found->second;
  }

 private:
  using Key = std::tuple<std::string, std::string, std::uint64_t>;

  Status read_table(const std::filesystem::path& path, double sim::Curve::Row::*member) {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
      return failure(ErrorCode::not_found, "cannot read '" + path.string() + "'");
    }
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    sim::CsvReader reader(text, path.string());
    if (Status header = reader.read_header(); !header) {
      return header;
    }
    const auto column = [&](std::string_view name) {
      const auto& columns = reader.columns();
      return static_cast<std::size_t>(std::find(columns.begin(), columns.end(), name) - columns.begin());
    };
    const std::size_t workload = column("workload");
    const std::size_t policy = column("sc_policy");
    const std::size_t seed = column("seed");
    const std::size_t first = column("0");
    while (reader.next()) {
      const auto fields = reader.fields();
      if (fields.size() <= first + sim::Curve::last_percent || std::max({workload, policy, seed}) >= fields.size()) {
        return failure(ErrorCode::data_loss, path.string() + ": not the published table of 131 points");
      }
      CurveRows& rows = rows_[{std::string(fields[workload]), std::string(fields[policy]),
                               static_cast<std::uint64_t>(number(fields[seed]))}];
      rows.resize(sim::Curve::last_percent + 1);
      for (std::size_t i = 0; i < rows.size(); ++i) {
        rows[i].*member = number(fields[first + i]);
      }
    }
    return reader.status();
  }

  static double number(std::string_view text) {
    double value = std::nan("");
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
  }
  static Status failure(ErrorCode code, std::string message) {
    return Error{.code = code, .message = std::move(message), .file = {}, .line = 0, .remedy = {}};
  }

  std::map<Key, CurveRows> rows_;
};

/// How far two curves are apart, over the three figures of all 131 points.
struct CurveDifference {
  int points = 0;      ///< that differ by more than the tolerance
  double largest = 0;  ///< in points of per cent

  void add(const CurveDifference& other) {
    points += other.points;
    largest = std::max(largest, other.largest);
  }
};

/// Sums of doubles written as decimals, so not a bit more than this: 1e-9, as in the study that found the rules.
inline constexpr double curve_tolerance = 1e-9;

inline CurveDifference difference(const CurveRows& ours, const CurveRows& theirs) {
  using Row = sim::Curve::Row;
  CurveDifference result;
  for (std::size_t i = 0; i < std::max(ours.size(), theirs.size()); ++i) {
    const Row a = i < ours.size() ? ours[i] : Row{};
    const Row b = i < theirs.size() ? theirs[i] : Row{};
    for (const auto member : {&Row::allocation_percent, &Row::fragment_ratio_percent, &Row::fragment_total_percent}) {
      const double distance = std::abs(a.*member - b.*member);
      result.points += distance <= curve_tolerance ? 0 : 1;  // a missing number differs, too
      result.largest = std::max(result.largest, distance);
    }
  }
  return result;
}

}  // namespace gpusched::published
