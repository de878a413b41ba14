#include "gpusched/sim/exact/exact_comparison.hpp"
#include "gpusched/sim/exact/snapshot_generator.hpp"
#include "gpusched/sim/exact/snapshot_recorder.hpp"

#include "bindings.hpp"

namespace gpusched::python {

namespace {

using SharedSnapshot = std::shared_ptr<sim::Snapshot>;

SharedSnapshot share(sim::Snapshot snapshot) { return std::make_shared<sim::Snapshot>(std::move(snapshot)); }

SharedSnapshot generate_snapshot(std::uint64_t seed, std::optional<std::int32_t> gpus,
                                 std::optional<std::int32_t> jobs) {
  sim::SnapshotSize size = sim::published_snapshot_size(seed);
  size.gpus = gpus.value_or(size.gpus);
  size.jobs = jobs.value_or(size.jobs);
  return share(sim::generate_snapshot(size, seed));
}

SharedSnapshot record_snapshot(const TraceHandle& trace, const py::dict& settings, double at_s, double reject_cost,
                               double move_cost) {
  sim::SimulationOptions options = options_from(*trace.trace, settings);
  options.until_ns = to_ns(at_s);
  sim::SnapshotRecorder recorder(*trace.trace, options, options.until_ns);
  sim::ReplayObserver* const observer = &recorder;
  const auto replayed = [&] {
    const py::gil_scoped_release release;
    return sim::simulate(*trace.trace, options, std::span(&observer, 1));
  }();
  if (!replayed) {
    raise(replayed.error());
  }
  return share(unwrap(recorder.snapshot({.reject_per_gpu = reject_cost, .move_per_gpu = move_cost})));
}

std::string lp_of(const SharedSnapshot& snapshot) {
  return sim::to_lp_format(unwrap(sim::SnapshotModel::build(*snapshot)).program());
}

sim::SolverStatus status_named(const std::string& name) {
  for (const auto status : {sim::SolverStatus::optimal, sim::SolverStatus::infeasible, sim::SolverStatus::unbounded}) {
    if (name == to_string(status)) {
      return status;
    }
  }
  return sim::SolverStatus::limit;
}

/// What a solver written in Python answers: libgpusched/exact.py.
sim::SolverOutput output_of(const py::dict& answer) {
  sim::SolverOutput output{.status = status_named(answer["status"].cast<std::string>()),
                           .version = answer["version"].cast<std::string>(),
                           .cost = answer["cost"].cast<std::optional<double>>(),
                           .bound = answer["bound"].cast<std::optional<double>>(),
                           .values = {},
                           .duals = {}};
  for (const auto& [name, value] : answer["values"].cast<py::dict>()) {
    output.values.emplace(name.cast<std::string>(), value.cast<double>());
  }
  for (const auto& [name, value] : answer["duals"].cast<py::dict>()) {
    output.duals.emplace(name.cast<std::string>(), value.cast<double>());
  }
  return output;
}

/// `library`: a function of (LP text, time limit in seconds, whether all costs are whole), or None for `program`.
sim::SolverOptions solver_of(const std::string& program, double time_limit_s, const py::object& library) {
  sim::SolverOptions options{.time_limit_s = time_limit_s};
  if (library.is_none()) {
    options.solver = unwrap(sim::find_solver_name(program));
    options.look = [] {
      const py::gil_scoped_acquire acquire;
      if (PyErr_CheckSignals() != 0) {
        throw py::error_already_set();
      }
    };
    return options;
  }
  options.library_name = program;
  options.library = [&library](const sim::LinearProgram& problem, double limit_s) -> Result<sim::SolverOutput> {
    const py::gil_scoped_acquire acquire;
    return output_of(library(sim::to_lp_format(problem), limit_s, problem.all_integer()).cast<py::dict>());
  };
  return options;
}

std::vector<sim::NamedPolicy> policies_of(const std::vector<std::string>& texts) {
  std::vector<sim::NamedPolicy> policies;
  for (const std::string& text : texts) {
    policies.push_back({text, unwrap(parse_policy(text))});
  }
  return policies;
}

std::string compare_with_optimum(const SharedSnapshot& snapshot, const std::vector<std::string>& policies,
                                 const std::string& sequence, std::uint64_t seed, const std::string& solver,
                                 double time_limit_s, const py::object& library) {
  const sim::SolverOptions options = solver_of(solver, time_limit_s, library);
  const std::vector<sim::NamedPolicy> named = policies_of(policies);
  const sim::SnapshotOrder order = unwrap(sim::find_snapshot_order(sequence));
  return sim::exact_json(unwrap([&] {
    const py::gil_scoped_release release;
    return sim::compare_with_optimum(*snapshot, named, order, seed, options);
  }()));
}

std::string compare_with_bound(const TraceHandle& trace, const py::dict& settings,
                               const std::vector<std::string>& policies, const std::string& solver, double time_limit_s,
                               const py::object& library) {
  const sim::SolverOptions options = solver_of(solver, time_limit_s, library);
  const std::vector<sim::NamedPolicy> named = policies_of(policies);
  const sim::SimulationOptions replay = options_from(*trace.trace, settings);
  return sim::acceptance_json(unwrap([&] {
    const py::gil_scoped_release release;
    return sim::compare_with_bound(*trace.trace, replay, named, options);
  }()));
}

}  // namespace

void bind_exact(py::module_& module) {
  py::class_<sim::Snapshot, SharedSnapshot>(module, "Snapshot")
      .def_static("generate", &generate_snapshot, py::arg("seed"), py::arg("gpus"), py::arg("jobs"))
      .def_static("record", &record_snapshot, py::arg("trace"), py::arg("settings"), py::arg("at_s"),
                  py::arg("reject_cost"), py::arg("move_cost"))
      .def("lp", &lp_of)
      .def_property_readonly("job_count", [](const sim::Snapshot& snapshot) { return snapshot.jobs.size(); })
      .def_property_readonly("node_count", [](const sim::Snapshot& snapshot) { return snapshot.nodes.size(); });
  module.def("compare_with_optimum", &compare_with_optimum, py::arg("snapshot"), py::arg("policies"),
             py::arg("sequence"), py::arg("seed"), py::arg("solver"), py::arg("time_limit_s"), py::arg("library"));
  module.def("compare_with_bound", &compare_with_bound, py::arg("trace"), py::arg("settings"), py::arg("policies"),
             py::arg("solver"), py::arg("time_limit_s"), py::arg("library"));
}

}  // namespace gpusched::python
