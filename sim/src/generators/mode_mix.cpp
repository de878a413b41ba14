// Workloads for the choice of a sharing mode, as docs/generators.md defines them: mixes, rates, arrivals, nodes.
#include "generators/mode_mix.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/sim/generators/cox_arrivals.hpp"
#include "gpusched/sim/mode_bound.hpp"

#include "generators/generators.hpp"
#include "generators/parameter_reader.hpp"
#include "generators/trace_builder.hpp"

namespace gpusched::sim {

namespace {

constexpr std::array<GeneratorParameter, 6> parameters = {
    {{"mix", "mixedday", "", "which jobs: inference, dev, training, mixedday, shift, smalliso, gangs"},
     {"load", "1.0", "1", "GPU time that arrives over the cluster's, each job in its cheapest sharing mode"},
     {"hours", "19", "h", "length; hours 0 to 5 warm up, the rest counts"},
     {"nodes", "8", "nodes", "size of the cluster; demand grows with it"},
     {"gpus", "8", "GPUs", "of each node, A100-80GB"},
     {"unknown", "0", "1", "share of the jobs without a profile that the scheduler may see"}}};

constexpr std::string_view gpu_model_name = "A100-80GB";
constexpr TimeNs step_ns = ns_per_s / 1000;
constexpr int warm_up_h = 5;
/// Jobs drawn to find what one costs in the mean; their own seed, so that rates do not depend on the trace's.
constexpr std::uint64_t calibration_jobs = 4096;
constexpr std::uint64_t calibration_seed = 0;

/// Shares of burst, service, dev, training on one GPU, gangs.
constexpr std::array<ModeMix, 7> mixes = {{{"inference", {.20, .55, .10, .15 * .97, .15 * .03}, {.3, .5, .1, .1, .1}},
                                           {"dev", {.05, .15, .60, .20 * .95, .20 * .05}, {.2, .3, .1, .1, .1}},
                                           {"training", {.05, .10, .10, .75 * .90, .75 * .10}, {.2, .3, .1, .1, .1}},
                                           {"mixedday", {.15, .30, .25, .30 * .94, .30 * .06}, {.3, .4, .15, .1, .1}},
                                           {"shift", {.15, .20, .30, .35 * .94, .35 * .06}, {.3, .4, .15, .1, .1}},
                                           {"smalliso", {0, 1, 0, 0, 0}, {0, 1, 0, 0, 0}, true},
                                           {"gangs", {0, .05, 0, .95 * .40, .95 * .60}, {0, .3, 0, .5, .5}}}};

struct Parameters {
  std::size_t mix = 0;
  double load = 0;
  std::int64_t hours = 0;
  std::int64_t nodes = 0;
  std::int64_t gpus_per_node = 0;
  double unknown = 0;

