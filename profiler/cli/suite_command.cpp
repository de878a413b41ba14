#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include "gpusched/profiler/suite/suite_session.hpp"

#include "commands.hpp"

namespace gpusched::profiler::cli {

namespace {

Result<int> run(const suite::SuiteOptions& options) {
  const suite::DeviceSampling sampling;
  if (options.list) {
    const Status listed = suite::list_suite(options, sampling, std::cout);
    return listed ? Result<int>(0) : Result<int>(listed.error());
  }
  return suite::run_suite_command(options, sampling, std::cerr);
}

}  // namespace

Action add_suite(CLI::App& app) {
  const auto options = std::make_shared<suite::SuiteOptions>();
  for (const suite::SuiteOptionInfo& info : suite::suite_options()) {
    const auto set = [&info, options](const std::string& word) {
      if (const Status status = info.set(*options, word); !status) {
        throw CLI::ValidationError(status.error().to_string());
      }
    };
    const std::string name(info.name);
    const std::string help(info.help);
    if (info.value.empty()) {
      app.add_flag_callback(name, [set] { set(""); }, help);
    } else {
      app.add_option_function<std::vector<std::string>>(
             name, [set](const std::vector<std::string>& words) { std::for_each(words.begin(), words.end(), set); },
             help)
          ->type_name(std::string(info.value))
          ->expected(1)
          ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    }
  }
  app.footer(std::string(suite::suite_examples()));
  return [options](const std::vector<std::string>&) { return run(*options); };
}

}  // namespace gpusched::profiler::cli
