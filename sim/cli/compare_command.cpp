#include <algorithm>
#include <array>
#include <iomanip>
#include <iostream>
#include <numeric>
#include <sstream>
#include <thread>

#include <nlohmann/json.hpp>

#include "gpusched/base/philox.hpp"
#include "gpusched/sim/comparison.hpp"
#include "gpusched/sim/result_files.hpp"

#include "commands.hpp"
#include "replay_inputs.hpp"

namespace gpusched::cli {

namespace {

/// One column of the table: what it shows and how large it prints.
struct Column {
  const char* name;
  const char* key;
  double (*value)(const sim::Summary&);
  double scale;
  int digits;
  bool (*shown)(const std::vector<sim::ComparedRun>&);
};

bool always(const std::vector<sim::ComparedRun>&) { return true; }
bool any(const std::vector<sim::ComparedRun>& runs, double (*value)(const sim::Summary&)) {
  return std::any_of(runs.begin(), runs.end(), [&](const sim::ComparedRun& run) { return value(run.summary) > 0; });
}

const std::array<Column, 9>& columns() {
  using S = sim::Summary;
  using Runs = std::vector<sim::ComparedRun>;
  static const std::array<Column, 9> table = {{
      {"accepted %", "acceptance", [](const S& s) { return s.acceptance; }, 100, 2, always},
      {"by size %", "acceptance_by_size", [](const S& s) { return s.acceptance_by_size; }, 100, 2, always},
      {"GPU alloc %", "gpu_allocation", [](const S& s) { return s.gpu_allocation; }, 100, 2, always},
      {"frag GPUs", "fragment_gpus", [](const S& s) { return s.fragment_gpus; }, 1, 1,
       [](const Runs& r) { return any(r, [](const S& s) { return s.fragment_gpus; }); }},
      {"unus. slices", "unusable_slices", [](const S& s) { return s.unusable_slices; }, 1, 1,
       [](const Runs& r) { return any(r, [](const S& s) { return s.unusable_slices; }); }},
      {"active GPUs", "active_gpus", [](const S& s) { return s.active_gpus; }, 1, 1, always},
      {"wait p50 s", "wait_s_p50", [](const S& s) { return s.wait_s_p50; }, 1, 0,
       [](const Runs& r) { return any(r, [](const S& s) { return s.wait_s_p99; }); }},
      {"wait p99 s", "wait_s_p99", [](const S& s) { return s.wait_s_p99; }, 1, 0,
       [](const Runs& r) { return any(r, [](const S& s) { return s.wait_s_p99; }); }},
      {"evictions", "evictions", [](const S& s) { return static_cast<double>(s.evictions); }, 1, 1,
       [](const Runs& r) { return any(r, [](const S& s) { return static_cast<double>(s.evictions); }); }},
  }};
  return table;
}

sim::Estimate estimate_of(const Column& column, const std::vector<sim::ComparedRun>& runs, std::size_t policy) {
  std::vector<double> values;
  for (const sim::ComparedRun& run : runs) {
    if (run.policy == policy) {
      values.push_back(column.scale * column.value(run.summary));
    }
  }
  return sim::estimate(values);
}

void print_table(const std::vector<std::string>& policies, const std::vector<sim::ComparedRun>& runs, int seeds) {
  std::size_t width = 16;
  for (const std::string& policy : policies) {
    width = std::max(width, policy.size() + 1);
  }
  std::cout << std::left << std::setw(static_cast<int>(width)) << "policy" << std::right;
  for (const Column& column : columns()) {
    if (column.shown(runs)) {
      std::cout << std::setw(17) << column.name;
    }
  }
  std::cout << "\n";
  for (std::size_t i = 0; i < policies.size(); ++i) {
    std::cout << std::left << std::setw(static_cast<int>(width)) << policies[i] << std::right;
    for (const Column& column : columns()) {
      if (!column.shown(runs)) {
        continue;
      }
      const sim::Estimate estimate = estimate_of(column, runs, i);
      std::ostringstream cell;
      cell << std::fixed << std::setprecision(column.digits) << estimate.mean;
      if (seeds > 1) {
        cell << " +-" << estimate.half_width;
      }
      std::cout << std::setw(17) << cell.str();
    }
    std::cout << "\n";
  }
  if (seeds > 1) {
    std::cout << "mean of " << seeds << " seeds, +- half width of the 95 % confidence interval\n";
  }
}

std::string table_json(const std::vector<std::string>& policies, const std::vector<sim::ComparedRun>& runs) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < policies.size(); ++i) {
    nlohmann::ordered_json row;
    row["policy"] = policies[i];
    for (const Column& column : columns()) {
      const sim::Estimate estimate = estimate_of(column, runs, i);
      row[column.key] = {{"mean", estimate.mean / column.scale}, {"ci95", estimate.half_width / column.scale}};
    }
    json.push_back(std::move(row));
  }
  return json.dump(2) + "\n";
}

