#include <algorithm>
#include <array>
#include <exception>
#include <iostream>
#include <new>

#include <CLI/CLI.hpp>

#include "gpusched/base/version.hpp"

#include "commands.hpp"

namespace gpusched::profiler::cli {
namespace {

/// A new command is one file and one row.
constexpr std::array commands = {
    Command{"run", "run a command and write its profile", true, add_run},
    Command{"watch", "write the profile of a process that runs already", false, add_watch},
    Command{"suite", "measure synthetic jobs alone, on slices and beside each other", false, add_suite},
    Command{"report", "judge the slowdown models on what a suite measured; page, profiles, CSV", false, add_report},
    Command{"import", "make profiles of DCGM's counters: Prometheus text, CSV, dcgmi dmon", false, add_import},
    Command{"show", "print profile files as a table", false, add_show},
};

constexpr const char* program = "gpusched-profile";

bool is_command(const std::string& name) {
  return std::any_of(commands.begin(), commands.end(), [&](const Command& row) { return row.name == name; });
}

std::string known_commands() {
  std::string names;
  for (const Command& row : commands) {
    names += (names.empty() ? "" : ", ") + std::string(row.name);
  }
  return names;
}

int report(const Error& error) {
  std::cerr << program << ": " << error.to_string() << "\n";
  return 1;
}

int main(const std::vector<std::string>& words) {
  // The words of a user's command are its own: CLI11 does not get to see them.
  const auto dashes = std::find(words.begin(), words.end(), "--");
  std::vector<std::string> own(words.begin(), dashes);
  const std::vector<std::string> rest(dashes == words.end() ? dashes : dashes + 1, words.end());

  CLI::App app("Measures how jobs behave on a GPU and writes job profiles.", program);
  app.require_subcommand(1);
  app.set_version_flag("--version",
                       std::string(program) + " " + std::string(version()) + " (" + std::string(git_commit()) + ")");
  app.footer(
      "Every command has --help with examples. Exit codes: 0 ok, 1 failed, 2 usage; run ends as its command does.");
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  std::array<Action, commands.size()> actions;
  for (std::size_t i = 0; i < commands.size(); ++i) {
    actions[i] = commands[i].add(*app.add_subcommand(commands[i].name, commands[i].summary));
  }
  if (!own.empty() && !own.front().starts_with("-") && !is_command(own.front())) {
    std::cerr << program << ": no command '" << own.front() << "'. Known commands: " << known_commands() << "\n";
    return 2;
  }
  try {
    std::reverse(own.begin(), own.end());  // CLI11 takes the last word first
    app.parse(std::move(own));
  } catch (const CLI::ParseError& problem) {
    return app.exit(problem) == 0 ? 0 : 2;
  }
  const auto chosen =
      std::find_if(commands.begin(), commands.end(), [&](const Command& row) { return app.got_subcommand(row.name); });
  if (chosen->takes_command_line && rest.empty()) {
    std::cerr << program << ": " << chosen->name << " needs a command: " << chosen->name << " -- COMMAND ARGUMENT...\n";
    return 2;
  }
  if (!chosen->takes_command_line && dashes != words.end()) {
    std::cerr << program << ": " << chosen->name << " takes nothing after `--`\n";
    return 2;
  }
  const Result<int> code = actions[static_cast<std::size_t>(chosen - commands.begin())](rest);
  return code ? code.value() : report(code.error());
}

}  // namespace
}  // namespace gpusched::profiler::cli

int main(int argc, char** argv) {
  try {
    const int code = gpusched::profiler::cli::main({argv + 1, argv + argc});
    std::cout.flush();
    return code == 0 && !std::cout.good() ? 1 : code;
  } catch (const std::bad_alloc&) {
    std::cerr << "gpusched-profile: out of memory\n";
  } catch (const std::exception& bug) {
    std::cerr << "gpusched-profile: internal error, please report it: " << bug.what() << "\n";
  }
  return 1;
}
