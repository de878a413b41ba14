#include "simulation.hpp"

#include <chrono>

#include "gpusched/sim/cluster_builder.hpp"
#include "gpusched/sim/comparison.hpp"
#include "gpusched/sim/pod_names.hpp"
#include "gpusched/sim/readers/arrival_order.hpp"
#include "gpusched/sim/result_files.hpp"

namespace gpusched::python {

namespace {

constexpr std::int64_t steps_between_looks = 64;
constexpr auto time_between_looks = std::chrono::milliseconds(50);

/// The setting, unless it is absent or None.
template <typename T>
std::optional<T> setting(const py::dict& settings, const char* name) {
  if (!settings.contains(name) || settings[name].is_none()) {
    return std::nullopt;
  }
  return settings[name].cast<T>();
}

Error misuse(const char* message) {
  return {.code = ErrorCode::invalid_argument, .message = message, .file = {}, .line = 0, .remedy = {}};
}

}  // namespace

sim::SimulationOptions options_from(const sim::Trace& trace, const py::dict& settings) {
  sim::SimulationOptions options = sim::usual_options(trace);
  options.policy = policy_from(settings);
  options.seed = setting<std::uint64_t>(settings, "seed").value_or(options.seed);
  options.preemption = setting<bool>(settings, "preemption").value_or(true);
  options.warmup_fraction = setting<double>(settings, "warmup").value_or(0);
  options.until_ns = to_ns(setting<double>(settings, "until").value_or(-1));
  options.execution.slowdown_error = setting<double>(settings, "slowdown_error").value_or(0);
  if (const auto queue = setting<std::string>(settings, "queue")) {
    options.queue = sim::queue_named(*queue);
  }
  if (const auto order = setting<std::string>(settings, "order")) {
    check(sim::take_order(*order, trace, options));
  }
  if (const auto target = setting<std::string>(settings, "target")) {
    options.target = *target == "trace" ? sim::demand_of(trace) : DemandMix{};
  }
  if (setting<std::string>(settings, "reshape") == "one-move") {
    options.reshape.rules.one_move_on_block = true;
    options.reshape.delay_ns = to_ns(setting<double>(settings, "reshape_delay").value_or(10));
  }
  return options;
}

void DecisionRecorder::on_decision(const Engine&, TimeNs now, std::span<const PodId> pods,
                                   std::span<const Decision> decisions) {
  for (std::size_t i = 0; i < decisions.size(); ++i) {
    const Decision& decision = decisions[i];
    DecisionRow row;
    row.time_ns = now;
    row.pod = pods[i];
    row.outcome = outcome_name(decision);
    if (const Candidate* place = candidate_of(decision)) {
      row.place = *place;
    }
    if (const auto* bind = std::get_if<Bind>(&decision)) {
      row.cost = bind->cost;
      row.runner_up = bind->runner_up;
    } else if (const auto* reshape = std::get_if<ReshapeThenBind>(&decision)) {
      row.cost = reshape->cost;
    }
    if (const ModeVerdict* mode = mode_of(decision)) {
      row.mode = *mode;
    }
    row.reason = sim::main_reason(decision);
    rows.push_back(std::move(row));
  }
}

SimulationHandle::SimulationHandle(const TraceHandle& trace, const py::dict& settings)
    : trace_(trace.trace), options_(options_from(*trace.trace, settings)) {
  if (const auto path = setting<std::string>(settings, "event_log")) {
    log_ = unwrap(sim::EventLogObserver::open(*path, *trace_, options_));
    observers_.push_back(log_.get());
  }
  if (setting<bool>(settings, "curve").value_or(false)) {
    curve_ = std::make_unique<sim::Curve>();
    observers_.push_back(curve_.get());
  }
  if (setting<bool>(settings, "decisions").value_or(false)) {
    recorder_ = std::make_unique<DecisionRecorder>();
    observers_.push_back(recorder_.get());
  }
  simulation_.emplace(unwrap([&] {
    const py::gil_scoped_release release;
    return sim::Simulation::create(*trace_, options_, observers_);
  }()));
}

sim::Simulation& SimulationHandle::open() {
  if (!simulation_) {
    raise(misuse("this replay has ended"));
  }
  if (playing_) {
    raise(misuse("this replay is being played by another thread"));
  }
  return *simulation_;
}

std::int64_t SimulationHandle::play(std::int64_t most, const py::object& progress) {
  sim::Simulation& simulation = open();
  playing_ = true;
  std::int64_t steps = 0;
  try {
    const py::gil_scoped_release release;
    auto last_look = std::chrono::steady_clock::now();
    while (steps != most && simulation.step()) {
      ++steps;
      if (steps % steps_between_looks != 0 || std::chrono::steady_clock::now() - last_look < time_between_looks) {
        continue;
      }
      const py::gil_scoped_acquire acquire;
      if (PyErr_CheckSignals() != 0) {
        throw py::error_already_set();
      }
      if (!progress.is_none()) {
        progress(simulation.arrived(), simulation.arrivals());
      }
      last_look = std::chrono::steady_clock::now();
    }
  } catch (...) {
    playing_ = false;
    simulation_.reset();  // it stopped in the middle of something
    throw;
  }
  playing_ = false;
  if (most < 0 && !progress.is_none()) {
    progress(simulation.arrived(), simulation.arrivals());
  }
  return steps;
}

ResultHandle SimulationHandle::finish() {
  ResultHandle result{.trace = trace_,
                      .result = open().finish(),
                      .given_order = !options_.arrival_order.empty(),
                      .pod_names = {},
                      .decisions = {},
                      .curve = {}};
  simulation_.reset();
  if (recorder_) {
    result.decisions = std::move(recorder_->rows);
    result.pod_names = sim::pod_names(*trace_, options_);
  }
  if (curve_) {
    result.curve = curve_->rows();
  }
  if (log_) {
    check(log_->close());
  }
  return result;
}

py::tuple SimulationHandle::state() { return state_tables(open().state(), sim::pod_names(*trace_, options_)); }

double SimulationHandle::now_s() { return static_cast<double>(open().now()) / static_cast<double>(ns_per_s); }
std::int64_t SimulationHandle::arrived() { return open().arrived(); }
std::int64_t SimulationHandle::arrivals() { return open().arrivals(); }

void bind_simulation(py::module_& module) {
  py::class_<ResultHandle>(module, "Result")
      .def("summary_json", [](const ResultHandle& handle) { return sim::summary_json(handle.result.summary); })
      .def("jobs", &jobs_table)
      .def("timeline", &timeline_table)
      .def("demand", &demand_table)
      .def("decisions", &decisions_table)
      .def("curve", &curve_table)
      .def(
          "write",
          [](const ResultHandle& handle, const std::string& directory, const std::string& policy) {
            check(sim::write_results(directory, *handle.trace, handle.result,
                                     {.policy = policy, .given_order = handle.given_order}));
          },
          py::arg("directory"), py::arg("policy"));
  py::class_<SimulationHandle>(module, "Simulation")
      .def(py::init<const TraceHandle&, const py::dict&>(), py::arg("trace"), py::arg("settings"))
      .def("play", &SimulationHandle::play, py::arg("most"), py::arg("progress"))
      .def("finish", &SimulationHandle::finish)
      .def("state", &SimulationHandle::state)
      .def_property_readonly("now_s", &SimulationHandle::now_s)
      .def_property_readonly("arrived", &SimulationHandle::arrived)
      .def_property_readonly("arrivals", &SimulationHandle::arrivals);
  module.def(
      "estimate",
      [](const std::vector<double>& values) {
        const sim::Estimate estimate = sim::estimate(values);
        return std::pair(estimate.mean, estimate.half_width);
      },
      py::arg("values"), "Mean and half width of its 95 % confidence interval (Student's t).");
}

}  // namespace gpusched::python
