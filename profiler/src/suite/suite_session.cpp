#include "gpusched/profiler/suite/suite_session.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <ctime>
#include <fstream>
#include <iomanip>
#include <iterator>
#include <optional>
#include <ostream>
#include <sstream>

#include "gpusched/base/version.hpp"
#include "gpusched/profiler/suite/mps_daemon.hpp"
#include "gpusched/profiler/suite/result_log.hpp"

namespace gpusched::suite {

namespace {

using Clock = std::chrono::steady_clock;

std::atomic<bool> stop_asked{false};

/// A pipe of a job that is gone must not end this program, and Ctrl-C has to leave time to stop the MPS daemon.
void prepare_signals() {
  stop_asked = false;
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGINT, [](int) { stop_asked = true; });
  std::signal(SIGTERM, [](int) { stop_asked = true; });
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::ostringstream text;
  text << std::put_time(&parts, "%Y-%m-%dT%H:%M:%SZ");
  return text.str();
}

/// Seconds that processes take to start and end, from those that did.
class StartCost {
 public:
  double seconds(const PlannedMeasurement& measurement) const {
    return scale_ * (first_process + other_process * (measurement.processes() - 1));
  }
  void learn(const PlannedMeasurement& measurement, double seen_s) {
    constexpr double weight = 0.1;
    const double ratio = seen_s / (first_process + other_process * (measurement.processes() - 1));
    scale_ += weight * (std::clamp(ratio, 0.05, 20.0) - scale_);
  }

 private:
  static constexpr double first_process = 1.0;  // context, buffers, checks; a guess until the first were seen
  static constexpr double other_process = 0.2;
  double scale_ = 1;
};

std::filesystem::path job_program_of(const SuiteOptions& options) {
  if (!options.job_program.empty()) {
    return options.job_program;
  }
  std::error_code problem;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", problem);
  return problem ? "gpusched-suite-job" : self.parent_path() / "gpusched-suite-job";
}

Result<std::string> read_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    return Error{.code = ErrorCode::not_found, .message = "no such file", .file = path, .line = 0, .remedy = {}};
  }
  std::ostringstream text;
  text << in.rdbuf();
  if (in.bad() || !text) {  // a folder, or an empty file
    return Error{
        .code = ErrorCode::invalid_argument, .message = "nothing to read", .file = path, .line = 0, .remedy = {}};
  }
  return text.str();
}

/// One run of the suite over its plan.
class Session {
 public:
  Session(const SuiteOptions& options, const DeviceSampling& sampling, std::ostream& progress)
      : options_(options), progress_(progress), begin_(Clock::now()) {
    settings_.job_program = job_program_of(options);
    settings_.folder = options.out;
    settings_.sampling = sampling;
  }

  Result<SuiteSummary> run() {
    std::error_code problem;
    std::filesystem::create_directories(settings_.folder, problem);
    Result<ResultLog> log = ResultLog::open(settings_.folder / "results.jsonl");
    if (!log) {
      return log.error();
    }
    log_ = &log.value();
    Result<FlatObject> device = read_device(settings_);
    if (!device) {
      return device.error();
    }
    device.value().merge(settings_.sampling.machine);  // which knows better
    const std::string gpu = device.value().text("gpu").value_or("");
    const Result<std::vector<PlannedMeasurement>> plan = plan_of(options_, device.value(), settings_.sampling);
    if (!plan) {
      return plan.error();
    }
    if (Status begun = begin_log(device.value()); !begun) {
      return begun.error();
    }
    progress_ << gpu << ": " << plan.value().size() << " measurements planned\n";
    if (Status measured = measure_all(plan.value()); !measured) {
      return measured.error();
    }
    summary_.seconds = elapsed();
    return summary_;
  }

 private:
  double elapsed() const { return std::chrono::duration<double>(Clock::now() - begin_).count(); }

