#include "gpusched/sim/cluster_builder.hpp"

#include <charconv>

#include "gpusched/model/gpu_catalog.hpp"

namespace gpusched::sim {

namespace {

Error malformed(std::string_view part) {
  return {
      .code = ErrorCode::invalid_argument,
      .message = "cluster '" + std::string(part) + "' is neither a file nor COUNTxMODEL:GPUS",
      .file = {},
      .line = 0,
      .remedy = "Write for example 16xH100-80GB-SXM5:8 or 4xA100-80GB:8@mig; 'gpusched-sim list models' names models"};
}

constexpr std::int32_t most_nodes = 250'000;

bool parse_count(std::string_view text, std::int32_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && value > 0;
}

bool parse_sharing(std::string_view text, NodeSharing& sharing) {
  static const std::map<std::string_view, NodeSharing> names = {{"any", NodeSharing::any},
                                                                {"exclusive", NodeSharing::exclusive},
                                                                {"time_slice", NodeSharing::time_slice},
                                                                {"mps", NodeSharing::mps},
                                                                {"mig", NodeSharing::mig}};
  const auto found = names.find(text);
  if (found == names.end()) {
    return false;
  }
  sharing = found->second;
  return true;
}

Result<TraceNode> parse_part(std::string_view part, std::int32_t& count) {
  TraceNode node;
  std::string_view text = part;
  if (const std::size_t at = text.rfind('@'); at != std::string_view::npos) {
    if (!parse_sharing(text.substr(at + 1), node.sharing)) {
      return malformed(part);
    }
    text = text.substr(0, at);
  }
  const std::size_t x = text.find('x');
  const std::size_t colon = text.rfind(':');
  if (x == std::string_view::npos || colon == std::string_view::npos || colon < x ||
      !parse_count(text.substr(0, x), count) || !parse_count(text.substr(colon + 1), node.num_gpu) ||
      node.num_gpu > 64) {
    return malformed(part);
  }
  node.gpu_model = std::string(text.substr(x + 1, colon - x - 1));
  const Result<GpuModelId> model = find_gpu_model(node.gpu_model);
  if (!model) {
    return model.error();
  }
  if (node.sharing == NodeSharing::mig && !gpu_model(model.value()).has_lattice()) {
    return Error{.code = ErrorCode::unsupported,
                 .message = "MIG on " + node.gpu_model + ": " + std::string(gpu_model(model.value()).mig_refusal),
                 .file = {},
                 .line = 0,
                 .remedy = {}};
  }
  node.cpu_milli = node.num_gpu * shorthand_cpu_milli_per_gpu;
  node.memory_mib = node.num_gpu * shorthand_memory_mib_per_gpu;
  return node;
}

}  // namespace

Result<std::vector<TraceNode>> parse_cluster_shorthand(std::string_view text) {
  std::vector<TraceNode> nodes;
  for (std::string_view rest = text;;) {
    const std::size_t comma = rest.find(',');
    std::int32_t count = 0;
    Result<TraceNode> node = parse_part(rest.substr(0, comma), count);
    if (!node) {
      return node.error();
    }
    if (count > most_nodes || nodes.size() + static_cast<std::size_t>(count) > most_nodes) {
      return Error{
          .code = ErrorCode::invalid_argument,
          .message = "cluster '" + std::string(text) + "' has more than " + std::to_string(most_nodes) + " nodes",
          .file = {},
          .line = 0,
          .remedy = "Write for example 16xH100-80GB-SXM5:8"};
    }
    for (std::int32_t i = 0; i < count; ++i) {
      // Zero-padded, so that name order is creation order.
      std::string number = std::to_string(nodes.size());
      node.value().id = "node-" + std::string(number.size() < 6 ? 6 - number.size() : 0, '0') + number;
      nodes.push_back(node.value());
    }
    if (comma == std::string_view::npos) {
      return nodes;
    }
    rest = rest.substr(comma + 1);
  }
}

Result<NodeSpec> to_node_spec(const TraceNode& node) {
  NodeSpec spec;
  spec.name = node.id;
  spec.cpu_milli = node.cpu_milli;
  spec.memory_mib = node.memory_mib;
  spec.sharing = node.sharing;
  spec.replicas = node.replicas;
  spec.labels = node.labels;
  if (node.num_gpu > 0) {
    const Result<GpuModelId> model = find_gpu_model(node.gpu_model);
    if (!model) {
      return model.error();
    }
    const std::int64_t memory_mib =
        node.gpu_memory_mib > 0 ? node.gpu_memory_mib : gpu_model(model.value()).memory_mib.value_or(0);
    spec.gpus.assign(static_cast<std::size_t>(node.num_gpu), {.model = model.value(), .memory_mib = memory_mib});
  }
  return spec;
}

Status set_prices(std::vector<TraceNode>& nodes, const std::map<std::string, double>& price_by_model) {
  for (const auto& [name, price] : price_by_model) {
    const Result<GpuModelId> model = find_gpu_model(name);
    if (!model) {
      return model.error();
    }
    for (TraceNode& node : nodes) {
      const Result<GpuModelId> of_node = find_gpu_model(node.gpu_model);
      if (of_node.ok() && of_node.value() == model.value()) {
        node.price_per_hour = price;
      }
    }
  }
  return {};
}

DemandMix demand_of(const Trace& trace) {
  std::vector<std::int64_t> counts(trace.specs.size(), 0);
  for (const TraceJob& job : trace.jobs) {
    counts[job.spec] += trace.specs[job.spec].replicas;
  }
  DemandMix mix;
  InternTable<GpuRequest> seen;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] == 0) {
      continue;
    }
    const std::uint32_t index = seen.intern(trace.specs[i].request);
    if (index == mix.classes.size()) {
      mix.classes.push_back({.request = trace.specs[i].request, .count = 0});
    }
    mix.classes[index].count += counts[i];
  }
  return mix;
}

}  // namespace gpusched::sim
