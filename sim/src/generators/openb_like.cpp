// Pods in the manner of Alibaba's openb trace, drawn from its published statistics; no row of it is copied.
#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "gpusched/sim/generators/duration_law.hpp"

#include "generators/generators.hpp"
#include "generators/parameter_reader.hpp"
#include "generators/trace_builder.hpp"

namespace gpusched::sim {

namespace {

constexpr std::array<GeneratorParameter, 3> parameters = {
    {{"jobs", "2000", "pods", "number of arrivals"},
     {"nodes", "95", "nodes", "size of the cluster; the model has 1,523"},
     {"load", "1.0", "1", "GPU demand over the cluster's GPUs at the last arrival if nothing waits"}}};

struct NodeShape {
  std::uint32_t weight;  ///< nodes of this shape in openb
  std::string_view gpu_model;
  std::int32_t num_gpu;
  std::int64_t cpu_milli;
  std::int64_t memory_mib;
};

constexpr std::array<NodeShape, 14> node_shapes = {{{549, "G2", 8, 96'000, 393'216},
                                                    {387, "T4-16GB", 2, 104'000, 524'288},
                                                    {107, "P100-16GB", 2, 16'000, 122'880},
                                                    {39, "G3", 8, 128'000, 786'432},
                                                    {28, "V100-16GB", 4, 32'000, 131'072},
                                                    {24, "P100-16GB", 2, 64'000, 262'144},
                                                    {21, "V100-32GB", 8, 96'000, 786'432},
                                                    {22, "V100-16GB", 1, 8'000, 32'768},
                                                    {17, "T4-16GB", 4, 96'000, 393'216},
                                                    {9, "V100-32GB", 4, 48'000, 376'832},
                                                    {8, "V100-16GB", 8, 64'000, 262'144},
                                                    {2, "A10-24GB", 1, 128'000, 1'048'576},
                                                    {180, "", 0, 32'000, 262'144},
                                                    {130, "", 0, 96'000, 524'288}}};

/// Number of GPUs per pod, in hundredths of a per cent of the pods.
struct PodSize {
  std::uint32_t weight;
  std::int32_t num_gpu;
};
constexpr std::array<PodSize, 5> pod_sizes = {{{1330, 0}, {8578, 1}, {20, 2}, {18, 4}, {54, 8}}};

/// Share of a pod with one GPU, in tenths of a per cent.
struct Share {
  std::uint32_t weight;
  std::int32_t gpu_milli;
};
constexpr std::array<Share, 13> shares = {{{560, 1000},
                                           {154, 810},
                                           {107, 470},
                                           {47, 320},
                                           {36, 650},
                                           {20, 230},
                                           {18, 460},
                                           {11, 590},
                                           {11, 160},
                                           {10, 550},
                                           {9, 220},
                                           {7, 370},
                                           {3, 110}}};

struct Amount {
  std::uint32_t weight;
  std::int64_t cpu_milli;
  std::int64_t memory_mib;
};

/// CPU and memory: round amounts near the quartiles of each group of pods.
constexpr std::array<Amount, 4> cpu_only_amounts = {
    {{20, 8'000, 30'720}, {40, 12'500, 57'344}, {15, 16'000, 51'200}, {25, 32'000, 49'152}}};
constexpr std::array<Amount, 4> share_amounts = {
    {{40, 3'200, 6'144}, {20, 4'000, 20'480}, {18, 8'000, 30'720}, {22, 12'000, 47'104}}};
constexpr std::array<Amount, 4> whole_amounts = {
    {{15, 4'000, 8'192}, {20, 10'000, 40'960}, {50, 11'500, 48'128}, {15, 16'000, 61'440}}};

struct OpenbLike {
  std::int64_t jobs = 0;
  std::int64_t nodes = 0;
  double load = 0;
};

/// Nodes in the proportions of openb: whole parts first, then the largest remainders, earlier rows first.
std::vector<std::int64_t> apportion(std::int64_t nodes) {
  std::int64_t total = 0;
  for (const NodeShape& shape : node_shapes) {
    total += shape.weight;
  }
  std::vector<std::int64_t> counts;
  std::vector<std::int64_t> remainders;
  for (const NodeShape& shape : node_shapes) {
    counts.push_back(nodes * shape.weight / total);
    remainders.push_back(nodes * shape.weight % total);
  }
  std::vector<std::size_t> order(counts.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return remainders[a] > remainders[b]; });
  const std::int64_t left = nodes - std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
  for (std::size_t i = 0; i < static_cast<std::size_t>(left); ++i) {
    ++counts[order[i]];
  }
  return counts;
}

std::vector<TraceNode> nodes_of(std::int64_t nodes) {
  const std::vector<std::int64_t> counts = apportion(nodes);
  std::vector<TraceNode> rows;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    for (std::int64_t k = 0; k < counts[i]; ++k) {
      TraceNode node;
      node.id = numbered("node-", rows.size(), 4);
      node.gpu_model = std::string(node_shapes[i].gpu_model);
      node.num_gpu = node_shapes[i].num_gpu;
      node.cpu_milli = node_shapes[i].cpu_milli;
      node.memory_mib = node_shapes[i].memory_mib;
      rows.push_back(std::move(node));
    }
  }
  return rows;
}

JobSpec draw_pod(Philox& stream) {
  JobSpec spec;
  spec.kind = "pod";
  const std::int32_t num_gpu = pod_sizes[draw_row(stream, pod_sizes)].num_gpu;
  const std::int32_t share = shares[draw_row(stream, shares)].gpu_milli;
  spec.request.num_gpu = num_gpu;
  spec.request.gpu_milli = num_gpu == 0 ? 0 : num_gpu == 1 ? share : 1000;
  const auto& amounts = num_gpu == 0                     ? cpu_only_amounts
                        : spec.request.gpu_milli == 1000 ? whole_amounts
                                                         : share_amounts;
  const Amount& amount = amounts[draw_row(stream, amounts)];
  // Eight times the largest amounts would fit hardly any node.
  const bool several = num_gpu > 1;
  const std::int32_t gpus = std::max(1, num_gpu);
  spec.request.cpu_milli = gpus * (several ? std::min<std::int64_t>(amount.cpu_milli, 11'500) : amount.cpu_milli);
  spec.request.memory_mib = gpus * (several ? std::min<std::int64_t>(amount.memory_mib, 48'128) : amount.memory_mib);
  // Three shares of four are best effort in openb, one whole GPU of six.
  const std::uint32_t best_effort_percent = num_gpu == 0 ? 41 : spec.request.gpu_milli < 1000 ? 75 : 16;
  spec.qos = stream.next_below(100) < best_effort_percent ? "BestEffort" : "Guaranteed";
  return spec;
}

double mean_gpus_per_pod() {
  double share_total = 0;
  double share_sum = 0;
  for (const Share& share : shares) {
    share_total += share.weight;
    share_sum += static_cast<double>(share.weight) * share.gpu_milli / 1000;
  }
  double total = 0;
  double sum = 0;
  for (const PodSize& size : pod_sizes) {
    total += size.weight;
    sum += size.weight * (size.num_gpu == 1 ? share_sum / share_total : size.num_gpu);
  }
  return sum / total;
}

/// How long the arrivals must take so that their demand at the last one is `gpus` if nothing waits. With arrivals
/// spread evenly over T, that demand is the rate times the mean of min(duration, T); it falls with T, so bisection
/// finds T.
double arrival_span_s(std::int64_t jobs, double gpus) {
  const DurationLaw law = openb_durations();
  const double gpus_of_all = static_cast<double>(jobs) * mean_gpus_per_pod();
  double low_s = 1;
  double high_s = 3.2e9;
  for (int i = 0; i < 100; ++i) {
    const double span_s = std::sqrt(low_s * high_s);
    (gpus_of_all * law.mean_up_to_s(span_s) / span_s > gpus ? low_s : high_s) = span_s;
  }
  return low_s;
}

}  // namespace

std::span<const GeneratorParameter> openb_like_parameters() { return parameters; }

Result<Trace> generate_openb_like(const GeneratorValues& values, std::uint64_t seed) {
  ParameterReader reader(values);
  OpenbLike wanted;
  wanted.jobs = reader.integer("jobs", 1, 2'000'000);
  wanted.nodes = reader.integer("nodes", 4, 200'000);
  wanted.load = reader.number("load", 0.001, 100);
  if (!reader.ok()) {
    return reader.error();
  }
  Trace trace;
  trace.nodes = nodes_of(wanted.nodes);
  double gpus = 0;
  for (const TraceNode& node : trace.nodes) {
    gpus += node.num_gpu;
  }
  const double mean_gap_s = arrival_span_s(wanted.jobs, wanted.load * gpus) / static_cast<double>(wanted.jobs);
  const DurationLaw law = openb_durations();
  Philox arrival(seed, StreamPurpose::arrival);
  Philox request(seed, StreamPurpose::request);
  Philox duration(seed, StreamPurpose::duration);
  TraceBuilder builder(trace);
  TimeNs now_ns = 0;
  for (std::int64_t i = 0; i < wanted.jobs; ++i) {
    // Gamma gaps of shape 1/2 have openb's ratio of p90 to p50, 5.9; exponential gaps have 3.3.
    now_ns += std::llround(arrival.next_gamma(0.5) * 2 * mean_gap_s * 1000) * (ns_per_s / 1000);
    const TimeNs duration_ns = to_steps_ns(law.draw_s(duration), ns_per_s);
    builder.add(numbered("pod-", static_cast<std::size_t>(i), 4), draw_pod(request), now_ns, duration_ns);
  }
  // The trace ends with its last arrival, like a recording: what runs beyond it stays.
  for (TraceJob& job : trace.jobs) {
    if (job.submit_ns + job.duration_ns > now_ns) {
      job.duration_ns = -1;
    }
  }
  trace.metadata["source"] = "published statistics of Alibaba cluster-trace-gpu-v2023; no row of it is copied";
  return trace;
}

}  // namespace gpusched::sim