std::string runs_csv(const std::vector<std::string>& policies, const std::vector<sim::ComparedRun>& runs) {
  std::ostringstream text;
  text << "policy,seed";
  for (const Column& column : columns()) {
    text << "," << column.key;
  }
  text << "\n" << std::setprecision(10);
  for (const sim::ComparedRun& run : runs) {
    text << "\"" << policies[run.policy] << "\"," << run.seed;
    for (const Column& column : columns()) {
      text << "," << column.value(run.summary);
    }
    text << "\n";
  }
  return text.str();
}

/// A recorded trace has no seed of its own: each seed shuffles the node order, which breaks ties, so that the interval
/// shows how much of a result is luck with names.
void shuffle_nodes(sim::SimulationOptions& options, std::size_t nodes) {
  options.node_ranks.resize(nodes);
  std::iota(options.node_ranks.begin(), options.node_ranks.end(), std::int64_t{0});
  Philox(options.seed, StreamPurpose::order).shuffle(options.node_ranks);
}

std::vector<std::string> expand_policies(const std::vector<std::string>& given) {
  std::vector<std::string> expanded;
  for (const std::string& text : given) {
    for (const std::string& part : split_policies(text)) {
      if (part == "all") {
        for (const PolicyInfo& row : policies()) {
          expanded.emplace_back(row.name);
        }
      } else {
        expanded.push_back(part);
      }
    }
  }
  return expanded;
}

}  // namespace

Status compare(const CompareArguments& arguments) {
  const std::vector<std::string> names = expand_policies(arguments.policies);
  std::vector<PolicyChoice> choices;
  for (const std::string& name : names) {
    Result<PolicyChoice> choice = choose_policy(name, arguments.replay.compat);
    if (!choice) {
      return choice.error();
    }
    if (Result<std::unique_ptr<PlacementPolicy>> made = make_policy(choice.value(), 0); !made) {
      return made.error();
    }
    choices.push_back(std::move(choice).value());
  }
  Result<ReplayInputs> inputs = load_inputs(arguments.replay);
  if (!inputs) {
    return inputs.error();
  }
  const bool generated = generates_trace(arguments.replay);
  const auto run = [&](std::size_t policy, std::uint64_t seed) -> Result<sim::Summary> {
    std::optional<ReplayInputs> own;
    if (generated && seed != arguments.replay.seed) {
      ReplayArguments replay = arguments.replay;
      replay.seed = seed;
      Result<ReplayInputs> loaded = load_inputs(replay);
      if (!loaded) {
        return loaded.error();
      }
      own = std::move(loaded).value();
    }
    const ReplayInputs& used = own ? *own : inputs.value();
    sim::SimulationOptions options = used.options;
    options.policy = choices[policy];
    options.seed = seed;
    if (!generated && options.node_ranks.empty()) {
      shuffle_nodes(options, used.trace.nodes.size());
    }
    Result<sim::SimulationResult> result = sim::simulate(used.trace, options);
    return result ? Result<sim::Summary>(std::move(result.value().summary)) : result.error();
  };
  const int threads =
      arguments.jobs > 0 ? arguments.jobs : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  Result<std::vector<sim::ComparedRun>> runs = [&] {
    ProgressBar bar("compare");
    return sim::compare_policies(choices.size(), arguments.replay.seed, arguments.seeds, threads, run,
                                 [&](std::int64_t done, std::int64_t total) { bar.show(done, total); });
  }();
  if (!runs) {
    return runs.error();
  }
  if (!arguments.out.empty()) {
    if (Status written = sim::write_text(arguments.out, runs_csv(names, runs.value())); !written) {
      return written;
    }
  }
  if (arguments.json) {
    std::cout << table_json(names, runs.value());
  } else {
    print_table(names, runs.value(), arguments.seeds);
  }
  return {};
}

}  // namespace gpusched::cli
