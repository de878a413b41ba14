// gpusched-measure: `gpusched-profile suite` for machines that have compilers and nothing else. tools/measure builds
// it.

#include <iostream>
#include <string>
#include <string_view>

#include "gpusched/profiler/nvml_sampling.hpp"
#include "gpusched/profiler/suite/suite_session.hpp"

namespace gpusched::suite {

namespace {

int usage(const std::string& problem) {
  std::cerr << "gpusched-measure: " << problem << "\nOptions:\n";
  for (const SuiteOptionInfo& info : suite_options()) {
    std::cerr << "  " << info.name << " " << info.value << "  " << info.help << "\n";
  }
  return 2;
}

int run(int argc, char** argv) {
  SuiteOptions options;
  options.command = "gpusched-measure";
  for (int i = 1; i < argc; ++i) {
    options.command += std::string(" ") + argv[i];
  }
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const SuiteOptionInfo* info = nullptr;
    for (const SuiteOptionInfo& row : suite_options()) {
      info = row.name == word ? &row : info;
    }
    if (info == nullptr || (!info->value.empty() && i + 1 == argc)) {
      return usage((info == nullptr ? "unknown argument '" : "no value behind '") + std::string(word) + "'");
    }
    if (const Status set = info->set(options, info->value.empty() ? "" : argv[++i]); !set) {
      return usage(set.error().to_string());
    }
  }
  const Result<int> code = run_suite_command(options, profiler::nvml_sampling(), std::cout, std::cerr);
  if (!code) {
    std::cerr << "gpusched-measure: " << code.error().to_string() << "\n";
    return 1;
  }
  return code.value();
}

}  // namespace

}  // namespace gpusched::suite

int main(int argc, char** argv) { return gpusched::suite::run(argc, argv); }
