#include <algorithm>
#include <memory>

#include <CLI/CLI.hpp>

#include "gpusched/profiler/process_tree.hpp"
#include "gpusched/profiler/profile_file.hpp"
#include "gpusched/profiler/wrapped_command.hpp"

#include "commands.hpp"
#include "measurement.hpp"

namespace gpusched::profiler::cli {
namespace {

constexpr const char* examples = R"(Examples:
  gpusched-profile watch 4711 --name chat --kind service --request-load 0.4 --service-time-ms 12
  gpusched-profile watch $$ --device 0

It ends with the process, or at Ctrl-C, which leaves the process alone.)";

/// The parts of a file of /proc/PID that end with zero bytes.
std::vector<std::string> zero_ended(int pid, const char* file) {
  const std::string text = process_text(pid, file);
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\0', begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

std::optional<std::string> visible_to(int pid) {
  constexpr std::string_view key = "CUDA_VISIBLE_DEVICES=";
  for (const std::string& entry : zero_ended(pid, "environ")) {
    if (entry.starts_with(key)) {
      return entry.substr(key.size());
    }
  }
  return std::nullopt;
}

Result<int> watch(MeasureArguments& arguments, int pid) {
  Result<WatchedProcess> process = WatchedProcess::open(pid);
  if (!process) {
    return process.error();
  }
  std::string command;
  for (const std::string& word : zero_ended(pid, "cmdline")) {
    command += (command.empty() ? "" : " ") + word;
  }
  std::string name = process_text(pid, "comm");
  name.resize(std::min(name.find('\n'), name.size()));
  if (const Status good = prepare(arguments, name); !good) {
    return good.error();
  }
  const Result<Bench> bench = open_bench(arguments, visible_to(pid));
  if (!bench) {
    return bench.error();
  }
  const auto tree = std::make_shared<ProcessTree>(pid, ProcessTree::Root::included);
  Sampler sampler(bench.value().library, bench.value().devices, arguments.hz,
                  [tree](int candidate) { return tree->contains(candidate); });
  sampler.start();
  const bool ended = process.value().wait();
  const std::vector<Recording>& recordings = sampler.stop();
  warn(ended ? "process " + std::to_string(pid) + " ended" : "stopped watching process " + std::to_string(pid));
  const Result<bool> written =
      finish(arguments, bench.value().machine, recordings, "watch " + std::to_string(pid) + ": " + command, {});
  if (!written) {
    return written.error();
  }
  return written.value() ? 0 : 1;
}

}  // namespace

Action add_watch(CLI::App& options) {
  struct Arguments {
    MeasureArguments measure;
    int pid = 0;
  };
  const auto arguments = std::make_shared<Arguments>();
  options.add_option("PID", arguments->pid, "process to watch, with all that descend from it")
      ->required()
      ->check(CLI::PositiveNumber);
  add_measure_options(options, arguments->measure);
  options.footer(examples);
  return [arguments](const std::vector<std::string>&) { return watch(arguments->measure, arguments->pid); };
}

}  // namespace gpusched::profiler::cli
