// A day of a shared cluster, as docs/generators.md defines it: parameters, nodes and node events.
#include "generators/mixed_day.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/sim/generators/duration_law.hpp"

#include "generators/generators.hpp"
#include "generators/parameter_reader.hpp"

namespace gpusched::sim {

namespace {

constexpr std::array<GeneratorParameter, 4> parameters = {
    {{"days", "1", "days", "length; the first day is a Monday"},
     {"nodes", "8", "nodes", "size of the cluster, 8 GPUs each"},
     {"load", "0.7", "1", "GPU demand over the cluster's GPUs, mean over the days if nothing waits"},
     {"model", "mixed", "",
      "GPU model of all nodes; mixed = half H100-80GB-SXM5, a quarter A100-80GB as MIG, a quarter "
      "L40S-48GB time-sliced"}}};

struct NodeKind {
  std::string_view model;
  std::string_view pool;
  NodeSharing sharing;
  std::int32_t replicas;
  std::int64_t cpu_milli;
  std::int64_t memory_mib;
  double price_per_hour;
  double idle_w;
  double active_w;
};

// Prices and power: examples with their date in docs/generators.md.
constexpr std::array<NodeKind, 4> kinds_in_turn = {
    {{"H100-80GB-SXM5", "shared", NodeSharing::any, 0, 192'000, 2'097'152, 2.95, 75, 680},
     {"A100-80GB", "shared", NodeSharing::mig, 0, 128'000, 1'048'576, 1.30, 62, 400},
     {"H100-80GB-SXM5", "training", NodeSharing::exclusive, 0, 192'000, 2'097'152, 2.95, 75, 680},
     {"L40S-48GB", "shared", NodeSharing::time_slice, 8, 128'000, 1'048'576, 0.90, 35, 350}}};

void add_nodes(const MixedDay& day, Trace& trace) {
  for (std::size_t i = 0; i < static_cast<std::size_t>(day.nodes); ++i) {
    const NodeKind& kind = kinds_in_turn[i % kinds_in_turn.size()];
    TraceNode node;
    node.id = numbered("node-", i, 4);
    node.num_gpu = 8;
    node.gpu_model = day.model.empty() ? std::string(kind.model) : day.model;
    node.cpu_milli = day.model.empty() ? kind.cpu_milli : kinds_in_turn[0].cpu_milli;
    node.memory_mib = day.model.empty() ? kind.memory_mib : kinds_in_turn[0].memory_mib;
    node.labels = {{"pool", std::string(kind.pool)}};
    if (day.model.empty()) {
      node.sharing = kind.sharing;
      node.replicas = kind.replicas;
      node.price_per_hour = kind.price_per_hour;
      node.idle_w = kind.idle_w;
      node.active_w = kind.active_w;
    }
    trace.nodes.push_back(std::move(node));
  }
}

struct StagedEvent {
  std::string_view event;
  std::string_view cause;
  double earliest_h, latest_h;  ///< of its day
  double shortest_h, longest_h;
};

/// Recorded rates, about 4 faults in 1,000 node-days, would leave most days without one, so these are staged.
constexpr std::array<StagedEvent, 3> staged_events = {
    {{"down", "gpu", 6, 12, 1, 4}, {"down", "network", 14, 20, .5, 2}, {"drain", "driver_upgrade", 9, 12, 1, 2}}};

/// Each day and for each eight nodes, the staged events on three nodes of them.
void add_events(const MixedDay& day, std::uint64_t seed, Trace& trace) {
  Philox stream(seed, StreamPurpose::failure);
  const auto nodes = static_cast<std::size_t>(day.nodes);
  for (std::int64_t today = 0; today < day.days; ++today) {
    for (std::size_t begin = 0; begin + staged_events.size() <= nodes; begin += 8) {
      std::vector<std::size_t> order;
      for (std::size_t i = begin; i < std::min(begin + 8, nodes); ++i) {
        order.push_back(i);
      }
      stream.shuffle(order);
      for (std::size_t i = 0; i < std::min(staged_events.size(), order.size()); ++i) {
        const StagedEvent& staged = staged_events[i];
        const double at_h = staged.earliest_h + (staged.latest_h - staged.earliest_h) * stream.next_unit();
        const double for_h = staged.shortest_h + (staged.longest_h - staged.shortest_h) * stream.next_unit();
        TraceEvent event;
        event.time_ns = to_steps_ns((24.0 * static_cast<double>(today) + at_h) * 3600, ns_per_s);
        event.target = "node";
        event.target_id = trace.nodes[order[i]].id;
        event.event = std::string(staged.event);
        event.cause = std::string(staged.cause);
        event.duration_ns = to_steps_ns(for_h * 3600, ns_per_s);
        trace.events.push_back(std::move(event));
      }
    }
  }
}

Result<MixedDay> read_parameters(const GeneratorValues& values) {
  ParameterReader reader(values);
  MixedDay day;
  day.days = reader.integer("days", 1, 366);
  day.nodes = reader.integer("nodes", 4, 20'000);
  day.load = reader.number("load", 0.01, 10);
  if (reader.ok() && day.days * day.nodes > 100'000) {
    return Error{.code = ErrorCode::invalid_argument,
                 .message = "parameters days and nodes: more than 100,000 node-days",
                 .file = "",
                 .line = 0,
                 .remedy = "Take fewer days or nodes"};
  }
  GpuModelId of_profiles = find_gpu_model(kinds_in_turn[1].model).value();
  if (values.find("model")->second != "mixed") {
    of_profiles = reader.gpu_model("model");
    day.model = std::string(gpu_model(of_profiles).name);
  }
  if (!reader.ok()) {
    return reader.error();
  }
  if (auto names = mig_shape_names(gpu_model(of_profiles)); names.ok()) {
    day.profiles = std::move(names).value();
  }
  return day;
}

}  // namespace

std::span<const GeneratorParameter> mixed_day_parameters() { return parameters; }

Result<Trace> generate_mixed_day(const GeneratorValues& values, std::uint64_t seed) {
  const Result<MixedDay> read = read_parameters(values);
  if (!read) {
    return read.error();
  }
  const MixedDay& day = read.value();
  Trace trace;
  add_nodes(day, trace);
  TraceBuilder builder(trace);
  add_mixed_day_services(day, seed, builder);
  add_mixed_day_arrivals(day, seed, builder);
  add_events(day, seed, trace);
  builder.finish();
  if (day.model.empty()) {
    trace.metadata["currency"] = "USD";
    trace.metadata["prices"] = "examples as of 2026-11, per GPU-hour (H100 and A100: list prices; L40S: assumed)";
  }
  return trace;
}

std::string draw_tenant(Philox& stream) {
  struct Tenant {
    std::uint32_t weight;
    std::string_view name;
  };
  static constexpr std::array<Tenant, 5> tenants = {
      {{40, "research"}, {25, "search"}, {15, "assistant"}, {12, "vision"}, {8, "platform"}}};
  return std::string(tenants[draw_row(stream, tenants)].name);
}

}  // namespace gpusched::sim