  /// Results of two GPUs in one file would be taken for those of one.
  Status begin_log(const FlatObject& device) {
    for (const FlatObject& line : log_->earlier()) {
      if (line.text("line") == "suite" && line.text("uuid") != device.text("uuid")) {
        return Error{.code = ErrorCode::already_exists,
                     .message = "these are results of another GPU, " + line.text("gpu").value_or("unknown") + " " +
                                line.text("uuid").value_or("unknown"),
                     .file = (settings_.folder / "results.jsonl").string(),
                     .line = 0,
                     .remedy = "Measure into another folder"};
      }
    }
    FlatObject line;
    line.set("line", "suite")
        .set("format", 1)
        .set("version", std::string(version()))
        .set("commit", std::string(git_commit()))
        .set("at", utc_now())
        .set("command", options_.command)
        .set("settle_s", settings_.settle_s);
    constexpr std::array<std::string_view, 1> without = {"event"};
    line.merge(device, without);
    return log_->append({&line, 1});
  }

  Status measure_all(const std::vector<PlannedMeasurement>& plan) {
    const std::set<std::string> done = log_->done();
    std::optional<MpsDaemon> daemon;
    std::string no_daemon;  // why; asked once
    for (std::size_t i = 0; i < plan.size(); ++i) {
      const PlannedMeasurement& measurement = plan[i];
      if (done.count(measurement.text()) > 0) {
        ++summary_.done_earlier;
        continue;
      }
      const double takes_s = working_seconds(measurement, settings_.settle_s) + start_cost_.seconds(measurement);
      if (elapsed() + takes_s > 60 * options_.minutes) {
        ++summary_.left_out;
        continue;
      }
      if (measurement.way != Way::mps) {
        daemon.reset();
      } else if (!daemon && no_daemon.empty()) {
        Result<MpsDaemon> started = MpsDaemon::start();
        no_daemon = started ? "" : started.error().to_string();
        if (started) {
          daemon.emplace(std::move(started.value()));
        }
      }
      settings_.mps_pipe_folder = daemon ? daemon->pipe_folder() : "";
      if (Status measured = measure(measurement, i, plan.size(), no_daemon); !measured) {
        return measured;
      }
      if (stop_asked) {
        summary_.interrupted = true;
        return {};
      }
    }
    return {};
  }

  Status measure(const PlannedMeasurement& measurement, std::size_t number, std::size_t of,
                 const std::string& no_daemon) {
    const bool refused = measurement.way == Way::mps && settings_.mps_pipe_folder.empty();
    MeasurementOutcome outcome;
    if (refused) {
      outcome.problem = no_daemon;
    } else {
      outcome = run_measurement(measurement, settings_);
    }
    if (stop_asked && !outcome.ok()) {
      return {};  // the interruption failed, not the measurement
    }
    (outcome.ok() ? summary_.measured : summary_.failed) += 1;
    if (outcome.ok()) {
      start_cost_.learn(measurement, outcome.wall_s - working_seconds(measurement, settings_.settle_s));
    }
    show(measurement, outcome, number, of);
    return log_->append(lines_of(measurement, outcome));
  }

  static std::vector<FlatObject> lines_of(const PlannedMeasurement& measurement, const MeasurementOutcome& outcome) {
    std::vector<FlatObject> lines;
    for (const ProcessReport& report : outcome.processes) {
      FlatObject line;
      line.set("line", "job").set("id", measurement.text()).set("index", static_cast<int>(report.job));
      // "load" of the ready line is what was asked for; that of the result is what the requests came to.
      constexpr std::array<std::string_view, 5> without = {"event", "line", "id", "index", "load"};
      line.merge(report.ready, without).set("load_asked", report.ready.number("load").value_or(0));
      line.merge(report.result, std::span(without).first(4));
      lines.push_back(std::move(line));
    }
    FlatObject end;
    end.set("line", "end")
        .set("id", measurement.text())
        .set("status", outcome.ok() ? "ok" : "failed")
        .set("at", utc_now())
        .set("wall_s", outcome.wall_s);
    if (!outcome.ok()) {
      end.set("problem", outcome.problem);
    }
    end.merge(outcome.samples);
    lines.push_back(std::move(end));
    return lines;
  }

