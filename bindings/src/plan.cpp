#include <atomic>
#include <thread>

#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/sim/generators/trace_generators.hpp"
#include "gpusched/sim/plan_metrics.hpp"
#include "gpusched/sim/plan_replays.hpp"
#include "gpusched/sim/plan_text.hpp"

#include "bindings.hpp"

namespace gpusched::python {

namespace {

template <typename T>
T item(const py::dict& dict, const char* name) {
  return dict[name].cast<T>();
}

/// A generator's name and parameters, where every seed makes a trace of its own.
using Recipe = std::optional<std::pair<std::string, std::map<std::string, std::string>>>;

sim::PlanQuery query_of(const py::dict& asked) {
  sim::PlanQuery query{.shapes = item<std::string>(asked, "shapes"),
                       .nodes = item<std::string>(asked, "nodes"),
                       .search = item<std::vector<std::string>>(asked, "search"),
                       .models = item<std::vector<std::string>>(asked, "models"),
                       .policies = item<std::vector<std::string>>(asked, "policies"),
                       .prices = {}};
  for (const auto& [model, price] : item<std::map<std::string, double>>(asked, "prices")) {
    query.prices[std::string(gpu_model(unwrap(find_gpu_model(model))).name)] = price;
  }
  return query;
}

sim::PlanWorkload workload_of(const TraceHandle& first, const Recipe& recipe, const py::dict& settings, double scale) {
  sim::PlanWorkload workload{
      .recorded = *first.trace, .options = options_from(*first.trace, settings), .compat = {}, .scale = scale};
  if (recipe) {
    workload.generate = [recipe](std::uint64_t seed) {
      return sim::generate_trace(recipe->first, recipe->second, seed);
    };
  }
  return workload;
}

/// Runs in threads without the GIL; that of the caller looks for Ctrl-C and tells of progress.
Result<sim::PlanResult> run_plan(const sim::PlanSpace& space, const std::vector<sim::PlanTarget>& targets,
                                 const sim::PlanOptions& options, const sim::PlanWorkload& workload,
                                 const py::object& progress) {
  std::atomic<bool> stopped = false;
  const auto caller = std::this_thread::get_id();
  const auto look = [&](std::int64_t runs, const std::string& now) {
    const py::gil_scoped_acquire acquire;
    try {
      if (PyErr_CheckSignals() != 0) {
        throw py::error_already_set();
      }
      if (!progress.is_none() && !now.empty()) {
        progress(runs, now);
      }
    } catch (py::error_already_set& error) {
      error.restore();  // until the GIL is back for good
      stopped = true;
    }
  };
  const py::gil_scoped_release release;
  return sim::plan(
      space.planner_kinds(), targets, options,
      [&](const sim::PlanCandidate& candidate, std::uint64_t seed) -> Result<std::vector<double>> {
        if (!stopped && std::this_thread::get_id() == caller) {
          look(0, {});
        }
        if (stopped) {
          return Error{.code = ErrorCode::invalid_argument, .message = "stopped", .file = {}, .line = 0, .remedy = {}};
        }
        return sim::run_plan_candidate(space, workload, candidate, seed);
      },
      [&](std::int64_t done, const sim::PlanCandidate& now) {
        if (!stopped && std::this_thread::get_id() == caller) {
          look(done, space.kinds[now.kind].cluster(now.size) + " " + space.kinds[now.kind].policy);
        }
      });
}

/// The answer as `gpusched-sim plan --json` prints it, the text for people, and the runs as CSV.
py::tuple plan(const py::dict& asked, const TraceHandle& first, const Recipe& recipe, const py::dict& settings,
               const py::object& progress) {
  std::vector<sim::PlanTarget> targets;
  for (const std::string& text : item<std::vector<std::string>>(asked, "targets")) {
    targets.push_back(unwrap(sim::parse_plan_target(text)));
  }
  const sim::PlanSpace space = unwrap(sim::plan_space(query_of(asked), !first.trace->profiles.empty()));
  const sim::PlanOptions options{.confidence = item<double>(asked, "confidence"),
                                 .first_seed = item<std::uint64_t>(settings, "seed"),
                                 .most_seeds = item<int>(asked, "seeds"),
                                 .threads = item<int>(asked, "threads")};
  const sim::PlanWorkload workload = workload_of(first, recipe, settings, item<double>(asked, "scale"));
  const Result<sim::PlanResult> result = run_plan(space, targets, options, workload, progress);
  if (PyErr_Occurred() != nullptr) {
    throw py::error_already_set();
  }
  if (!result) {
    raise(result.error());
  }
  const sim::PlanReport report{space, targets, options, result.value()};
  if (!result.value().best) {
    raise(sim::no_plan(report));
  }
  return py::make_tuple(sim::plan_json(report), sim::plan_text(report), sim::plan_csv(report));
}

}  // namespace

void bind_plan(py::module_& module) {
  module.def("plan", &plan, py::arg("asked"), py::arg("first"), py::arg("recipe"), py::arg("settings"),
             py::arg("progress"));
  module.def("plan_metrics", [] {
    py::list list;
    for (const sim::PlanMetric& metric : sim::plan_metrics()) {
      list.append(py::make_tuple(metric.name, metric.unit, metric.description));
    }
    return list;
  });
}

}  // namespace gpusched::python
