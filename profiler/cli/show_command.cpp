#include <iostream>
#include <iterator>
#include <memory>

#include <CLI/CLI.hpp>

#include "gpusched/profiler/profile_file.hpp"

#include "commands.hpp"
#include "profile_table.hpp"

namespace gpusched::profiler::cli {
namespace {

constexpr const char* examples = R"(Examples:
  gpusched-profile show train.profile.json
  gpusched-profile show traces/profiles/*/*.json
  gpusched-profile import dcgm.prom --out - | gpusched-profile show -)";

constexpr std::uint64_t most_bytes = std::uint64_t{64} << 20U;

Result<int> show(const std::vector<std::string>& files) {
  std::vector<ProfileRow> rows;
  for (const std::string& file : files) {
    const Result<std::string> text = read_text_file(file, most_bytes);
    if (!text) {
      return text.error();
    }
    Result<std::vector<ProfileRow>> read = read_profile_rows(text.value(), file);
    if (!read) {
      return read.error();
    }
    std::move(read.value().begin(), read.value().end(), std::back_inserter(rows));
  }
  print_profiles(std::cout, rows);
  return 0;
}

}  // namespace

Action add_show(CLI::App& options) {
  const auto files = std::make_shared<std::vector<std::string>>();
  options.add_option("FILE", *files, "profile files; - = standard input")
      ->required()
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  options.footer(examples);
  return [files](const std::vector<std::string>&) { return show(*files); };
}

}  // namespace gpusched::profiler::cli
