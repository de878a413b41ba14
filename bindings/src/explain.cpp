#include <algorithm>

#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/sim/decision_explainer.hpp"
#include "gpusched/sim/explanation_text.hpp"
#include "gpusched/sim/readers/gtf_names.hpp"

#include "bindings.hpp"

namespace gpusched::python {

namespace {

[[noreturn]] void refuse(std::string message, std::string remedy) {
  raise({.code = ErrorCode::invalid_argument,
         .message = std::move(message),
         .file = {},
         .line = 0,
         .remedy = std::move(remedy)});
}

template <typename T>
void set(const py::handle& given, const std::string& field, T& value) {
  try {
    value = given.cast<T>();
  } catch (const py::cast_error&) {
    throw py::type_error(field + " cannot be " + py::repr(given).cast<std::string>());
  }
}

template <typename Names, typename Value>
void set_word(const py::handle& given, const Names& names, const char* field, Value& value) {
  std::string word;
  set(given, field, word);
  if (sim::find_value(names, word, value)) {
    return;
  }
  std::string known;
  for (const auto& [name, unused] : names) {
    known += (known.empty() || name.empty() ? "" : ", ") + std::string(name);
  }
  refuse(std::string(field) + " '" + word + "' is unknown", "Known: " + known);
}

/// What-ifs, by the name of the request's field.
void edit(GpuRequest& request, const py::dict& what_if) {
  for (const auto& [key, value] : what_if) {
    const auto field = key.cast<std::string>();
    if (field == "job_class") {
      set_word(value, sim::class_names, "job_class", request.job_class);
    } else if (field == "isolation") {
      set_word(value, sim::isolation_names, "isolation", request.isolation);
    } else if (field == "mode") {
      set_word(value, sim::mode_names, "mode", request.mode);
    } else if (field == "gpu_memory_mib") {
      set(value, field, request.gpu_memory_mib);
    } else if (field == "memory_mib") {
      set(value, field, request.memory_mib);
    } else if (field == "cpu_milli") {
      set(value, field, request.cpu_milli);
    } else if (field == "max_slowdown") {
      set(value, field, request.max_slowdown);
    } else if (field == "priority") {
      set(value, field, request.priority);
    } else if (field == "job_profile") {
      set(value, field, request.job_profile);
    } else if (field == "trust_domain") {
      set(value, field, request.trust_domain);
    } else if (field == "gpu_model") {
      set(value, field, request.gpu_models.emplace_back());
    } else if (field == "mig_profile") {
      set(value, field, request.mig_profile);
      request.mode = SharingMode::mig;
    } else {
      refuse("a request has no field '" + field + "' to change",
             "It has job_class, isolation, mode, gpu_memory_mib, memory_mib, cpu_milli, max_slowdown, priority, "
             "job_profile, trust_domain, gpu_model, mig_profile");
    }
  }
}

/// Says what is wrong with the what-ifs before anything is replayed.
void check_edits(const sim::Trace& trace, const py::dict& what_if) {
  GpuRequest edited;
  edit(edited, what_if);
  for (const std::string& model : edited.gpu_models) {
    unwrap(find_gpu_model(model));
  }
  if (what_if.contains("mig_profile") && what_if.contains("mode")) {
    refuse("mig_profile and mode given together", "A MIG profile is a mode of its own: leave out one");
  }
  const auto named = [&](const JobProfile& profile) { return profile.name == edited.job_profile; };
  if (!edited.job_profile.empty() && std::none_of(trace.profiles.begin(), trace.profiles.end(), named)) {
    refuse("the trace has no job profile '" + edited.job_profile + "'", "Trace.profiles lists them");
  }
}

py::tuple explain(const TraceHandle& trace, py::dict settings, const std::string& job, double at_s,
                  const py::dict& what_if) {
  check_edits(*trace.trace, what_if);
  if (job.empty()) {
    settings["until"] = at_s;
  }
  const sim::SimulationOptions options = options_from(*trace.trace, settings);
  const auto apply = [&](GpuRequest& request) {
    const py::gil_scoped_acquire acquire;
    if (what_if.contains("gpu_model")) {
      request.gpu_models.clear();
    }
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
