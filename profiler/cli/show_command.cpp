#include <fstream>
#include <iomanip>
#include <iostream>
#include <iterator>
#include <memory>

#include <CLI/CLI.hpp>

#include "gpusched/io/job_profile_json.hpp"
#include "gpusched/model/gpu_catalog.hpp"

#include "commands.hpp"

namespace gpusched::profiler::cli {
namespace {

constexpr const char* examples = R"(Examples:
  gpusched-profile show profile.json)";

Result<int> show(const std::vector<std::string>& files) {
  for (const std::string& file : files) {
    std::ifstream in(file, std::ios::binary);
    if (!in) {
      return Error{.code = ErrorCode::not_found, .message = "no such file", .file = file, .line = 0, .remedy = {}};
    }
    const auto profiles = read_job_profiles(std::string(std::istreambuf_iterator<char>(in), {}), file);
    if (!profiles) {
      return profiles.error();
    }
    for (const JobProfile& profile : profiles.value()) {
      std::cout << profile.name << "  " << to_string(profile.kind) << "  " << gpu_model(profile.gpu_model).name << "  "
                << profile.memory_peak_mib << " MiB\n";
    }
  }
  return 0;
}

}  // namespace

Action add_show(CLI::App& options) {
  const auto files = std::make_shared<std::vector<std::string>>();
  options.add_option("FILE", *files, "profile files")->required();
  options.footer(examples);
  return [files](const std::vector<std::string>&) { return show(*files); };
}

}  // namespace gpusched::profiler::cli
