#pragma once

#include <memory>
#include <string>

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "gpusched/base/result.hpp"
#include "gpusched/sim/simulator.hpp"
#include "gpusched/sim/trace.hpp"

#include "table.hpp"

namespace gpusched::python {

namespace py = pybind11;

// One function per family of classes, each in its own source; module.cpp calls them in order.
void bind_table(py::module_& module);
void bind_trace(py::module_& module);
void bind_geometry(py::module_& module);
void bind_job_profile(py::module_& module);
void bind_policy(py::module_& module);
void bind_simulation(py::module_& module);
void bind_explain(py::module_& module);
void bind_episode(py::module_& module);
void bind_exact(py::module_& module);
void bind_plan(py::module_& module);
void bind_reshape(py::module_& module);
void bind_report(py::module_& module);

/// Raises the Python exception of the error's code, with its message, file, line and remedy. Needs the GIL.
[[noreturn]] void raise(const Error& error);

inline void check(const Status& status) {
  if (!status) {
    raise(status.error());
  }
}

template <typename T>
T unwrap(Result<T> result) {
  if (!result) {
    raise(result.error());
  }
  return std::move(result).value();
}

/// A trace that nobody changes any more, and what its reader said.
struct TraceHandle {
  std::shared_ptr<const sim::Trace> trace;
  std::shared_ptr<const sim::ReadReport> report;
};

/// The options of a replay from a dict; keys as the parameters of libgpusched.Simulator, those that are absent as they
/// suit the trace.
sim::SimulationOptions options_from(const sim::Trace& trace, const py::dict& settings);

/// The policy of `settings`: "name" and "parameters", and for one written in Python "object".
PolicyChoice policy_from(const py::dict& settings);

/// Seconds to nanoseconds; negative stays "none" (-1).
TimeNs to_ns(double seconds);

}  // namespace gpusched::python
