#include <charconv>
#include <iostream>
#include <vector>

#include "gpusched/sim/exact/snapshot_generator.hpp"
#include "gpusched/sim/exact/snapshot_policy.hpp"
#include "gpusched/sim/exact/snapshot_recorder.hpp"
#include "gpusched/sim/result_files.hpp"

#include "commands.hpp"
#include "exact_text.hpp"
#include "replay_inputs.hpp"

namespace gpusched::cli {

namespace {

template <typename Number>
bool read_whole(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

/// "SEED[,gpus=N][,jobs=N]".
Result<sim::Snapshot> generate_from(const std::string& text) {
  constexpr std::int32_t most = 100'000;
  const std::size_t comma = text.find(',');
  std::uint64_t seed = 0;
  if (!read_whole(std::string_view(text).substr(0, comma), seed)) {
    return usage("--generate '" + text + "' does not begin with a seed", "Write --generate SEED,gpus=N,jobs=N");
  }
  sim::SnapshotSize size = sim::published_snapshot_size(seed);
  for (std::size_t begin = comma; begin < text.size();) {
    const std::size_t end = std::min(text.find(',', begin + 1), text.size());
    const std::string_view item = std::string_view(text).substr(begin + 1, end - begin - 1);
    const std::string_view name = item.substr(0, item.find('='));
    std::int32_t number = 0;
    const bool known = name == "gpus" || name == "jobs";
    if (!known || name.size() == item.size() || !read_whole(item.substr(name.size() + 1), number) ||
        number < (name == "gpus" ? 2 : 0) || number > most) {
      return usage("--generate: '" + std::string(item) + "' is not gpus=N (at least 2) or jobs=N",
                   "Write --generate SEED,gpus=N,jobs=N, numbers up to " + std::to_string(most));
    }
    (name == "gpus" ? size.gpus : size.jobs) = number;
    begin = end;
  }
  return sim::generate_snapshot(size, seed);
}

/// The moment of a replay under the first of the policies.
Result<sim::Snapshot> record_moment(const ExactArguments& arguments, const PolicyChoice& policy) {
  Result<ReplayInputs> inputs = load_inputs(arguments.replay);
  if (!inputs) {
    return inputs.error();
  }
  sim::SimulationOptions& options = inputs.value().options;
  options.policy = policy;
  options.until_ns = static_cast<TimeNs>(arguments.at_s * static_cast<double>(ns_per_s));
  sim::SnapshotRecorder recorder(inputs.value().trace, options, options.until_ns);
  sim::ReplayObserver* const observer = &recorder;
  ProgressBar bar("replay");
  const Result<sim::SimulationResult> replayed =
      sim::simulate(inputs.value().trace, options, std::span(&observer, 1),
                    [&](std::int64_t done, std::int64_t total) { bar.show(done, total); });
  if (!replayed) {
    return replayed.error();
  }
  return recorder.snapshot({.reject_per_gpu = arguments.reject_cost, .move_per_gpu = arguments.move_cost});
}

Result<std::vector<PolicyChoice>> choose_policies(const std::vector<std::string>& names, const std::string& compat) {
  std::vector<PolicyChoice> choices;
  for (const std::string& name : names) {
    Result<PolicyChoice> choice = choose_policy(name, compat);
    if (!choice) {
      return choice.error();
    }
    choices.push_back(std::move(choice).value());
  }
  return choices;
}

/// With nobody moved: what policies, which move nobody, can reach.
sim::Snapshot all_pinned(sim::Snapshot snapshot) {
  for (sim::SnapshotJob& job : snapshot.jobs) {
    if (job.residence) {
      job.residence->pinned = true;
    }
  }
  return snapshot;
}

Status compare_with_optimum(const ExactArguments& arguments, const std::vector<std::string>& names,
                            const std::vector<PolicyChoice>& choices) {
  const Result<sim::Snapshot> snapshot =
      arguments.generate.empty() ? record_moment(arguments, choices[0]) : generate_from(arguments.generate);
  if (!snapshot) {
    return snapshot.error();
  }
  if (!arguments.lp.empty()) {
    const Result<sim::SnapshotModel> model = sim::SnapshotModel::build(snapshot.value());
    Status written =
        model ? sim::write_text(arguments.lp, to_lp_format(model.value().program())) : Status(model.error());
    if (!written || arguments.solver == "none") {
      return written;
    }
  }
  if (Status good = sim::check_snapshot(snapshot.value()); !good) {
    return good;
  }
  const sim::SolverOptions options{.solver = sim::find_solver_name(arguments.solver).value(),
                                   .time_limit_s = arguments.time_limit_s};
  const Result<sim::SnapshotOptimum> optimum = sim::solve_snapshot(snapshot.value(), options);
  const Result<sim::SnapshotOptimum> without_moves =
      optimum ? sim::solve_snapshot(all_pinned(snapshot.value()), options) : optimum;
  if (!without_moves) {
    return without_moves.error();
  }
  ExactComparison comparison{
      .snapshot = snapshot.value(), .optimum = optimum.value(), .without_moves = without_moves.value(), .policies = {}};
  const sim::SnapshotOrder order = sim::find_snapshot_order(arguments.sequence).value();
  for (std::size_t i = 0; i < choices.size(); ++i) {
    const Result<sim::SnapshotPlan> plan =
        sim::plan_by_policy(snapshot.value(), choices[i], order, arguments.replay.seed);
    const Result<sim::SnapshotCost> cost =
        plan ? sim::check_plan(snapshot.value(), plan.value()) : Result<sim::SnapshotCost>(plan.error());
    if (!cost) {
      return cost.error();
    }
    comparison.policies.push_back({names[i], cost.value()});
  }
  std::cout << (arguments.json ? exact_json(comparison) : exact_text(comparison));
  return {};
}

Status compare_with_bound(const ExactArguments& arguments, const std::vector<std::string>& names,
                          const std::vector<PolicyChoice>& choices) {
  Result<ReplayInputs> inputs = load_inputs(arguments.replay);
  if (!inputs) {
    return inputs.error();
  }
  const sim::Trace& trace = inputs.value().trace;
  sim::SimulationOptions& options = inputs.value().options;
  // The bound is for jobs that are taken at once and stay.
  options.queue = sim::QueueDiscipline::reject;
  options.preemption = false;
  const sim::SolverOptions solver{.solver = sim::find_solver_name(arguments.solver).value(),
                                  .time_limit_s = arguments.time_limit_s};
  AcceptanceComparison comparison;
  for (const sim::AcceptanceWeight weight : {sim::AcceptanceWeight::count, sim::AcceptanceWeight::size}) {
    const Result<sim::AcceptanceProblem> problem = acceptance_problem(trace, weight, arguments.replay.warmup);
    if (!problem) {
      return problem.error();
    }
    const Result<sim::AcceptanceBound> bound = bound_acceptance(problem.value(), solver);
    if (!bound) {
      return bound.error();
    }
    const bool by_count = weight == sim::AcceptanceWeight::count;
    (by_count ? comparison.by_count : comparison.by_size) = bound.value();
    (by_count ? comparison.offered_count : comparison.offered_size) = problem.value().offered_weight();
    comparison.arrivals = problem.value().arrivals.size();
    comparison.gpus = problem.value().gpus;
  }
  for (std::size_t i = 0; i < choices.size(); ++i) {
    options.policy = choices[i];
    Result<sim::SimulationResult> result = sim::simulate(trace, options);
    if (!result) {
      return result.error();
    }
    comparison.policies.push_back(
        {names[i], result.value().summary.acceptance, result.value().summary.acceptance_by_size});
  }
  std::cout << (arguments.json ? acceptance_json(comparison) : acceptance_text(comparison));
  return {};
}

}  // namespace

Status exact(const ExactArguments& arguments) {
  const bool replays = !arguments.replay.trace.empty() || !arguments.replay.jobs.empty();
  if (arguments.acceptance) {
    if (!arguments.generate.empty() || arguments.at_s >= 0 || !arguments.lp.empty()) {
      return usage("--acceptance with --generate, --at or --lp", "Give --acceptance and --trace alone");
    }
    if (arguments.replay.until_s >= 0 || !arguments.replay.order.empty()) {
      return usage("--acceptance with --until or --order", "The bound is for all arrivals of the trace, at their time");
    }
    if (!arguments.replay.queue.empty() && arguments.replay.queue != "reject") {
      return usage("--acceptance with --queue " + arguments.replay.queue,
                   "The bound is for policies that let nobody wait: leave --queue out");
    }
  } else if (arguments.generate.empty() == (arguments.at_s < 0) || (replays && arguments.at_s < 0)) {
    return usage("neither a snapshot nor a moment is given, or both are",
                 "Give --generate SEED, or --trace and --at SECONDS, or --trace and --acceptance");
  }
  if (arguments.solver == "none" && arguments.lp.empty()) {
    return usage("--solver none without --lp", "Give --lp FILE to write the program that nobody solves");
  }
  const std::vector<std::string> names = expand_policies(arguments.policies);
  const Result<std::vector<PolicyChoice>> choices = choose_policies(names, arguments.replay.compat);
  if (!choices) {
    return choices.error();
  }
  return arguments.acceptance ? compare_with_bound(arguments, names, choices.value())
                              : compare_with_optimum(arguments, names, choices.value());
}

}  // namespace gpusched::cli
