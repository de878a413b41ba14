#include "gpusched/sim/decision_explainer.hpp"
#include "gpusched/sim/explanation_text.hpp"
#include "gpusched/sim/readers/gtf_names.hpp"

#include "bindings.hpp"

namespace gpusched::python {

namespace {

template <typename Names, typename Value>
void set_word(const py::handle& given, const Names& names, const char* field, Value& value) {
  const auto word = given.cast<std::string>();
  if (sim::find_value(names, word, value)) {
    return;
  }
  std::string known;
  for (const auto& [name, unused] : names) {
    known += (known.empty() || name.empty() ? "" : ", ") + std::string(name);
  }
  raise({.code = ErrorCode::invalid_argument,
         .message = std::string(field) + " '" + word + "' is unknown",
         .file = {},
         .line = 0,
         .remedy = "Known: " + known});
}

/// What-ifs, by the name of the request's field.
void edit(GpuRequest& request, const py::dict& what_if) {
  for (const auto& [key, value] : what_if) {
    const auto field = key.cast<std::string>();
    if (field == "job_class")
      set_word(value, sim::class_names, "job_class", request.job_class);
    else if (field == "isolation")
      set_word(value, sim::isolation_names, "isolation", request.isolation);
    else if (field == "mode")
      set_word(value, sim::mode_names, "mode", request.mode);
    else if (field == "gpu_memory_mib")
      request.gpu_memory_mib = value.cast<std::int64_t>();
    else if (field == "memory_mib")
      request.memory_mib = value.cast<std::int64_t>();
    else if (field == "cpu_milli")
      request.cpu_milli = value.cast<std::int64_t>();
    else if (field == "max_slowdown")
      request.max_slowdown = value.cast<double>();
    else if (field == "priority")
      request.priority = value.cast<std::int32_t>();
    else if (field == "job_profile")
      request.job_profile = value.cast<std::string>();
    else if (field == "trust_domain")
      request.trust_domain = value.cast<std::string>();
    else if (field == "gpu_model")
      request.gpu_models = {value.cast<std::string>()};
    else if (field == "mig_profile") {
      request.mig_profile = value.cast<std::string>();
      request.mode = SharingMode::mig;
    } else {
      raise({.code = ErrorCode::invalid_argument,
             .message = "a request has no field '" + field + "' to change",
             .file = {},
             .line = 0,
             .remedy =
                 "It has job_class, isolation, mode, gpu_memory_mib, memory_mib, cpu_milli, max_slowdown, priority, "
                 "job_profile, trust_domain, gpu_model, mig_profile"});
    }
  }
}

py::tuple explain(const TraceHandle& trace, py::dict settings, const std::string& job, double at_s,
                  const py::dict& what_if) {
  GpuRequest ignored;
  edit(ignored, what_if);  // what is wrong is said before anything is replayed
  if (job.empty()) {
    settings["until"] = at_s;
  }
  const sim::SimulationOptions options = options_from(*trace.trace, settings);
  const auto apply = [&](GpuRequest& request) {
    const py::gil_scoped_acquire acquire;
    edit(request, what_if);
  };
  const auto explained = [&]() -> Result<sim::ExplainedDecision> {
    const py::gil_scoped_release release;
    auto explainer =
        sim::DecisionExplainer::create(*trace.trace, options, {.job = job, .at_ns = to_ns(at_s), .edit = apply});
    if (!explainer) {
      return explainer.error();
    }
    sim::ReplayObserver* const observer = explainer.value().get();
    if (const auto replayed = sim::simulate(*trace.trace, options, std::span(&observer, 1)); !replayed) {
      return replayed.error();
    }
    return explainer.value()->result();
  }();
  const sim::ExplainedDecision decision = unwrap(explained);
  return py::make_tuple(sim::explanation_text(job, decision), sim::explanation_json(job, decision));
}

}  // namespace

void bind_explain(py::module_& module) {
  module.def("explain", &explain, py::arg("trace"), py::arg("settings"), py::arg("job"), py::arg("at_s"),
             py::arg("what_if"));
}

}  // namespace gpusched::python
