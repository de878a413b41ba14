#pragma once

#include <functional>
#include <string>
#include <vector>

#include "gpusched/base/result.hpp"

namespace CLI {
class App;
}

namespace gpusched::profiler::cli {

/// Runs a command whose options are read; gets the words after `--` and gives the program's exit code.
using Action = std::function<Result<int>(const std::vector<std::string>& words_after_dashes)>;

/// One command of gpusched-profile.
struct Command {
  const char* name;
  const char* summary;
  bool takes_command_line;           ///< words after `--` are a command line to run
  Action (*add)(CLI::App& options);  ///< declares options and examples; the action holds what they are read into
};

Action add_run(CLI::App& options);
Action add_watch(CLI::App& options);
Action add_suite(CLI::App& options);
Action add_report(CLI::App& options);
Action add_import(CLI::App& options);
Action add_show(CLI::App& options);

}  // namespace gpusched::profiler::cli
