#include <filesystem>
#include <functional>
#include <iomanip>
#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include "gpusched/io/perf_constants_json.hpp"
#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/profiler/analysis/suite_exports.hpp"
#include "gpusched/profiler/profile_file.hpp"

#include "commands.hpp"

namespace gpusched::profiler::cli {

namespace {

constexpr const char* examples = R"(Examples:
  gpusched-profile report results -o page.html
  gpusched-profile report results --profiles traces/profiles --measurements measurements.csv
  gpusched-profile report results -o page.html --constants constants.json --seed 7)";

struct ReportArguments {
  std::string folder, page, profiles, measurements, modelled, constants;
  std::string title = "Measured jobs";
  std::uint64_t seed = 1;
};

void print_judgement(const suite::Judgement& judgement) {
  const std::optional<double> fitted = judgement.error(false);
  const std::optional<double> held_out = judgement.error(true);
  std::cout << std::left << std::setw(54) << judgement.title << std::right << std::setw(5) << judgement.points.size()
            << " points" << std::fixed << std::setprecision(4);
  if (fitted) {
    std::cout << "  fitted " << *fitted;
  }
  if (held_out) {
    std::cout << "  held out " << *held_out;
  }
  if (const std::optional<bool> holds = judgement.holds()) {
    std::cout << (*holds ? "  within " : "  ABOVE ") << std::setprecision(2) << *judgement.limit;
  }
  std::cout << "\n";
}

/// One file per GPU model: what everything else reads.
Status write_profiles(const suite::SuiteResults& results, const std::string& folder) {
  const std::filesystem::path file =
      std::filesystem::path(folder) / std::string(gpu_model(results.gpu_model).name) / "suite.json";
  std::error_code problem;
  std::filesystem::create_directories(file.parent_path(), problem);
  return write_text_file(file.string(), write_profile_file(suite::measured_jobs(results)));
}

Result<int> report(const ReportArguments& arguments) {
  const Result<suite::SuiteResults> results = suite::read_suite_results(arguments.folder);
  if (!results) {
    return results.error();
  }
  const suite::SuiteJudgement judgement = suite::judge_suite(results.value(), arguments.seed);
  std::cout << "Mean absolute error of relative speed; split by seed " << arguments.seed << "\n";
  for (const suite::Judgement* one : judgement.all()) {
    print_judgement(*one);
  }
  if (!results.value().unused.empty()) {
    std::cout << results.value().unused.size() << " measurements not used; the page says why\n";
  }
  struct Output {
    const std::string& file;
    std::function<std::string()> text;
  };
  const Output outputs[] = {
      {arguments.page, [&] { return suite::suite_page(results.value(), judgement, arguments.title); }},
      {arguments.measurements, [&] { return suite::measurements_csv(results.value()); }},
      {arguments.modelled, [&] { return suite::modelled_csv(results.value(), judgement.modelled); }},
      {arguments.constants, [&] { return write_perf_constants(judgement.constants); }},
  };
  for (const Output& output : outputs) {
    if (!output.file.empty()) {
      if (const Status written = write_text_file(output.file, output.text()); !written) {
        return written.error();
      }
    }
  }
  if (!arguments.profiles.empty()) {
    if (const Status written = write_profiles(results.value(), arguments.profiles); !written) {
      return written.error();
    }
  }
  return 0;
}

}  // namespace

Action add_report(CLI::App& options) {
  const auto arguments = std::make_shared<ReportArguments>();
  options.add_option("DIR", arguments->folder, "folder with the results.jsonl of gpusched-profile suite")->required();
  options.add_option("-o,--out", arguments->page, "the page: predicted against measured, with plots");
  options.add_option("--profiles", arguments->profiles, "folder in which GPU/suite.json is written");
  options.add_option("--measurements", arguments->measurements, "CSV that gpusched-sim fit reads");
  options.add_option("--modelled", arguments->modelled, "CSV of slices corrected for their bandwidth: not measured");
  options.add_option("--constants", arguments->constants, "JSON of the fitted constants");
  options.add_option("--title", arguments->title, "of the page")->capture_default_str();
  options.add_option("--seed", arguments->seed, "draws the half that is held out")->capture_default_str();
  options.footer(examples);
  return [arguments](const std::vector<std::string>&) { return report(*arguments); };
}

}  // namespace gpusched::profiler::cli
