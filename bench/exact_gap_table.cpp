// How far the engine's decisions, job by job, are from the exact optimum of a snapshot.
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <limits>
#include <string>
#include <vector>

#include "gpusched/sim/exact/snapshot_generator.hpp"
#include "gpusched/sim/exact/snapshot_model.hpp"
#include "gpusched/sim/exact/snapshot_policy.hpp"

#include "table_program.hpp"

namespace {

using namespace gpusched;

/// A policy in an order: one row of the table.
struct Rule {
  PolicyChoice policy;
  sim::SnapshotOrder order = sim::SnapshotOrder::arrival;
  std::string name;
};

/// What one snapshot gave.
struct Instance {
  sim::SnapshotOptimum optimum, without_moves;
  std::int64_t worth_milli = 0;            // of all jobs: the cost of rejecting them
  std::vector<sim::SnapshotCost> by_rule;  // same order as the rules
  Status status;
};

/// The same snapshot with every resident pinned: what is possible for those who move nobody.
sim::Snapshot all_pinned(sim::Snapshot snapshot) {
  for (sim::SnapshotJob& job : snapshot.jobs) {
    if (job.residence) {
      job.residence->pinned = true;
    }
  }
  return snapshot;
}

Status solve_instance(std::uint64_t index, const std::vector<Rule>& rules, const sim::SolverOptions& options,
                      Instance& instance) {
  const sim::Snapshot snapshot = sim::generate_snapshot(sim::published_snapshot_size(index), index);
  for (const sim::SnapshotJob& job : snapshot.jobs) {
    instance.worth_milli += job.reject_cost_milli;
  }
  for (const Rule& rule : rules) {
    const Result<sim::SnapshotPlan> plan = sim::plan_by_policy(snapshot, rule.policy, rule.order, index);
    const Result<sim::SnapshotCost> cost =
        plan ? sim::check_plan(snapshot, plan.value()) : Result<sim::SnapshotCost>(plan.error());
    if (!cost) {
      return cost.error();
    }
    instance.by_rule.push_back(cost.value());
  }
  for (const bool pinned : {false, true}) {
    const Result<sim::SnapshotOptimum> optimum = sim::solve_snapshot(pinned ? all_pinned(snapshot) : snapshot, options);
    if (!optimum) {
      return optimum.error();
    }
    (pinned ? instance.without_moves : instance.optimum) = optimum.value();
  }
  return {};
}

double percent(std::int64_t part, std::int64_t whole) {
  return 100.0 * static_cast<double>(part) / static_cast<double>(std::max<std::int64_t>(whole, 1));
}

struct Gap {
  double sum = 0, worst = 0;
  void add(double gap) {
    sum += gap;
    worst = std::max(worst, gap);
  }
};

/// The bound of the solver stands for the optimum: where it was not proved, gaps are reported too large, never too
/// small.
bool print_rows(const std::vector<Instance>& instances, const std::vector<Rule>& rules) {
  const auto count = static_cast<double>(instances.size());
  bool good = true;
  std::printf("%-34s %16s %16s %24s %9s %7s\n", "", "cost gap %", "value gap %", "cost gap, nobody moves %", "rejected",
              "GPUs");
  std::printf("%-34s %8s %7s %8s %7s %12s %11s\n", "", "mean", "worst", "mean", "worst", "mean", "worst");
  for (std::size_t r = 0; r <= rules.size(); ++r) {  // the last row: the optimum that moves nobody
    Gap cost_gap, value_gap, pinned_gap;
    std::int64_t rejected = 0, gpus = 0;
    for (const Instance& instance : instances) {
      const sim::SnapshotCost& cost = r < rules.size() ? instance.by_rule[r] : instance.without_moves.cost;
      const std::int64_t least = instance.optimum.bound_milli;
      const std::int64_t least_pinned = instance.without_moves.bound_milli;
      cost_gap.add(percent(cost.total_milli() - least, least));
      value_gap.add(percent(cost.total_milli() - least, instance.worth_milli - least));
      pinned_gap.add(percent(cost.total_milli() - least_pinned, least_pinned));
      rejected += cost.rejected;
      gpus += cost.gpus;
      // Policies move nobody: below either bound would mean that a solver is wrong.
      good &= cost.total_milli() >= least_pinned && least_pinned >= least;
    }
    std::printf("%-34s %8.2f %7.2f %8.2f %7.2f %12.2f %11.2f %9ld %7ld\n",
                r < rules.size() ? rules[r].name.c_str() : "optimum, nobody moves", cost_gap.sum / count,
                cost_gap.worst, value_gap.sum / count, value_gap.worst, pinned_gap.sum / count, pinned_gap.worst,
                rejected, gpus);
  }
  return good;
}

void print_optimum(const std::vector<Instance>& instances) {
  std::int64_t rejected = 0, gpus = 0, moved = 0, proved = 0;
  std::vector<double> wall_s;
  for (const Instance& instance : instances) {
    rejected += instance.optimum.cost.rejected;
    gpus += instance.optimum.cost.gpus;
    moved += instance.optimum.cost.moved;
    proved += instance.optimum.status == sim::SolverStatus::optimal ? 1 : 0;
    wall_s.push_back(instance.optimum.wall_s);
  }
  std::sort(wall_s.begin(), wall_s.end());
  std::printf("%-34s %76ld %7ld\n\n", "optimum", rejected, gpus);
  std::printf("%zu snapshots, %ld optima proved by %s, %ld jobs moved; solver wall s: median %.2f, longest %.2f\n",
              instances.size(), proved, instances[0].optimum.solver.c_str(), moved, wall_s[wall_s.size() / 2],
              wall_s.back());
}

}  // namespace

