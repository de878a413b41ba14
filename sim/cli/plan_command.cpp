#include <iostream>

#include <unistd.h>

#include "gpusched/sim/cluster_builder.hpp"
#include "gpusched/sim/plan_metrics.hpp"
#include "gpusched/sim/plan_workload.hpp"
#include "gpusched/sim/result_files.hpp"

#include "commands.hpp"
#include "plan_space.hpp"
#include "plan_text.hpp"

namespace gpusched::cli {

namespace {

/// What every run shares, and how one is made of it.
class PlanRuns {
 public:
  PlanRuns(const PlanArguments& arguments, const PlanSpace& space, const ReplayInputs& first)
      : arguments_(arguments), space_(space), first_(first) {}

  /// All candidates see the same jobs under the same seed.
  Result<std::vector<double>> operator()(const sim::PlanCandidate& candidate, std::uint64_t seed) const {
    const ClusterKind& kind = space_.kinds[candidate.kind];
    Result<ReplayInputs> inputs = inputs_for(kind.cluster(candidate.size), seed);
    if (!inputs) {
      return inputs.error();
    }
    Result<PolicyChoice> policy = choose_policy(kind.policy, arguments_.replay.compat);
    if (!policy) {
      return policy.error();
    }
    sim::Trace& trace = inputs.value().trace;
    sim::SimulationOptions& options = inputs.value().options;
    sim::drop_node_labels(trace);
    if (!options.target.classes.empty()) {
      options.target = sim::demand_of(trace);
    }
    options.policy = std::move(policy).value();
    options.seed = seed;
    if (arguments_.scale != 1) {
      sim::scale_load(trace, arguments_.scale, seed);
    }
    const Result<sim::SimulationResult> result = sim::simulate(trace, options);
    return result ? Result<std::vector<double>>(sim::plan_values(trace, result.value())) : result.error();
  }

 private:
  Result<ReplayInputs> inputs_for(const std::string& cluster, std::uint64_t seed) const {
    if (generates_trace(arguments_.replay)) {
      ReplayArguments replay = arguments_.replay;
      replay.cluster = cluster;
      replay.prices.clear();
      replay.seed = seed;
      return load_inputs(replay);
    }
    ReplayInputs inputs = first_;
    Result<std::vector<sim::TraceNode>> nodes = sim::parse_cluster_shorthand(cluster);
    if (!nodes) {
      return nodes.error();
    }
    inputs.trace.nodes = std::move(nodes).value();
    inputs.options.seed = seed;
    shuffle_nodes(inputs.options, inputs.trace.nodes.size());
    return inputs;
  }

  const PlanArguments& arguments_;
  const PlanSpace& space_;
  const ReplayInputs& first_;
};

/// How many runs there will be is not known before: a line that counts.
class RunCounter {
 public:
  explicit RunCounter(const PlanSpace& space) : space_(space), on_terminal_(isatty(STDERR_FILENO) != 0) {}
  ~RunCounter() {
    if (shown_) {
      std::cerr << "\r\033[K" << std::flush;
    }
  }
  RunCounter(const RunCounter&) = delete;
  RunCounter& operator=(const RunCounter&) = delete;

  void show(std::int64_t runs, const sim::PlanCandidate& now) {
    if (on_terminal_) {
      shown_ = true;
      std::cerr << "\rplan: " << runs << " runs, now " << now.size << " nodes, " << space_.kinds[now.kind].name()
                << "\033[K" << std::flush;
    }
  }

 private:
  const PlanSpace& space_;
  bool on_terminal_ = false;
  bool shown_ = false;
};

Result<std::vector<sim::PlanTarget>> read_targets(const std::vector<std::string>& texts) {
  std::vector<sim::PlanTarget> targets;
  for (const std::string& text : texts) {
    Result<sim::PlanTarget> target = sim::parse_plan_target(text);
    if (!target) {
      return target.error();
    }
    targets.push_back(target.value());
  }
  return targets;
}

}  // namespace

Status plan(const PlanArguments& arguments) {
  const Result<std::vector<sim::PlanTarget>> targets = read_targets(arguments.slo);
  if (!targets) {
    return targets.error();
  }
  const Result<std::string> cluster = any_cluster(arguments);
  if (!cluster) {
    return cluster.error();
  }
  ReplayArguments replay = arguments.replay;
  replay.cluster = cluster.value();
  replay.prices.clear();
  const Result<ReplayInputs> first = load_inputs(replay);
  if (!first) {
    return first.error();
  }
  const Result<PlanSpace> space = plan_space(arguments, !first.value().trace.profiles.empty());
  if (!space) {
    return space.error();
  }
  const sim::PlanOptions options{.confidence = arguments.confidence,
                                 .first_seed = arguments.replay.seed,
                                 .most_seeds = arguments.seeds,
                                 .threads = threads_for(arguments.jobs)};
  const Result<sim::PlanResult> result = [&] {
    RunCounter counter(space.value());
    return sim::plan(space.value().planner_kinds(), targets.value(), options,
                     PlanRuns(arguments, space.value(), first.value()),
                     [&](std::int64_t runs, const sim::PlanCandidate& now) { counter.show(runs, now); });
  }();
  if (!result) {
    return result.error();
  }
  const PlanReport report{space.value(), targets.value(), options, result.value()};
  if (!arguments.out.empty()) {
    if (Status written = sim::write_text(arguments.out, plan_csv(report)); !written) {
      return written;
    }
  }
  if (!result.value().best) {
    return no_plan(report);
  }
  if (arguments.json) {
    std::cout << plan_json(report);
  } else if (arguments.out != "-") {
    std::cout << plan_text(report);
  }
  return {};
}

}  // namespace gpusched::cli
