#include <algorithm>
#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include "gpusched/profiler/nvml_sampling.hpp"
#include "gpusched/profiler/suite/suite_session.hpp"

#include "commands.hpp"

namespace gpusched::profiler::cli {

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
      app.add_flag_callback(
          name, [set] { set(""); }, help);
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
  return [options](const std::vector<std::string>&) -> Result<int> {
    options->command = "gpusched-profile suite";
    return suite::run_suite_command(*options, nvml_sampling(), std::cout, std::cerr);
  };
}

}  // namespace gpusched::profiler::cli
