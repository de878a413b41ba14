#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <memory>
#include <sstream>

#include <CLI/CLI.hpp>
#include <unistd.h>

#include "gpusched/profiler/process_tree.hpp"
#include "gpusched/profiler/wrapped_command.hpp"

#include "commands.hpp"
#include "measurement.hpp"

namespace gpusched::profiler::cli {
namespace {

constexpr const char* examples =
    R"(The command stands behind `--`: gpusched-profile run [OPTIONS] -- COMMAND [ARGUMENT...]

Examples:
  gpusched-profile run -- sleep 1
  gpusched-profile run --name bert-train --out bert.profile.json -- python3 train.py --epochs 1
  gpusched-profile run --hz 20 --device 0 -- ./job
  gpusched-profile run --kind service --request-load 0.4 --service-time-ms 12 -- ./server
  gpusched-profile run --must-measure -- ./job

The command runs as it does without this program: same terminal, same environment; its exit code is passed on, 127 and
126 where it cannot be run, 128 + N after signal N. Where nothing can be measured it runs all the same, after a message
that says what is missing; with --must-measure it does not run then and the exit code is 1.)";

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    text += (text.empty() ? "" : " ") + word;
  }
  return text;
}

/// Why what was measured is not a whole run of the job.
std::vector<Missing> trouble_of(const CommandEnd& end) {
  std::vector<Missing> trouble;
  if (end.signal != 0) {
    const char* const name = strsignal(end.signal);
    trouble.push_back({"end", "the command was ended by signal " + std::to_string(end.signal) + " (" +
                                  (name == nullptr ? "unknown" : name) + ")"});
  } else if (end.exit_code != 0) {
    trouble.push_back({"end", "the command failed with exit code " + std::to_string(end.exit_code)});
  }
  if (!end.left_running.empty()) {
    trouble.push_back({"end", std::to_string(end.left_running.size()) +
                                  " of its processes went on in the background, such as " +
                                  std::to_string(end.left_running.front()) + ": `gpusched-profile watch " +
                                  std::to_string(end.left_running.front()) + "` measures it"});
  }
  return trouble;
}

/// Runs the command without measuring anything.
int run_alone(WrappedCommand& command) {
  if (const Status started = command.let_go(); !started) {
    warn(started.error().to_string());
    return command.exit_code();
  }
  return command.wait().exit_code;
}

Result<int> run(MeasureArguments& arguments, const std::vector<std::string>& words) {
  if (const Status good = prepare(arguments, std::filesystem::path(words.front()).filename().string()); !good) {
    return good.error();
  }
  // The child is made first: it is to inherit neither the driver's state nor a thread.
  Result<WrappedCommand> command = WrappedCommand::prepare(words);
  if (!command) {
    return command.error();
  }
  const char* const visible = std::getenv("CUDA_VISIBLE_DEVICES");
  const Result<Bench> bench =
      open_bench(arguments, visible == nullptr ? std::nullopt : std::optional<std::string>(visible));
  if (!bench) {
    if (arguments.must_measure) {
      return bench.error();
    }
    warn(bench.error().to_string());
    warn("nothing is measured; the command runs all the same");
    return run_alone(command.value());
  }
  const auto tree = std::make_shared<ProcessTree>(getpid(), ProcessTree::Root::excluded);
  Sampler sampler(bench.value().library, bench.value().devices, arguments.hz,
                  [tree](int pid) { return tree->contains(pid); });
  if (const Status started = command.value().let_go(); !started) {
    warn(started.error().to_string());
    return command.value().exit_code();
  }
  sampler.start();
  const CommandEnd end = command.value().wait();
  const std::vector<Recording>& recordings = sampler.stop();
  const Result<bool> written = finish(arguments, bench.value().machine, recordings, joined(words), trouble_of(end));
  if (!written) {
    warn(written.error().to_string());
    return end.exit_code == 0 ? 1 : end.exit_code;
  }
  return end.exit_code;
}

}  // namespace

Action add_run(CLI::App& options) {
  const auto arguments = std::make_shared<MeasureArguments>();
  add_measure_options(options, *arguments);
  options.add_flag("--must-measure", arguments->must_measure, "do not run the command where nothing can be measured");
  options.footer(examples);
  return [arguments](const std::vector<std::string>& words) { return run(*arguments, words); };
}

}  // namespace gpusched::profiler::cli
