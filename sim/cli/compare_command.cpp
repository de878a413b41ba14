#include <iostream>

#include "gpusched/sim/comparison.hpp"
#include "gpusched/sim/compat.hpp"
#include "gpusched/sim/result_files.hpp"

#include "commands.hpp"
#include "comparison_table.hpp"
#include "replay_inputs.hpp"

namespace gpusched::cli {

Status compare(const CompareArguments& arguments) {
  const std::vector<std::string> names = expand_policies(arguments.policies);
  std::vector<PolicyChoice> choices;
  for (const std::string& name : names) {
    Result<PolicyChoice> choice = sim::choose_policy(name, arguments.replay.compat);
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
      sim::shuffle_nodes(options, used.trace.nodes.size());
    }
    Result<sim::SimulationResult> result = sim::simulate(used.trace, options);
    return result ? Result<sim::Summary>(std::move(result.value().summary)) : result.error();
  };
  const int threads = threads_for(arguments.jobs);
  Result<std::vector<sim::ComparedRun>> runs = [&] {
    ProgressBar bar("compare");
    return sim::compare_policies(choices.size(), arguments.replay.seed, arguments.seeds, threads, run,
                                 [&](std::int64_t done, std::int64_t total) { bar.show(done, total); });
  }();
  if (!runs) {
    return runs.error();
  }
  if (!arguments.out.empty()) {
    if (Status written = sim::write_text(arguments.out, comparison_csv(names, runs.value())); !written) {
      return written;
    }
  }
  if (arguments.json) {
    std::cout << comparison_json(names, runs.value());
  } else {
    print_comparison(names, runs.value(), arguments.seeds);
  }
  return {};
}

}  // namespace gpusched::cli
