// Steady Poisson demand for MIG instances of six shapes, as docs/generators.md defines it.
#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>

#include "gpusched/base/philox.hpp"
#include "gpusched/model/gpu_catalog.hpp"

#include "generators/generators.hpp"
#include "generators/mig_shapes.hpp"
#include "generators/parameter_reader.hpp"

namespace gpusched::sim {

namespace {

constexpr std::array<std::string_view, 4> mix_names = {"uniform", "skew-small", "skew-big", "bimodal"};

constexpr std::array<std::string_view, 5> then_names = {"same", "uniform", "skew-small", "skew-big", "bimodal"};

/// Whole-number weights, so that a draw needs no rounding: sixths in the first row, twentieths in the others.
constexpr std::array<std::array<std::uint32_t, 6>, 4> mix_weights = {
    {{1, 1, 1, 1, 1, 1}, {6, 5, 4, 2, 2, 1}, {1, 2, 2, 4, 5, 6}, {6, 3, 1, 1, 3, 6}}};

/// GTF ends at 3,000,000,000 s.
constexpr double longest_trace_ns = 2.9e18;

constexpr std::array<GeneratorParameter, 8> parameters = {
    {{"mix", "uniform", "", "shares of the six shapes: uniform, skew-small, skew-big, bimodal"},
     {"load", "0.85", "1", "offered memory slices over those of the cluster"},
     {"gpus", "100", "GPUs", "size of the cluster"},
     {"jobs", "40000", "jobs", "number of arrivals"},
     {"model", "H100-80GB-SXM5", "", "GPU model with seven compute and eight memory slices"},
     {"gpus_per_node", "8", "GPUs", "the last node takes what is left"},
     {"mean_lifetime_s", "3600", "s", "mean of the exponential lifetimes"},
     {"then", "same", "", "shares in the second half of the arrivals: same, or one of mix"}}};

struct MigMix {
  std::size_t mix = 0, then = 0;  // of the first and of the second half
  double load = 0;
  std::int64_t gpus = 0;
  std::int64_t jobs = 0;
  GpuModelId model;
  std::int64_t gpus_per_node = 0;
  double mean_lifetime_s = 0;
};

Result<MigMix> read_parameters(const GeneratorValues& values) {
  ParameterReader reader(values);
  MigMix mig_mix;
  mig_mix.mix = reader.choice("mix", mix_names);
  const std::size_t then = reader.choice("then", then_names);
  mig_mix.then = then == 0 ? mig_mix.mix : then - 1;
  mig_mix.load = reader.number("load", 0.001, 100);
  mig_mix.gpus = reader.integer("gpus", 1, 1'000'000);
  mig_mix.jobs = reader.integer("jobs", 1, 20'000'000);
  mig_mix.model = reader.gpu_model("model");
  mig_mix.gpus_per_node = reader.integer("gpus_per_node", 1, 64);
  mig_mix.mean_lifetime_s = reader.number("mean_lifetime_s", 0.001, 31'536'000);
  if (!reader.ok()) {
    return reader.error();
  }
  return mig_mix;
}

/// How one mix arrives.
struct Demand {
  const std::array<std::uint32_t, 6>* weights = nullptr;
  std::uint32_t total_weight = 0;
  double mean_gap_ns = 0;
};

Demand demand_of(const MigMix& mig_mix, std::size_t mix) {
  Demand demand{.weights = &mix_weights[mix]};
  std::uint32_t weighted_units = 0;
  for (std::size_t i = 0; i < mig_shapes.size(); ++i) {
    demand.total_weight += (*demand.weights)[i];
    weighted_units += (*demand.weights)[i] * static_cast<std::uint32_t>(mig_shapes[i].memory_units);
  }
  const double mean_units = static_cast<double>(weighted_units) / demand.total_weight;
  const double mean_lifetime_ns = mig_mix.mean_lifetime_s * static_cast<double>(ns_per_s);
  // Offered memory slices = arrivals per lifetime * mean units; the cluster has eight of them per GPU.
  demand.mean_gap_ns = mean_lifetime_ns * mean_units / (mig_mix.load * 8.0 * static_cast<double>(mig_mix.gpus));
  return demand;
}

/// One spec per shape, with the name that the model gives to it.
Result<std::vector<JobSpec>> specs_of(const GpuModel& model) {
  const Result<std::array<std::string, mig_shapes.size()>> names = mig_shape_names(model);
  if (!names) {
    return names.error();
  }
  std::vector<JobSpec> specs;
  for (const std::string& name : names.value()) {
    JobSpec spec;
    spec.kind = "batch";
    spec.request.num_gpu = 1;
    spec.request.gpu_milli = milli_per_unit;
    spec.request.mig_profile = name;
    spec.request.mode = SharingMode::mig;
    spec.request.job_class = JobClass::batch;
    specs.push_back(std::move(spec));
  }
  return specs;
}

std::vector<TraceNode> nodes_of(const MigMix& mig_mix) {
  std::vector<TraceNode> nodes;
  for (std::int64_t left = mig_mix.gpus; left > 0; left -= mig_mix.gpus_per_node) {
    TraceNode node;
    node.id = "n" + std::to_string(nodes.size());
    node.gpu_model = std::string(gpu_model(mig_mix.model).name);
    node.num_gpu = static_cast<std::int32_t>(std::min(left, mig_mix.gpus_per_node));
    node.cpu_milli = 128 * milli_per_unit;
    node.memory_mib = 1'048'576;
    node.sharing = NodeSharing::mig;
    nodes.push_back(std::move(node));
  }
  return nodes;
}

}  // namespace

std::span<const GeneratorParameter> mig_mix_parameters() { return parameters; }

Result<Trace> generate_mig_mix(const GeneratorValues& values, std::uint64_t seed) {
  const Result<MigMix> read = read_parameters(values);
  if (!read) {
    return read.error();
  }
  const MigMix& mig_mix = read.value();
  Result<std::vector<JobSpec>> specs = specs_of(gpu_model(mig_mix.model));
  if (!specs) {
    return specs.error();
  }
  const double mean_lifetime_ns = mig_mix.mean_lifetime_s * static_cast<double>(ns_per_s);
  const Demand first = demand_of(mig_mix, mig_mix.mix);
  const Demand second = demand_of(mig_mix, mig_mix.then);
  const double longest_gap_ns = std::max(first.mean_gap_ns, second.mean_gap_ns);
  if (static_cast<double>(mig_mix.jobs) * longest_gap_ns + 50.0 * mean_lifetime_ns > longest_trace_ns) {
    return Error{.code = ErrorCode::invalid_argument,
                 .message = "parameters jobs, load and mean_lifetime_s make a trace of more than 90 years",
                 .file = "",
                 .line = 0,
                 .remedy = "Take fewer jobs, more load or shorter lifetimes"};
  }

  Trace trace;
  trace.nodes = nodes_of(mig_mix);
  trace.specs = std::move(specs).value();
  trace.jobs.reserve(static_cast<std::size_t>(mig_mix.jobs));
  Philox arrival(seed, StreamPurpose::arrival);
  Philox shape_draw(seed, StreamPurpose::request);
  Philox lifetime(seed, StreamPurpose::duration);
  TimeNs now_ns = 0;
  for (std::int64_t i = 0; i < mig_mix.jobs; ++i) {
    const Demand& demand = i < mig_mix.jobs / 2 ? first : second;
    now_ns += std::llround(arrival.next_exponential() * demand.mean_gap_ns);
    std::uint32_t pick = shape_draw.next_below(demand.total_weight);
    std::uint32_t spec = 0;
    for (; pick >= (*demand.weights)[spec]; ++spec) {
      pick -= (*demand.weights)[spec];
    }
    TraceJob& job = trace.jobs.emplace_back();
    job.id = "j" + std::to_string(i);
    job.submit_ns = now_ns;
    job.duration_ns = std::max<TimeNs>(1, std::llround(lifetime.next_exponential() * mean_lifetime_ns));
    job.spec = spec;
  }
  return trace;
}

}  // namespace gpusched::sim
