#include <algorithm>

#include "gpusched/sim/cluster_builder.hpp"
#include "gpusched/sim/generators/trace_generators.hpp"
#include "gpusched/sim/readers/gtf.hpp"
#include "gpusched/sim/readers/gtf_names.hpp"
#include "gpusched/sim/readers/trace_formats.hpp"

#include "bindings.hpp"
#include "columns.hpp"

namespace gpusched::python {

namespace {

TraceHandle share(sim::ReadOutcome outcome) {
  return {.trace = std::make_shared<const sim::Trace>(std::move(outcome.trace)),
          .report = std::make_shared<const sim::ReadReport>(std::move(outcome.report))};
}

TraceHandle share(sim::Trace trace) { return share(sim::ReadOutcome{.trace = std::move(trace), .report = {}}); }

template <Result<sim::ReadOutcome> (*read)(std::string_view)>
TraceHandle read_with(const std::string& spec) {
  return share(unwrap([&] {
    const py::gil_scoped_release release;
    return read(spec);
  }()));
}

TraceHandle generate(const std::string& name, const std::map<std::string, std::string>& parameters,
                     std::uint64_t seed) {
  return share(unwrap([&] {
    const py::gil_scoped_release release;
    return sim::generate_trace(name, parameters, seed);
  }()));
}

/// One GTF table as CSV, or a whole trace as JSON lines.
template <Status (*read)(std::string_view, const std::string&, sim::ReadOutcome&)>
TraceHandle parse_with(const std::string& text, const std::string& name) {
  sim::ReadOutcome outcome;
  check([&] {
    const py::gil_scoped_release release;
    Status status = read(text, name, outcome);
    sim::finish_gtf(outcome);
    return status;
  }());
  return share(std::move(outcome));
}

TraceHandle from_shorthand(const std::string& text) {
  sim::Trace trace;
  trace.nodes = unwrap(sim::parse_cluster_shorthand(text));
  return share(std::move(trace));
}

/// The jobs of a trace on the nodes of another one: its node events come along, those of the first that name nodes
/// stay.
TraceHandle on_cluster(const TraceHandle& jobs, const TraceHandle& cluster) {
  sim::Trace trace = *jobs.trace;
  trace.nodes = cluster.trace->nodes;
  trace.node_extra_columns = cluster.trace->node_extra_columns;
  for (const sim::TraceEvent& event : cluster.trace->events) {
    if (std::find(trace.events.begin(), trace.events.end(), event) == trace.events.end()) {
      trace.events.push_back(event);
    }
  }
  std::stable_sort(trace.events.begin(), trace.events.end(),
                   [](const sim::TraceEvent& a, const sim::TraceEvent& b) { return a.time_ns < b.time_ns; });
  return share(std::move(trace));
}

TraceHandle with_prices(const TraceHandle& handle, const std::map<std::string, double>& prices) {
  sim::Trace trace = *handle.trace;
  check(sim::set_prices(trace.nodes, prices));
  return share(std::move(trace));
}

SharedTable nodes_table(const TraceHandle& handle) {
  const auto& nodes = handle.trace->nodes;
  auto table = std::make_shared<Table>();
  table->add("id", texts_of(nodes, [](const sim::TraceNode& node) -> std::string_view { return node.id; }));
  table->add("gpu_model",
             words_of(nodes, [](const sim::TraceNode& node) -> std::string_view { return node.gpu_model; }));
  table->add("num_gpu", numbers_of<std::int32_t>(nodes, [](const sim::TraceNode& node) { return node.num_gpu; }));
  table->add("gpu_memory_mib",
             numbers_of<std::int64_t>(nodes, [](const sim::TraceNode& node) { return node.gpu_memory_mib; }));
  table->add("cpu_milli", numbers_of<std::int64_t>(nodes, [](const sim::TraceNode& node) { return node.cpu_milli; }));
  table->add("memory_mib", numbers_of<std::int64_t>(nodes, [](const sim::TraceNode& node) { return node.memory_mib; }));
  table->add("sharing", words_of(nodes, [](const sim::TraceNode& node) {
               return node.sharing == sim::NodeSharing::any ? "any" : sim::find_word(sim::sharing_names, node.sharing);
             }));
  table->add("price_per_hour", numbers_of<double>(nodes, [](const sim::TraceNode& node) {
               return node.price_per_hour.value_or(missing);
             }));
  return table;
}

SharedTable jobs_table(const TraceHandle& handle) {
  const sim::Trace& trace = *handle.trace;
  const auto spec = [&](const sim::TraceJob& job) -> const sim::JobSpec& { return trace.specs[job.spec]; };
  const auto request = [&](const sim::TraceJob& job) -> const GpuRequest& { return spec(job).request; };
  auto table = std::make_shared<Table>();
  const auto number = [&](const char* name, auto value) {
    table->add(name, numbers_of<std::int64_t>(trace.jobs, value));
  };
  const auto word = [&](const char* name, auto value) { table->add(name, words_of(trace.jobs, value)); };
  table->add("id", texts_of(trace.jobs, [](const sim::TraceJob& job) -> std::string_view { return job.id; }));
  word("kind", [&](const sim::TraceJob& job) -> std::string_view { return spec(job).kind; });
  word("class", [&](const sim::TraceJob& job) { return sim::find_word(sim::class_names, request(job).job_class); });
  table->add("submit_s", numbers_of<double>(trace.jobs, [](const sim::TraceJob& job) { return to_s(job.submit_ns); }));
  table->add("duration_s",
             numbers_of<double>(trace.jobs, [](const sim::TraceJob& job) { return to_s(job.duration_ns); }));
  table->add("max_wait_s",
             numbers_of<double>(trace.jobs, [](const sim::TraceJob& job) { return to_s(job.max_wait_ns); }));
  number("num_gpu", [&](const sim::TraceJob& job) { return request(job).num_gpu; });
  number("gpu_milli", [&](const sim::TraceJob& job) { return request(job).gpu_milli; });
  number("gpu_memory_mib", [&](const sim::TraceJob& job) { return request(job).gpu_memory_mib; });
  word("mode", [&](const sim::TraceJob& job) { return sim::find_word(sim::mode_names, request(job).mode); });
  word("mig_profile", [&](const sim::TraceJob& job) -> std::string_view { return request(job).mig_profile; });
  word("job_profile", [&](const sim::TraceJob& job) -> std::string_view { return request(job).job_profile; });
  number("replicas", [&](const sim::TraceJob& job) { return spec(job).replicas; });
  number("cpu_milli", [&](const sim::TraceJob& job) { return request(job).cpu_milli; });
  number("memory_mib", [&](const sim::TraceJob& job) { return request(job).memory_mib; });
  number("priority", [&](const sim::TraceJob& job) { return request(job).priority; });
  word("tenant", [&](const sim::TraceJob& job) -> std::string_view { return spec(job).tenant; });
  return table;
}

py::list generators() {
  py::list list;
  for (const sim::TraceGenerator& row : sim::trace_generators()) {
    py::dict parameters;
    for (const sim::GeneratorParameter& parameter : row.parameters) {
      parameters[py::str(parameter.name.data(), parameter.name.size())] = parameter.default_value;
    }
    list.append(py::make_tuple(row.name, row.description, parameters));
  }
  return list;
}

}  // namespace

TimeNs to_ns(double seconds) { return seconds < 0 ? -1 : static_cast<TimeNs>(seconds * static_cast<double>(ns_per_s)); }

void bind_trace(py::module_& module) {
  py::class_<TraceHandle>(module, "Trace")
      .def_static("read", &read_with<sim::read_trace>, py::arg("spec"))
      .def_static("read_nodes", &read_with<sim::read_nodes>, py::arg("spec"))
      .def_static("read_jobs", &read_with<sim::read_jobs>, py::arg("spec"))
      .def_static("generate", &generate, py::arg("name"), py::arg("parameters"), py::arg("seed"))
      .def_static("from_csv", &parse_with<sim::read_gtf_csv>, py::arg("text"), py::arg("name"))
      .def_static("from_lines", &parse_with<sim::read_gtf_jsonl>, py::arg("text"), py::arg("name"))
      .def_static("from_shorthand", &from_shorthand, py::arg("text"))
      .def("on_cluster", &on_cluster, py::arg("cluster"))
      .def("with_prices", &with_prices, py::arg("prices"))
      .def("to_lines", [](const TraceHandle& handle) { return sim::write_gtf_jsonl(*handle.trace); })
      .def(
          "write",
          [](const TraceHandle& handle, const std::string& format, const std::string& path) {
            check(sim::write_trace(format, *handle.trace, path));
          },
          py::arg("format"), py::arg("path"))
      .def("nodes", &nodes_table)
      .def("jobs", &jobs_table)
      .def_property_readonly("node_count", [](const TraceHandle& handle) { return handle.trace->nodes.size(); })
      .def_property_readonly("job_count", [](const TraceHandle& handle) { return handle.trace->jobs.size(); })
      .def_property_readonly("event_count", [](const TraceHandle& handle) { return handle.trace->events.size(); })
      .def_property_readonly("profiles", [](const TraceHandle& handle) { return handle.trace->profiles; })
      .def_property_readonly("metadata", [](const TraceHandle& handle) { return handle.trace->metadata; })
      .def_property_readonly("report", [](const TraceHandle& handle) {
        const sim::ReadReport& report = *handle.report;
        return py::make_tuple(report.read, report.kept, report.dropped, report.doubtful, report.examples);
      });
  module.def("generators", &generators);
}

}  // namespace gpusched::python