int main(int argc, char** argv) {
  bench::TableArguments arguments(
      "Solves generated snapshots of up to 32 GPUs x 200 jobs exactly and compares what the engine decides job by "
      "job.\n"
      "Cost gap: cost over the optimal cost. Value gap: what is lost of the optimum's value (worth of the jobs less "
      "cost).\nExit code 1 when an optimum is not proved, or a plan breaks a rule or costs less than the optimum.",
      {{"snapshots", "200", "how many"},
       {"first-seed", "0", "seed of the first; the size follows from it"},
       {"policy", "buddy,placeable", "policies, joined by commas"},
       {"solver", "auto", "auto, cbc or highs"},
       {"time-limit", "120", "of the solver, seconds for each snapshot"}});
  if (const auto exit_code = arguments.parse(argc, argv)) {
    return *exit_code;
  }
  const auto count = arguments.range("snapshots");
  const auto first = arguments.range("first-seed");
  const auto time_limit = arguments.range("time-limit");
  const Result<sim::SolverName> solver = sim::find_solver_name(arguments.text("solver"));
  if (!count || count->first == 0 || !first || !time_limit || !solver) {
    std::cerr << (solver ? "--snapshots, --first-seed and --time-limit are whole numbers" : solver.error().to_string())
              << "\n";
    return 2;
  }
  std::vector<Rule> rules;
  for (const std::string& text : arguments.list("policy")) {
    const Result<PolicyChoice> policy = parse_policy(text);
    if (!policy) {
      std::cerr << policy.error().to_string() << "\n";
      return 2;
    }
    rules.push_back({policy.value(), sim::SnapshotOrder::arrival, text + ", as they arrive"});
    rules.push_back({policy.value(), sim::SnapshotOrder::decreasing_size, text + ", largest first"});
  }
  std::vector<Instance> instances(count->first);
  const sim::SolverOptions options{.solver = solver.value(), .time_limit_s = static_cast<double>(time_limit->first)};
  bench::on_all_cores(instances.size(), [&](std::size_t i) {
    instances[i].status = solve_instance(first->first + i, rules, options, instances[i]);
  });
  bool good = true;
  for (const Instance& instance : instances) {
    if (!instance.status) {
      std::cerr << instance.status.error().to_string() << "\n";
      return 1;
    }
    good &= instance.optimum.status == sim::SolverStatus::optimal;
  }
  good &= print_rows(instances, rules);
  print_optimum(instances);
  return good ? 0 : 1;
}
