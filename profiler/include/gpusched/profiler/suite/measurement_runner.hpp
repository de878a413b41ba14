#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "gpusched/profiler/suite/flat_object.hpp"
#include "gpusched/profiler/suite/measurement_plan.hpp"

namespace gpusched::suite {

/// A sampler of the device. What it adds to a measurement: fields of the end line.
struct DeviceSampling {
  /// Before the processes are let go; by the profile of the instance they have, empty for the whole GPU.
  std::function<void(const std::string& mig_profile)> begin{};
  std::function<FlatObject()> end{};                 ///< once the first one is done
  FlatObject machine{};                              ///< what it knows of the machine: fields of the suite line
  std::map<std::string, std::string> mig_devices{};  ///< profile -> UUID of an instance, where MIG is on
};

/// How measurements are run.
struct RunnerSettings {
  std::filesystem::path job_program;
  std::filesystem::path folder;  ///< for what processes say on standard error
  double settle_s = 0.15;        ///< worked before and after the measured seconds
  double ready_limit_s = 30;     ///< a process that is not ready by then is killed
  double end_limit_s = 15;       ///< likewise after its working seconds
  DeviceSampling sampling{};
  std::string mps_pipe_folder{};  ///< of a running MPS daemon; empty: none
};

/// What one process of a measurement reported.
struct ProcessReport {
  std::size_t job = 0;  ///< index into the measurement's jobs
  FlatObject ready;
  FlatObject result;
};

struct MeasurementOutcome {
  std::string problem;  ///< empty: ok
  std::vector<ProcessReport> processes;
  FlatObject samples;
  double wall_s = 0;

  bool ok() const { return problem.empty(); }
};

/// Runs one measurement: starts its processes, lets them work at the same moment and collects what they report. A
/// process that crashes, hangs, prints something else or fails its check spoils the measurement, and all are killed.
/// Needs SIGPIPE to be ignored.
MeasurementOutcome run_measurement(const PlannedMeasurement& measurement, const RunnerSettings& settings);

/// The device as a job program sees it: its device line. io or data_loss say why there is none.
Result<FlatObject> read_device(const RunnerSettings& settings);

}  // namespace gpusched::suite
