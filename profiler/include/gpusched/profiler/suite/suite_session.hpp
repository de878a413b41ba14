#pragma once

#include <filesystem>
#include <iosfwd>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gpusched/base/result.hpp"
#include "gpusched/profiler/suite/measurement_plan.hpp"
#include "gpusched/profiler/suite/measurement_runner.hpp"

namespace gpusched::suite {

/// What `gpusched-profile suite` is asked for.
struct SuiteOptions {
  std::string out;                     ///< folder of results.jsonl; made where missing
  double minutes = 9;                  ///< a measurement that would end later does not begin
  std::string plan_file;               ///< empty: the default plan
  std::vector<std::string> only;       ///< measurements whose text holds one of these; empty: all
  std::string gpu = "H100-80GB-SXM5";  ///< whose slices --list shows where there is no GPU
  bool list = false;                   ///< print the plan, measure nothing
  std::string job_program;             ///< empty: gpusched-suite-job beside this program
  std::string command;                 ///< as typed; goes into the results
};

/// One option of the command line.
struct SuiteOptionInfo {
  std::string_view name;   ///< "--out"
  std::string_view value;  ///< what follows it in the help; empty: a flag
  std::string_view help;
  Status (*set)(SuiteOptions& options, const std::string& word);
};
std::span<const SuiteOptionInfo> suite_options();

/// Examples for the help.
std::string_view suite_examples();

struct SuiteSummary {
  int measured = 0;
  int failed = 0;
  int done_earlier = 0;
  int left_out = 0;  ///< for want of time
  bool interrupted = false;
  double seconds = 0;
};

/// The measurements that the options ask for, on a device with that `gpu` and perhaps `cublas`.
Result<std::vector<PlannedMeasurement>> plan_of(const SuiteOptions& options, const FlatObject& device,
                                                const DeviceSampling& sampling);

/// Runs the suite; each result is on the disk before the next measurement begins, and what is there already is not
/// measured again. Progress goes to the stream. Errors: no GPU, another GPU than that of the results, a folder that
/// cannot be written, a plan that cannot be read; a measurement that fails is none.
Result<SuiteSummary> run_suite(const SuiteOptions& options, const DeviceSampling& sampling, std::ostream& progress);

/// Prints the plan and how long it takes by estimate.
Status list_suite(const SuiteOptions& options, const DeviceSampling& sampling, std::ostream& out);

/// What the options ask for, run or listed, with a summary at the end. 0: something was measured, here or earlier;
/// 1: nothing, or interrupted.
Result<int> run_suite_command(const SuiteOptions& options, const DeviceSampling& sampling, std::ostream& out,
                              std::ostream& progress);

}  // namespace gpusched::suite