  double gpus() const { return static_cast<double>(nodes * gpus_per_node); }
};

Result<Parameters> read_parameters(const GeneratorValues& values) {
  std::array<std::string_view, mixes.size()> names;
  std::transform(mixes.begin(), mixes.end(), names.begin(), [](const ModeMix& mix) { return mix.name; });
  ParameterReader reader(values);
  Parameters result;
  result.mix = reader.choice("mix", names);
  result.load = reader.number("load", 0.01, 10);
  result.hours = reader.integer("hours", warm_up_h + 1, 24);
  result.nodes = reader.integer("nodes", 1, 1'000);
  result.gpus_per_node = reader.integer("gpus", 8, 16);  // a gang of eight fits a node
  result.unknown = reader.number("unknown", 0, 1);
  if (!reader.ok()) {
    return reader.error();
  }
  return result;
}

/// How the rate of a source follows the hours of the trace; mean 1 over those that count.
std::array<double, 24> rate_by_hour(std::string_view mix, ModeMixSource source, std::int64_t hours) {
  constexpr std::size_t begin_hour = 4;  // mixedday begins at four in the morning
  std::array<double, 24> by_hour{};
  for (std::size_t i = 0; i < by_hour.size(); ++i) {
    by_hour[i] = 1;
    if (mix == "mixedday") {
      by_hour[i] = venus_arrivals().by_hour[(i + begin_hour) % 24];
    } else if (mix == "shift" && source != ModeMixSource::service) {
      const bool day = static_cast<std::int64_t>(i) < (warm_up_h + hours) / 2;
      const bool of_day = source == ModeMixSource::burst || source == ModeMixSource::dev;
      by_hour[i] = day == of_day ? 1.85 : .15;
    }
  }
  double sum = 0;
  for (auto i = static_cast<std::size_t>(warm_up_h); i < static_cast<std::size_t>(hours); ++i) {
    sum += by_hour[i];
  }
  for (double& factor : by_hour) {
    factor *= static_cast<double>(hours - warm_up_h) / sum;
  }
  return by_hour;
}

/// GPUs that a job of this source holds in its cheapest mode, mean over jobs.
double mean_cost(const ModeMix& mix, ModeMixSource source, GpuModelId model) {
  double sum = 0;
  for (std::uint64_t i = 0; i < calibration_jobs; ++i) {
    const ModeMixJob job = draw_mode_mix_job(mix, source, i, 0, model, calibration_seed);
    sum += FluidCost(job.request, job.profile, model, PerfConstants{}).gpus(load_memory_weight);
  }
  return sum / static_cast<double>(calibration_jobs);
}

CoxProfile arrivals_of(const Parameters& given, ModeMixSource source, GpuModelId model) {
  const ModeMix& mix = mixes[given.mix];
  const double gpu_s_per_job = mean_cost(mix, source, model) * mode_mix_class(source).mean_s();
  CoxProfile profile;
  profile.jobs_per_hour =
      given.load * mix.demand[static_cast<std::size_t>(source)] * given.gpus() * 3600 / gpu_s_per_job;
  profile.by_hour = rate_by_hour(mix.name, source, given.hours);
  profile.by_weekday.fill(1);
  profile.log_sigma = mix.name == "mixedday" ? .5 : .25;
  profile.relaxation_h = 2;
  if (source == ModeMixSource::burst) {
    profile.batch_probability = 1;
    profile.batch_mean = 6;
    profile.batch_window_s = 5;
  }
  return profile;
}

struct Arrival {
  TimeNs time_ns;
  ModeMixSource source;
  std::uint64_t number;  ///< within the source
};

std::vector<Arrival> draw_arrivals(const Parameters& given, GpuModelId model, std::uint64_t seed) {
  std::vector<Arrival> arrivals;
  for (std::size_t i = 0; i < mode_mix_sources; ++i) {
    if (mixes[given.mix].demand[i] <= 0) {
      continue;
    }
    const auto source = static_cast<ModeMixSource>(i);
    const CoxProfile profile = arrivals_of(given, source, model);
    std::uint64_t number = 0;
    for (const double time_s : draw_cox_arrivals(profile, 3600 * static_cast<double>(given.hours), seed, i)) {
      arrivals.push_back({to_steps_ns(time_s, step_ns), source, number++});
    }
  }
  std::stable_sort(arrivals.begin(), arrivals.end(),
                   [](const Arrival& a, const Arrival& b) { return a.time_ns < b.time_ns; });
  return arrivals;
}

/// CPU and memory never bind: 64 tenants of each GPU have room.
void add_nodes(const Parameters& given, Trace& trace) {
  for (std::int64_t i = 0; i < given.nodes; ++i) {
    TraceNode node;
    node.id = numbered("node-", static_cast<std::size_t>(i), 4);
    node.gpu_model = std::string(gpu_model_name);
    node.num_gpu = static_cast<std::int32_t>(given.gpus_per_node);
    node.cpu_milli = 16'000 * given.gpus_per_node;
    node.memory_mib = 131'072 * given.gpus_per_node;
    trace.nodes.push_back(std::move(node));
  }
}

void add_job(const Arrival& arrival, ModeMixJob drawn, TraceBuilder& builder, Trace& trace) {
  const ModeMixClass& of_class = mode_mix_class(arrival.source);
  const std::string name = numbered("job-", trace.jobs.size(), 5);
  JobSpec spec;
  spec.kind = std::string(of_class.kind);
  spec.request = std::move(drawn.request);
  spec.request.cpu_milli = 250;
  spec.request.memory_mib = 1024;
  (drawn.unknown ? spec.true_profile : spec.request.job_profile) = name;
  drawn.profile.name = name;
  trace.profiles.push_back(std::move(drawn.profile));
  TraceJob& job = builder.add(name, spec, arrival.time_ns, to_steps_ns(drawn.duration_s, step_ns));
  job.max_wait_ns = of_class.max_wait_s < 0 ? -1 : to_steps_ns(of_class.max_wait_s, step_ns);
}

}  // namespace

std::span<const GeneratorParameter> mode_mix_parameters() { return parameters; }

Result<Trace> generate_mode_mix(const GeneratorValues& values, std::uint64_t seed) {
  const Result<Parameters> read = read_parameters(values);
  if (!read) {
    return read.error();
  }
  const Parameters& given = read.value();
  const GpuModelId model = find_gpu_model(gpu_model_name).value();
  Trace trace;
  add_nodes(given, trace);
  TraceBuilder builder(trace);
  for (const Arrival& arrival : draw_arrivals(given, model, seed)) {
    add_job(arrival, draw_mode_mix_job(mixes[given.mix], arrival.source, arrival.number, given.unknown, model, seed),
            builder, trace);
  }
  builder.finish();
  trace.metadata["counts_from_s"] = std::to_string(3600 * warm_up_h);
  trace.metadata["counts_to_s"] = std::to_string(3600 * given.hours);
  return trace;
}

}  // namespace gpusched::sim
