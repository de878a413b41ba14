#include <charconv>
#include <iostream>
#include <vector>

#include "gpusched/sim/compat.hpp"
#include "gpusched/sim/exact/exact_comparison.hpp"
#include "gpusched/sim/exact/snapshot_generator.hpp"
#include "gpusched/sim/exact/snapshot_recorder.hpp"
#include "gpusched/sim/result_files.hpp"

#include "commands.hpp"
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

Result<std::vector<sim::NamedPolicy>> choose_policies(const std::vector<std::string>& names,
                                                      const std::string& compat) {
  std::vector<sim::NamedPolicy> policies;
  for (const std::string& name : names) {
    Result<PolicyChoice> choice = sim::choose_policy(name, compat);
    if (!choice) {
      return choice.error();
    }
    policies.push_back({name, std::move(choice).value()});
  }
  return policies;
}

sim::SolverOptions solver_options(const ExactArguments& arguments) {
  return {.solver = sim::find_solver_name(arguments.solver).value(), .time_limit_s = arguments.time_limit_s};
}

Status compare_with_optimum(const ExactArguments& arguments, const std::vector<sim::NamedPolicy>& policies) {
  const Result<sim::Snapshot> snapshot =
      arguments.generate.empty() ? record_moment(arguments, policies[0].choice) : generate_from(arguments.generate);
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
  const Result<sim::ExactComparison> comparison =
      sim::compare_with_optimum(snapshot.value(), policies, sim::find_snapshot_order(arguments.sequence).value(),
                                arguments.replay.seed, solver_options(arguments));
  if (!comparison) {
    return comparison.error();
  }
  std::cout << (arguments.json ? exact_json(comparison.value()) : exact_text(comparison.value()));
  return {};
}

Status compare_with_bound(const ExactArguments& arguments, const std::vector<sim::NamedPolicy>& policies) {
  const Result<ReplayInputs> inputs = load_inputs(arguments.replay);
  if (!inputs) {
    return inputs.error();
  }
  const Result<sim::AcceptanceComparison> comparison =
      sim::compare_with_bound(inputs.value().trace, inputs.value().options, policies, solver_options(arguments));
  if (!comparison) {
    return comparison.error();
  }
  std::cout << (arguments.json ? acceptance_json(comparison.value()) : acceptance_text(comparison.value()));
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
  const Result<std::vector<sim::NamedPolicy>> policies =
      choose_policies(expand_policies(arguments.policies), arguments.replay.compat);
  if (!policies) {
    return policies.error();
  }
  return arguments.acceptance ? compare_with_bound(arguments, policies.value())
                              : compare_with_optimum(arguments, policies.value());
}

}  // namespace gpusched::cli
