#pragma once

#include <optional>
#include <string>
#include <vector>

#include "gpusched/base/result.hpp"
#include "gpusched/profiler/measured_job.hpp"
#include "gpusched/profiler/sampler.hpp"

namespace CLI {
class App;
}

namespace gpusched::profiler::cli {

/// What `run` and `watch` are told.
struct MeasureArguments {
  JobDescription job{};
  std::string kind = "closed";
  std::string device{};  ///< as CUDA_VISIBLE_DEVICES; empty: what the job sees
  std::string out{};     ///< empty: NAME.profile.json
  double hz = 10;
  bool must_measure = false;
};

/// Declares what only the user knows of a job, its name aside; `kind` becomes JobDescription::kind.
void add_job_options(CLI::App& options, JobDescription& job, std::string& kind);

/// Declares the options of MeasureArguments.
void add_measure_options(CLI::App& options, MeasureArguments& arguments);

/// What can be checked before anything is started: the name, the file to write.
Status prepare(MeasureArguments& arguments, const std::string& default_name);

/// The driver and the devices a job can see.
struct Bench {
  nvml::Library library;
  Machine machine;
  std::vector<Device> devices;
};

/// Opens NVML and finds the devices. `visible`: the job's CUDA_VISIBLE_DEVICES, nullopt where it is not set.
Result<Bench> open_bench(const MeasureArguments& arguments, const std::optional<std::string>& visible);

/// Says on standard error what could not be measured.
void warn(const std::string& message);

/// Makes jobs of the recordings of the devices that the job used, writes them and says so on standard error. `trouble`:
/// why the measurement is no whole one, such as a command that crashed. False when the job used no device, and no file
/// was written.
Result<bool> finish(const MeasureArguments& arguments, const Machine& machine, const std::vector<Recording>& recordings,
                    const std::string& command, const std::vector<Missing>& trouble);

/// "gpusched-profile 0.1.0 (commit)".
std::string tool_name();

/// Now, UTC, as ISO 8601.
std::string utc_date();

}  // namespace gpusched::profiler::cli
