#include <iostream>

#include "gpusched/sim/generators/trace_generators.hpp"
#include "gpusched/sim/readers/trace_formats.hpp"

#include "commands.hpp"
#include "replay_inputs.hpp"

namespace gpusched::cli {

namespace {

/// "FORMAT:PATH" into its parts; a bare path is GTF, a bare "-" GTF JSON lines.
std::pair<std::string, std::string> split_target(const std::string& text) {
  if (text == "-") {
    return {"gtf-jsonl", "-"};
  }
  const std::size_t colon = text.find(':');
  for (const sim::TraceFormat& format : sim::trace_formats()) {
    if (colon != std::string::npos && text.substr(0, colon) == format.name) {
      return {text.substr(0, colon), text.substr(colon + 1)};
    }
  }
  const bool lines = text.size() > 6 && text.rfind(".jsonl") == text.size() - 6;
  return {lines ? "gtf-jsonl" : "gtf", text};
}

Status write(const std::string& target, const sim::Trace& trace) {
  const auto [format, path] = split_target(target);
  if (Status written = sim::write_trace(format, trace, path); !written) {
    return written;
  }
  std::cerr << "wrote " << trace.nodes.size() << " nodes, " << trace.jobs.size() << " jobs, " << trace.events.size()
            << " events"
            << (trace.profiles.empty() ? std::string() : ", " + std::to_string(trace.profiles.size()) + " job profiles")
            << " to " << format << ":" << path << "\n";
  return {};
}

}  // namespace

Status generate(const GenerateArguments& arguments) {
  std::map<std::string, std::string> parameters;
  for (const std::string& item : arguments.parameters) {
    const std::size_t equals = item.find('=');
    if (equals == std::string::npos) {
      return Error{.code = ErrorCode::invalid_argument,
                   .message = "'" + item + "' is not NAME=VALUE",
                   .file = {},
                   .line = 0,
                   .remedy = "'gpusched-sim list generators' names the parameters"};
    }
    parameters[item.substr(0, equals)] = item.substr(equals + 1);
  }
  const Result<sim::Trace> trace = sim::generate_trace(arguments.name, parameters, arguments.seed);
  return trace ? write(arguments.out, trace.value()) : Status(trace.error());
}

Status convert(const ConvertArguments& arguments) {
  Result<sim::ReadOutcome> read =
      arguments.nodes.empty() ? sim::read_trace(arguments.from) : sim::read_jobs(arguments.from);
  if (!read) {
    return read.error();
  }
  report_rows(arguments.from, read.value().report);
  sim::Trace trace = std::move(read.value().trace);
  if (!arguments.nodes.empty()) {
    Result<sim::ReadOutcome> nodes = sim::read_nodes(arguments.nodes);
    if (!nodes) {
      return nodes.error();
    }
    report_rows(arguments.nodes, nodes.value().report);
    trace.nodes = std::move(nodes.value().trace.nodes);
    trace.node_extra_columns = std::move(nodes.value().trace.node_extra_columns);
  }
  return write(arguments.to, trace);
}

}  // namespace gpusched::cli