  void show(const PlannedMeasurement& measurement, const MeasurementOutcome& outcome, std::size_t number,
            std::size_t of) {
    std::ostringstream line;
    line << "[" << number + 1 << "/" << of << " " << static_cast<int>(elapsed()) << " s] " << measurement.text() << ": "
         << std::setprecision(4);
    if (!outcome.ok()) {
      line << "FAILED, " << outcome.problem;
    }
    for (const ProcessReport& report : outcome.processes) {
      line << report.result.number("items_per_s").value_or(0) << "/s ";
    }
    progress_ << line.str() << std::endl;
  }

  const SuiteOptions& options_;
  std::ostream& progress_;
  Clock::time_point begin_;
  RunnerSettings settings_;
  ResultLog* log_ = nullptr;
  StartCost start_cost_;
  SuiteSummary summary_;
};

}  // namespace

Result<std::vector<PlannedMeasurement>> plan_of(const SuiteOptions& options, const FlatObject& device,
                                                const DeviceSampling& sampling) {
  std::vector<PlannedMeasurement> plan;
  if (options.plan_file.empty()) {
    PlanTarget target;
    target.slice_sms = green_context_sms(device.text("gpu").value_or(""));
    target.cublas = device.text("cublas").has_value();
    for (const auto& [profile, uuid] : sampling.mig_devices) {
      target.mig_profiles.push_back(profile);
    }
    plan = default_plan(target);
  } else {
    const Result<std::string> text = read_text(options.plan_file);
    if (!text) {
      return text.error();
    }
    Result<std::vector<PlannedMeasurement>> read = read_plan(text.value(), options.plan_file);
    if (!read) {
      return read.error();
    }
    plan = std::move(read.value());
  }
  if (!options.only.empty()) {
    std::erase_if(plan, [&](const PlannedMeasurement& measurement) {
      const std::string text = measurement.text();
      return std::none_of(options.only.begin(), options.only.end(),
                          [&](const std::string& part) { return text.find(part) != std::string::npos; });
    });
  }
  return plan;
}

Result<SuiteSummary> run_suite(const SuiteOptions& options, const DeviceSampling& sampling, std::ostream& progress) {
  prepare_signals();
  return Session(options, sampling, progress).run();
}

Status list_suite(const SuiteOptions& options, const DeviceSampling& sampling, std::ostream& out) {
  const Result<std::vector<PlannedMeasurement>> plan = plan_of(options, FlatObject().set("gpu", options.gpu), sampling);
  if (!plan) {
    return plan.error();
  }
  const StartCost start_cost;
  double seconds = 0;
  for (const PlannedMeasurement& measurement : plan.value()) {
    out << measurement.text() << "\n";
    seconds += working_seconds(measurement, RunnerSettings().settle_s) + start_cost.seconds(measurement);
  }
  out << "# " << plan.value().size() << " measurements, about " << static_cast<int>(seconds / 60 + 0.5)
      << " minutes; a run stops at --minutes, the most valuable come first\n";
  return {};
}

Result<int> run_suite_command(const SuiteOptions& options, const DeviceSampling& sampling, std::ostream& out,
                              std::ostream& progress) {
  if (options.list) {
    const Status listed = list_suite(options, sampling, out);
    return listed ? Result<int>(0) : Result<int>(listed.error());
  }
  if (options.out.empty()) {
    return Error{.code = ErrorCode::invalid_argument,
                 .message = "no folder for the results",
                 .file = {},
                 .line = 0,
                 .remedy = "Name one: --out DIR; --list prints the plan alone"};
  }
  const Result<SuiteSummary> run = run_suite(options, sampling, progress);
  if (!run) {
    return run.error();
  }
  const SuiteSummary& summary = run.value();
  out << summary.measured << " measured, " << summary.failed << " failed, " << summary.done_earlier << " done earlier, "
      << summary.left_out << " left out for want of time; " << static_cast<int>(summary.seconds) << " s"
      << (summary.interrupted ? "; interrupted" : "") << "\n"
      << options.out << "/results.jsonl\n";
  return summary.measured + summary.done_earlier > 0 && !summary.interrupted ? 0 : 1;
}

}  // namespace gpusched::suite
