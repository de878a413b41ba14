#include "gpusched/profiler/suite/measurement_runner.hpp"

#include <chrono>

#include "gpusched/profiler/suite/job_options.hpp"
#include "gpusched/profiler/suite/job_process.hpp"

namespace gpusched::suite {

namespace {

using Clock = std::chrono::steady_clock;

const std::pair<std::string, std::string> device_order = {"CUDA_DEVICE_ORDER", "PCI_BUS_ID"};  // as NVML counts

Clock::time_point seconds_from_now(double seconds) {
  return Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

Result<JobProcess::Environment> environment_of(const PlannedMeasurement& measurement, const RunnerSettings& settings) {
  JobProcess::Environment environment = {device_order};
  if (measurement.way == Way::mig) {
    const auto device = settings.sampling.mig_devices.find(measurement.mig_profile);
    if (device == settings.sampling.mig_devices.end()) {
      return Error{.code = ErrorCode::not_found,
                   .message = "no MIG instance of profile " + measurement.mig_profile,
                   .file = {},
                   .line = 0,
                   .remedy = "Create one with a compute instance; the suite does not change MIG"};
    }
    environment.emplace_back("CUDA_VISIBLE_DEVICES", device->second);
  } else if (settings.sampling.machine.flag("mig_enabled").value_or(false)) {
    return Error{.code = ErrorCode::unsupported,
                 .message = "MIG is on: there is no whole GPU to measure",
                 .file = {},
                 .line = 0,
                 .remedy = "Name an instance, mig:PROFILE; the suite does not change MIG"};
  }
  if (measurement.way == Way::mps && settings.mps_pipe_folder.empty()) {
    return Error{.code = ErrorCode::unsupported, .message = "no MPS daemon", .file = {}, .line = 0, .remedy = {}};
  }
  // A daemon of somebody else would take the clients of every other way: they are sent where there is none.
  environment.emplace_back("CUDA_MPS_PIPE_DIRECTORY", measurement.way == Way::mps
                                                          ? settings.mps_pipe_folder
                                                          : (settings.folder / "no-mps").string());
  return environment;
}

/// The processes of one measurement.
class Ensemble {
 public:
  Ensemble(const PlannedMeasurement& measurement, const RunnerSettings& settings, JobProcess::Environment environment)
      : measurement_(measurement), settings_(settings), environment_(std::move(environment)) {}

  /// Whoever measures something while it prepares (its item alone, the memory left) does so with the device to itself:
  /// after all others are ready, one at a time.
  Status prepare() {
    for (const bool careful : {false, true}) {
      for (std::size_t job = 0; job < measurement_.jobs.size(); ++job) {
        const PlannedJob& planned = measurement_.jobs[job];
        if ((planned.load > 0 || planned.kind->work == Work::idle) != careful) {
          continue;
        }
        for (int copy = 0; copy < planned.copies; ++copy) {
          if (Status started = start(job); !started) {
            return started;
          }
          if (careful) {
            if (Status ready = wait_until_ready(); !ready) {
              return ready;
            }
          }
        }
      }
      if (Status ready = wait_until_ready(); !ready) {
        return ready;
      }
    }
    return {};
  }

  Status work() {
    if (settings_.sampling.begin) {
      settings_.sampling.begin(measurement_.mig_profile);
    }
    for (JobProcess& process : processes_) {
      process.release();
    }
    const auto deadline = seconds_from_now(working_seconds(measurement_, settings_.settle_s) + settings_.end_limit_s);
    for (std::size_t i = 0; i < processes_.size(); ++i) {
      Result<FlatObject> result = processes_[i].read_event("result", deadline);
      if (i == 0 && settings_.sampling.end) {
        samples_ = settings_.sampling.end();
      }
      if (!result) {
        return result.error();
      }
      reports_[i].result = std::move(result.value());
      if (Status checked = check(reports_[i].result); !checked) {
        return checked;
      }
      if (Status ended = processes_[i].wait_for_end(deadline); !ended) {
        return ended;
      }
    }
    return {};
  }

  std::vector<ProcessReport> take_reports() { return std::move(reports_); }
  const FlatObject& samples() const { return samples_; }

 private:
  Status start(std::size_t job) {
    JobOptions options;
    options.kind = measurement_.jobs[job].kind;
    options.load = measurement_.jobs[job].load;
    options.sms = measurement_.sms;
    options.seconds = measurement_.seconds;
    options.settle_s = settings_.settle_s;
    options.seed = processes_.size() + 1;  // copies do not get their requests at the same moments
    options.wait = true;
    const auto said = settings_.folder / ("stderr-" + std::to_string(processes_.size()) + ".txt");
    Result<JobProcess> process = JobProcess::start(settings_.job_program, job_words(options), environment_, said);
    if (!process) {
      return process.error();
    }
    processes_.push_back(std::move(process.value()));
    reports_.push_back({.job = job, .ready = {}, .result = {}});
    return {};
  }

  Status wait_until_ready() {
    const auto deadline = seconds_from_now(settings_.ready_limit_s);
    for (; ready_ < processes_.size(); ++ready_) {
      Result<FlatObject> line = processes_[ready_].read_event("ready", deadline);
      if (!line) {
        return line.error();
      }
      reports_[ready_].ready = std::move(line.value());
      if (Status checked = check(reports_[ready_].ready); !checked) {
        return checked;
      }
      const bool in_part = reports_[ready_].ready.text("part") == "green_context";
      if (in_part != (measurement_.way == Way::slice)) {
        return Error{.code = ErrorCode::data_loss,
                     .message = in_part ? "the job runs in a green context unasked" : "the job is in no green context",
                     .file = {},
                     .line = 0,
                     .remedy = {}};
      }
    }
    return {};
  }

  static Status check(const FlatObject& line) {
    if (line.text("check").value_or("ok") == "ok") {
      return {};
    }
    return Error{.code = ErrorCode::data_loss,
                 .message = "the job's result is wrong: " + line.text("check_first_wrong").value_or("no element named"),
                 .file = {},
                 .line = 0,
                 .remedy = {}};
  }

  const PlannedMeasurement& measurement_;
  const RunnerSettings& settings_;
  JobProcess::Environment environment_;
  std::vector<JobProcess> processes_;
  std::vector<ProcessReport> reports_;
  FlatObject samples_;
  std::size_t ready_ = 0;  // so many said that they are
};

}  // namespace

MeasurementOutcome run_measurement(const PlannedMeasurement& measurement, const RunnerSettings& settings) {
  const auto begin = Clock::now();
  MeasurementOutcome outcome;
  const Result<JobProcess::Environment> environment = environment_of(measurement, settings);
  if (!environment) {
    outcome.problem = environment.error().to_string();
    return outcome;
  }
  Ensemble ensemble(measurement, settings, environment.value());
  Status status = ensemble.prepare();
  if (status) {
    status = ensemble.work();
  }
  if (status) {
    outcome.processes = ensemble.take_reports();
    outcome.samples = ensemble.samples();
  } else {
    outcome.problem = status.error().to_string();
  }
  outcome.wall_s = std::chrono::duration<double>(Clock::now() - begin).count();
  return outcome;
}

Result<FlatObject> read_device(const RunnerSettings& settings) {
  Result<JobProcess> process =
      JobProcess::start(settings.job_program, {"--device"}, {device_order}, settings.folder / "stderr-device.txt");
  if (!process) {
    return process.error();
  }
  return process.value().read_event("device", seconds_from_now(settings.ready_limit_s));
}

}  // namespace gpusched::suite
