#include "replay_inputs.hpp"

#include <filesystem>
#include <iostream>
#include <thread>

#include <unistd.h>
#include <yaml-cpp/yaml.h>

#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/sim/cluster_builder.hpp"
#include "gpusched/sim/compat.hpp"
#include "gpusched/sim/generators/trace_generators.hpp"
#include "gpusched/sim/readers/arrival_order.hpp"
#include "gpusched/sim/readers/trace_formats.hpp"

namespace gpusched::cli {

namespace {

constexpr std::string_view generate_prefix = "generate:";

void report_rows_if_any_is_bad(const std::string& source, const sim::ReadReport& report) {
  if (!report.dropped.empty() || !report.doubtful.empty()) {
    report_rows(source, report);
  }
}

Result<sim::Trace> load_jobs(const ReplayArguments& arguments) {
  if (generates_trace(arguments)) {
    return generate_jobs(arguments.trace, arguments.seed);
  }
  const std::string& source = arguments.jobs.empty() ? arguments.trace : arguments.jobs;
  if (source.empty()) {
    return usage("no trace given", "Give --trace PATH, or --nodes and --jobs; 'gpusched-sim run --help' has examples");
  }
  Result<sim::ReadOutcome> read = arguments.jobs.empty() ? sim::read_trace(source) : sim::read_jobs(source);
  if (!read) {
    return read.error();
  }
  report_rows_if_any_is_bad(source, read.value().report);
  return std::move(read).value().trace;
}

Status load_nodes(const ReplayArguments& arguments, sim::Trace& trace) {
  const std::string& source = arguments.nodes.empty() ? arguments.cluster : arguments.nodes;
  if (source.empty()) {
    if (trace.nodes.empty()) {
      return usage("the trace has no nodes", "Give --cluster, for example 16xH100-80GB-SXM5:8");
    }
    return {};
  }
  const bool is_file = !arguments.nodes.empty() || source == "-" || std::filesystem::exists(source) ||
                       source.find('/') != std::string::npos || source.find(".csv") != std::string::npos;
  if (is_file) {
    Result<sim::ReadOutcome> read = sim::read_nodes(source);
    if (!read) {
      return read.error();
    }
    report_rows_if_any_is_bad(source, read.value().report);
    trace.nodes = std::move(read.value().trace.nodes);
    trace.node_extra_columns = std::move(read.value().trace.node_extra_columns);
    return {};
  }
  Result<std::vector<sim::TraceNode>> nodes = sim::parse_cluster_shorthand(source);
  if (!nodes) {
    return nodes.error();
  }
  trace.nodes = std::move(nodes).value();
  return {};
}

sim::ReshapeSimulation reshape_of(const ReplayArguments& arguments) {
  const auto ns = [](double seconds) { return static_cast<TimeNs>(seconds * static_cast<double>(ns_per_s)); };
  sim::ReshapeSimulation reshape;
  reshape.rules = {.one_move_on_block = arguments.reshape == "one-move",
                   .cooldown_ns = ns(arguments.reshape_cooldown_s),
                   .most_moves_in_flight = arguments.reshape_max_moves,
                   .actuation = arguments.actuation == "drain-gpu" ? Actuation::drain_gpu : Actuation::per_instance};
  reshape.delay_ns = ns(arguments.reshape_delay_s);
  reshape.failure = arguments.reshape_failure;
  reshape.compaction.every_ns = ns(arguments.compact_every_s);
  reshape.compaction.on_drift = arguments.compact_on_drift;
  reshape.compaction.drift_window = arguments.drift_window;
  reshape.compaction.limits.most_pods_per_plan = arguments.compact_max_moves;
  reshape.compaction.limits.most_pods_per_window = arguments.compact_max_moves_per_hour;
  if (arguments.reshape_gate) {
    reshape.gate.emplace();
  }
  return reshape;
}

}  // namespace

Error usage(std::string message, std::string remedy) {
  return {.code = ErrorCode::invalid_argument,
          .message = std::move(message),
          .file = {},
          .line = 0,
          .remedy = std::move(remedy)};
}

void report_rows(const std::string& source, const sim::ReadReport& report) {
  std::cerr << source << ": read " << report.read << " = kept " << report.kept;
  for (const auto& [reason, count] : report.dropped) {
    std::cerr << " + dropped " << count << " (" << reason << ")";
  }
  for (const auto& [reason, count] : report.doubtful) {
    std::cerr << "; of the kept, doubtful " << count << " (" << reason << ")";
  }
  std::cerr << "\n";
  for (const std::string& example : report.examples) {
    std::cerr << "  " << example << "\n";
  }
}

Result<sim::Trace> generate_jobs(const std::string& text, std::uint64_t seed) {
  // generate:NAME:K=V,K=V
  const std::string rest = text.substr(generate_prefix.size());
  const std::size_t colon = rest.find(':');
  std::map<std::string, std::string> parameters;
  std::string items = colon == std::string::npos ? "" : rest.substr(colon + 1);
  while (!items.empty()) {
    const std::size_t comma = items.find(',');
    const std::string item = items.substr(0, comma);
    const std::size_t equals = item.find('=');
    if (equals == std::string::npos) {
      return usage("'" + item + "' in '" + text + "' is not NAME=VALUE", "Write generate:NAME:K=V,K=V");
    }
    parameters[item.substr(0, equals)] = item.substr(equals + 1);
    items = comma == std::string::npos ? "" : items.substr(comma + 1);
  }
  return sim::generate_trace(rest.substr(0, colon), parameters, seed);
}

bool generates_trace(const ReplayArguments& arguments) {
  return arguments.trace.rfind(generate_prefix, 0) == 0 && arguments.jobs.empty();
}

int threads_for(int asked) {
  return asked > 0 ? asked : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

Result<std::map<std::string, double>> read_prices(const std::string& path) {
  std::map<std::string, double> prices;
  try {
    for (const auto& entry : YAML::LoadFile(path)) {
      const auto model = entry.first.as<std::string>();
      const auto price = entry.second.as<double>();
      if (!(price >= 0)) {
        return usage("price of " + model + " in '" + path + "' is negative", {});
      }
      if (Result<GpuModelId> known = find_gpu_model(model); !known) {
        return known.error();
      }
      prices[model] = price;
    }
  } catch (const YAML::Exception& problem) {
    return Error{.code = ErrorCode::invalid_argument,
                 .message = std::string("not a map of GPU model to price: ") + problem.what(),
                 .file = path,
                 .line = problem.mark.line + 1,
                 .remedy = "Write one 'MODEL: PRICE' per line, price per GPU-hour"};
  }
  return prices;
}

std::vector<std::string> expand_policies(const std::vector<std::string>& given) {
  std::vector<std::string> expanded;
  for (const std::string& text : given) {
    for (const std::string& part : split_policies(text)) {
      if (part == "all") {
        for (const PolicyInfo& row : policies()) {
          expanded.emplace_back(row.name);
        }
      } else {
        expanded.push_back(part);
      }
    }
  }
  return expanded;
}

Result<ReplayInputs> load_inputs(const ReplayArguments& arguments) {
  Result<sim::Trace> trace = load_jobs(arguments);
  if (!trace) {
    return trace.error();
  }
  ReplayInputs inputs{.trace = std::move(trace).value(), .options = {}};
  if (Status loaded = load_nodes(arguments, inputs.trace); !loaded) {
    return loaded.error();
  }
  if (!arguments.prices.empty()) {
    const Result<std::map<std::string, double>> prices = read_prices(arguments.prices);
    const Status priced = prices ? sim::set_prices(inputs.trace.nodes, prices.value()) : Status(prices.error());
    if (!priced) {
      return priced.error();
    }
  }
  sim::SimulationOptions& options = inputs.options;
  options = sim::usual_options(inputs.trace);
  options.seed = arguments.seed;
  if (!arguments.queue.empty()) {
    options.queue = sim::queue_named(arguments.queue);
  }
  options.execution.slowdown_error = arguments.slowdown_error;
  options.preemption = !arguments.no_preemption;
  options.reshape = reshape_of(arguments);
  options.warmup_fraction = arguments.warmup;
  options.until_ns =
      arguments.until_s < 0 ? -1 : static_cast<TimeNs>(arguments.until_s * static_cast<double>(ns_per_s));
  if (!arguments.order.empty()) {
    if (Status taken = sim::take_order(arguments.order, inputs.trace, options); !taken) {
      return taken.error();
    }
  }
  if (!arguments.target.empty()) {
    options.target = arguments.target == "trace" ? sim::demand_of(inputs.trace) : DemandMix{};
  }
  return inputs;
}

Result<ReplayInputs> load_inputs(const ReplayArguments& arguments, const std::string& policy) {
  Result<PolicyChoice> choice = sim::choose_policy(policy, arguments.compat);
  if (!choice) {
    return choice.error();
  }
  Result<ReplayInputs> inputs = load_inputs(arguments);
  if (inputs) {
    inputs.value().options.policy = std::move(choice).value();
  }
  return inputs;
}

ProgressBar::ProgressBar(std::string title) : title_(std::move(title)), on_terminal_(isatty(STDERR_FILENO) != 0) {}

ProgressBar::~ProgressBar() {
  if (last_percent_ >= 0) {
    std::cerr << "\r\033[K" << std::flush;
  }
}

void ProgressBar::show(std::int64_t done, std::int64_t total) {
  const int percent = total > 0 ? static_cast<int>(100 * done / total) : 100;
  if (!on_terminal_ || percent == last_percent_) {
    return;
  }
  last_percent_ = percent;
  const auto filled = static_cast<std::size_t>(percent / 4);
  std::cerr << "\r" << title_ << " [" << std::string(filled, '#') << std::string(25 - filled, '.') << "] " << percent
            << " %" << std::flush;
}

}  // namespace gpusched::cli
