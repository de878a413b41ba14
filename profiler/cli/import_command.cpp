#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/profiler/dcgm_import.hpp"
#include "gpusched/profiler/profile_file.hpp"

#include "commands.hpp"
#include "measurement.hpp"
#include "profile_table.hpp"

namespace gpusched::profiler::cli {
namespace {

constexpr const char* examples = R"(Examples:
  curl -s localhost:9400/metrics >> day.prom     # once a second, say, while the job runs
  gpusched-profile import day.prom --out train.json --name bert-train
  dcgmi dmon -e 1001,1002,1004,1005,252,155 -d 100 > dmon.txt
  gpusched-profile import dmon.txt --out train.json --name bert-train --gpu-model H100-80GB-SXM5
  gpusched-profile import metrics.csv --format csv --out -

One profile per GPU or MIG instance and pod. Counters are those of the device: measure a job that has it alone.)";

constexpr std::uint64_t most_bytes = std::uint64_t{256} << 20U;

struct Arguments {
  std::vector<std::string> files;
  std::string format = "auto", out = "-", gpu_model, kind = "closed";
  JobDescription job;
};

void print_report(const ImportReport& report) {
  std::cerr << report.lines << " lines: " << report.used << " used, " << report.other << " of other fields or empty";
  std::int64_t bad = 0;
  for (const auto& [reason, entry] : report.bad) {
    bad += entry.count;
  }
  std::cerr << ", " << bad << " bad\n";
  for (const auto& [reason, entry] : report.bad) {
    std::cerr << "  " << entry.count << " bad: " << reason << ", first at " << entry.file << ":" << entry.line << "\n";
  }
}

Result<int> import(Arguments& arguments) {
  arguments.job.kind = arguments.kind == "service" ? JobKind::service : JobKind::closed;
  std::optional<GpuModelId> model;
  if (!arguments.gpu_model.empty()) {
    const Result<GpuModelId> found = find_gpu_model(arguments.gpu_model);
    if (!found) {
      return found.error();
    }
    model = found.value();
  }
  const DcgmFormat format = arguments.format == "csv"          ? DcgmFormat::csv
                            : arguments.format == "prometheus" ? DcgmFormat::prometheus
                                                               : DcgmFormat::automatic;
  DcgmImport import;
  std::string names = "import";
  for (const std::string& file : arguments.files) {
    const Result<std::string> text = read_text_file(file, most_bytes);
    if (!text) {
      return text.error();
    }
    if (const Status added = import.add(text.value(), file, format); !added) {
      return added.error();
    }
    names += " " + file;
  }
  print_report(import.report());
  const std::vector<MeasuredJob> jobs =
      import.finish(arguments.job, model, {.tool = tool_name(), .date = utc_date(), .command = names});
  if (jobs.empty()) {
    return Error{.code = ErrorCode::not_found,
                 .message = "no counters of a job in " + std::to_string(arguments.files.size()) + " files",
                 .file = {},
                 .line = 0,
                 .remedy =
                     "DCGM_FI_PROF_GR_ENGINE_ACTIVE and DCGM_FI_PROF_DRAM_ACTIVE are needed, from a time at which a "
                     "job ran"};
  }
  const std::string text = write_profile_file(jobs);
  if (Status written = write_text_file(arguments.out, text); !written) {
    return written.error();
  }
  if (const auto rows = read_profile_rows(text, arguments.out)) {
    print_profiles(std::cerr, rows.value());
  }
  return 0;
}

}  // namespace

Action add_import(CLI::App& options) {
  const auto arguments = std::make_shared<Arguments>();
  options
      .add_option("FILE", arguments->files, "Prometheus text, CSV, or what `dcgmi dmon` printed; - = standard input")
      ->required()
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  options.add_option("--out", arguments->out, "file to write; - = standard output")->capture_default_str();
  options.add_option("--format", arguments->format, "auto, prometheus, csv")
      ->check(CLI::IsMember({"auto", "prometheus", "csv"}))
      ->capture_default_str();
  options.add_option("--gpu-model", arguments->gpu_model,
                     "of GPUs whose counters do not name it; see gpusched-sim list models");
  options.add_option("--name", arguments->job.name, "what requests call the job; default: the pod, or the GPU");
  add_job_options(options, arguments->job, arguments->kind);
  options.footer(examples);
  return [arguments](const std::vector<std::string>&) { return import(*arguments); };
}

}  // namespace gpusched::profiler::cli
