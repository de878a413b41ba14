#include "measurement.hpp"

#include <algorithm>
#include <ctime>
#include <iostream>

#include <CLI/CLI.hpp>

#include "gpusched/base/version.hpp"
#include "gpusched/profiler/profile_file.hpp"

#include "profile_table.hpp"

namespace gpusched::profiler::cli {

namespace {

bool was_used(const Recording& recording, const Observation& seen) {
  // Where the pids are another namespace's, the job shows by its work alone.
  return seen.processes > 0 || seen.working_samples > 0 || recording.lost.has_value();
}

MeasuredJob make_job(const MeasureArguments& arguments, const Machine& machine, const Recording& recording,
                     const std::string& command, const std::vector<Missing>& trouble) {
  MeasuredJob measured;
  measured.job = arguments.job;
  measured.gpu_model = recording.device.model;
  measured.seen = observe(recording.samples);
  measured.seen.missed_samples = recording.missed;
  Provenance& from = measured.provenance;
  from.tool = tool_name();
  from.date = utc_date();
  from.device = recording.device.name + " " + recording.device.uuid;
  if (recording.device.instance) {
    const std::string& profile = recording.device.instance->profile;
    from.instance = profile.empty() ? "unknown" : profile;
  }
  from.driver = machine.driver_version;
  from.nvml = machine.nvml_version;
  from.command = command;
  from.hz = arguments.hz;
  if (arguments.job.context_mib == 0) {
    from.notes.push_back("memory includes the CUDA context of each process");
  }
  const Observation& seen = measured.seen;
  if (seen.throttled_samples > 0) {
    from.notes.push_back(std::to_string(seen.throttled_samples) + " of " + std::to_string(seen.samples) +
                         " samples were throttled and are left out");
  }
  if (seen.power_capped_samples > 0) {
    from.notes.push_back(std::to_string(seen.power_capped_samples) + " of " + std::to_string(seen.samples) +
                         " samples were at the power limit");
  }
  if (seen.ecc_uncorrected.value_or(0) > 0) {
    from.notes.push_back(std::to_string(*seen.ecc_uncorrected) + " uncorrected ECC errors while it was measured");
  }
  measured.missing = trouble;
  if (recording.lost) {
    measured.missing.push_back({"device", recording.lost->to_string()});
  }
  judge(measured, recording.unknown);
  return measured;
}

}  // namespace

std::string tool_name() {
  return "gpusched-profile " + std::string(version()) + " (" + std::string(git_commit()) + ")";
}

std::string utc_date() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[32];
  std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

void warn(const std::string& message) { std::cerr << "gpusched-profile: " << message << "\n"; }

void add_job_options(CLI::App& options, JobDescription& job, std::string& kind) {
  options.add_option("--kind", kind, "closed (steps follow each other) or service (requests arrive and queue)")
      ->check(CLI::IsMember({"closed", "service"}))
      ->capture_default_str();
  options.add_option("--request-load", job.request_load, "of a service: request rate x service time, 0..1")
      ->check(CLI::Range(0.0, 1.0));
  options.add_option("--service-time-ms", job.service_time_ms, "of a service: one request alone")
      ->check(CLI::Range(0.001, 86'400'000.0));
  options.add_option("--revision", job.revision, "counts the measurements of this job")
      ->check(CLI::Range(1, 1'000'000'000))
      ->capture_default_str();
  options.add_option("--context-mib", job.context_mib, "CUDA context of one process, taken off the footprint")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 20))
      ->capture_default_str();
}

void add_measure_options(CLI::App& options, MeasureArguments& arguments) {
  options.add_option("--out", arguments.out, "file to write; - = standard output; default: NAME.profile.json");
  options.add_option("--name", arguments.job.name, "what requests call the job; default: the program's name");
  options
      .add_option("--device", arguments.device,
                  "what to measure: index, GPU-uuid or MIG-uuid, joined by commas; default: what CUDA_VISIBLE_DEVICES "
                  "leaves to the job. The job's own choice of devices stays as it is")
      ->type_name("DEVICE");
  options.add_option("--hz", arguments.hz, "readings per second")
      ->check(CLI::Range(Sampler::least_hz, Sampler::most_hz))
      ->capture_default_str();
  add_job_options(options, arguments.job, arguments.kind);
}

Status prepare(MeasureArguments& arguments, const std::string& default_name) {
  arguments.job.kind = arguments.kind == "service" ? JobKind::service : JobKind::closed;
  if (arguments.job.name.empty()) {
    arguments.job.name = default_name.empty() ? "job" : default_name;
  }
  if (arguments.out.empty()) {
    std::string file = arguments.job.name;
    std::replace(file.begin(), file.end(), '/', '_');
    arguments.out = file + ".profile.json";
  }
  return check_writable(arguments.out);
}

Result<Bench> open_bench(const MeasureArguments& arguments, const std::optional<std::string>& visible) {
  Result<nvml::Library> library = nvml::Library::open();
  if (!library) {
    return library.error();
  }
  Result<Machine> machine = list_devices(library.value());
  if (!machine) {
    return machine.error();
  }
  const bool chosen = !arguments.device.empty();
  if (!chosen && visible && (visible->empty() || *visible == "-1" || *visible == "NoDevFiles" || *visible == "void")) {
    return Error{.code = ErrorCode::not_found,
                 .message = "CUDA_VISIBLE_DEVICES='" + *visible + "' hides every GPU from the job",
                 .file = {},
                 .line = 0,
                 .remedy = "Unset it or name a device; --device chooses what to measure"};
  }
  Result<std::vector<Device>> devices =
      chosen ? select_devices(machine.value(), arguments.device)
             : (visible ? select_devices(machine.value(), *visible) : all_devices(machine.value()));
  if (!devices) {
    return devices.error();
  }
  return Bench{std::move(library).value(), std::move(machine).value(), std::move(devices).value()};
}

Result<bool> finish(const MeasureArguments& arguments, const Machine& machine, const std::vector<Recording>& recordings,
                    const std::string& command, const std::vector<Missing>& trouble) {
  std::vector<MeasuredJob> jobs;
  for (const Recording& recording : recordings) {
    if (was_used(recording, observe(recording.samples))) {
      jobs.push_back(make_job(arguments, machine, recording, command, trouble));
    }
  }
  if (jobs.empty()) {
    std::string labels;
    for (const Recording& recording : recordings) {
      labels += (labels.empty() ? "" : ", ") + recording.device.label();
    }
    warn("the job did not use " + labels + "; no profile written");
    return false;
  }
  const std::string text = write_profile_file(jobs);
  if (Status written = write_text_file(arguments.out, text); !written) {
    return written.error();
  }
  const Result<std::vector<ProfileRow>> rows = read_profile_rows(text, arguments.out);
  if (!rows) {
    return rows.error();
  }
  print_profiles(std::cerr, rows.value());
  if (arguments.out != "-") {
    std::cerr << "wrote " << arguments.out << "\n";
  }
  return true;
}

}  // namespace gpusched::profiler::cli
