// What the jobs of mode-mix are: profiles, limits, isolation, trust, lives. Laws: docs/generators.md.
#include <algorithm>
#include <cmath>
#include <string>

#include "gpusched/base/check.hpp"
#include "gpusched/base/philox.hpp"
#include "gpusched/base/units.hpp"

#include "generators/mode_mix.hpp"
#include "generators/trace_builder.hpp"

namespace gpusched::sim {

namespace {

constexpr double minute_s = 60;
constexpr double hour_s = 3600;
constexpr double low_load = .6;  ///< of its mean, two thirds of the time
constexpr double high_load = 1.8;

struct SlowdownLimit {
  std::uint32_t weight;
  double max_slowdown;
};
constexpr std::array<SlowdownLimit, 4> service_limits = {{{20, 2}, {30, 3}, {30, 5}, {20, 10}}};
constexpr std::array<SlowdownLimit, 2> dev_limits = {{{50, 2}, {50, 3}}};
constexpr std::array<SlowdownLimit, 3> training_limits = {{{30, 1.2}, {40, 1.6}, {30, 3}}};

struct GangSize {
  std::uint32_t weight;
  std::int32_t gpus;
};
constexpr std::array<GangSize, 3> gang_sizes = {{{40, 2}, {35, 4}, {25, 8}}};

double uniform(Philox& stream, double low, double high) { return low + (high - low) * stream.next_unit(); }

double lognormal(Philox& stream, double median, double sigma) {
  return median * std::exp(sigma * stream.next_normal());
}

double beta(Philox& stream, double a, double b) {
  const double x = stream.next_gamma(a);
  const double y = stream.next_gamma(b);
  return x / (x + y);
}

/// Profiles are written in thousandths, not below the first one: nothing is measured more exactly.
double thousandths(double value) { return std::max(1.0, std::round(value * 1000)) / 1000; }

std::int64_t gib(double value) { return std::llround(value * 1024); }

Activity mean_of(double value) {
  Activity activity;
  activity.mean = thousandths(value);
  return activity;
}

/// The load that a service can have at most, in whole thousandths: at its high load it must stay below its limit alone
/// on a whole GPU, not just reach it.
double most_load(double max_slowdown) { return (std::ceil(1000 * (1 - 1 / max_slowdown) / high_load) - 1) / 1000; }

void draw_service(const ModeMix& mix, Philox& stream, ModeMixJob& job) {
  JobProfile& profile = job.profile;
  profile.kind = JobKind::service;
  profile.engine_active.mean = 1;
  const bool llm = stream.next_unit() < .25 && !mix.small_services;
  double load = 0;
  if (llm) {
    profile.memory_peak_mib = gib(uniform(stream, 18, 60));
    profile.sm_active = mean_of(uniform(stream, .3, .7));
    profile.dram_active = mean_of(uniform(stream, .4, .9));
    load = uniform(stream, .1, .5);
  } else {
    profile.memory_peak_mib = gib(uniform(stream, 2, 16));
    const bool narrow = stream.next_unit() < .6;
    const double width = narrow ? uniform(stream, .08, .35) : uniform(stream, .35, .9);
    profile.sm_active = mean_of(width);
    profile.dram_active = mean_of(width * uniform(stream, .3, .9));
    load = lognormal(stream, .1, .9);
  }
  job.request.max_slowdown = service_limits[draw_row(stream, service_limits)].max_slowdown;
  const double mean = thousandths(std::min(load, most_load(job.request.max_slowdown)));
  const double high = std::round(mean * high_load * 1e4) / 1e4;
  Activity request_load;
  request_load.mean = mean;
  request_load.p50 = std::round(mean * low_load * 1e4) / 1e4;
  request_load.p90 = high;
  request_load.p95 = high;
  request_load.p99 = high;
  profile.request_load = request_load;
  profile.service_time_ms = thousandths(lognormal(stream, 60, .8));
}

void draw_session(Philox& stream, ModeMixJob& job) {
  JobProfile& profile = job.profile;
  profile.memory_peak_mib = gib(uniform(stream, 2, 20));
  const double engine_active = uniform(stream, .5, .95);
  profile.engine_active = mean_of(engine_active);
  profile.sm_active = mean_of(uniform(stream, .3, .9));
  profile.dram_active = mean_of(engine_active * uniform(stream, .2, .5));
  const bool idle = stream.next_unit() < .5;
  profile.duty_cycle = thousandths(idle ? .005 : beta(stream, .6, 3));
  job.request.max_slowdown = dev_limits[draw_row(stream, dev_limits)].max_slowdown;
}

void draw_training(Philox& stream, ModeMixJob& job) {
  JobProfile& profile = job.profile;
  const bool small = stream.next_unit() < .4;
  const double engine_active = small ? uniform(stream, .3, .7) : uniform(stream, .8, 1);
  profile.engine_active = mean_of(engine_active);
  profile.sm_active = mean_of(small ? uniform(stream, .3, .9) : uniform(stream, .6, 1));
  profile.dram_active = mean_of(engine_active * uniform(stream, .2, .8));
  profile.memory_peak_mib = gib(small ? uniform(stream, 4, 20) : std::min(76.0, lognormal(stream, 20, .7)));
  job.request.max_slowdown = training_limits[draw_row(stream, training_limits)].max_slowdown;
}

DurationLaw lognormal_law(double median_s, double sigma, double longest_s) {
  return {.body_mu = std::log(median_s), .body_sigma = sigma, .longest_s = longest_s};
}

DurationLaw training_law() {
  return {
      .tail_weight = .15, .body_mu = 6.6, .body_sigma = 1.4, .tail_mu = 9.3, .tail_sigma = .9, .longest_s = 6 * hour_s};
}

}  // namespace

double ModeMixClass::mean_s() const {
  // E max(X, s) = E X + s - E min(X, s)
  return durations.mean_up_to_s(durations.longest_s) + shortest_s - durations.mean_up_to_s(shortest_s);
}

const ModeMixClass& mode_mix_class(ModeMixSource source) {
  using C = JobClass;
  static const std::array<ModeMixClass, mode_mix_sources> classes = {
      {{"service", C::burst, 30, minute_s, .7, minute_s, lognormal_law(5 * minute_s, .8, hour_s)},
       {"service", C::always_on, 20, hour_s, .7, 30 * minute_s, lognormal_law(3 * hour_s, .8, 12 * hour_s)},
       {"session", C::dev, 10, 30 * minute_s, .3, 15 * minute_s, lognormal_law(3 * hour_s, .8, 10 * hour_s)},
       {"batch", C::batch, 0, -1, .5, minute_s, training_law()},
       {"batch", C::batch, 0, -1, 0, minute_s, training_law()}}};
  return classes[static_cast<std::size_t>(source)];
}

ModeMixJob draw_mode_mix_job(const ModeMix& mix, ModeMixSource source, std::uint64_t number, double unknown,
                             GpuModelId model, std::uint64_t seed) {
  const ModeMixClass& of_class = mode_mix_class(source);
  const std::uint64_t entity = static_cast<std::uint64_t>(source) << 40 | number;
  Philox stream(seed, StreamPurpose::request, entity);
  ModeMixJob job;
  GpuRequest& request = job.request;
  request.num_gpu = 1;
  request.gpu_milli = milli_per_unit;
  request.priority = of_class.priority;
  request.job_class = of_class.job_class;
  request.preemptible = of_class.job_class == JobClass::batch;
  const bool isolated = stream.next_unit() < mix.isolated[static_cast<std::size_t>(source)];
  const bool faults = stream.next_unit() < .5;
  const bool trusted = stream.next_unit() < of_class.trusted;
  job.unknown = stream.next_unit() < unknown;
  request.isolation = !isolated ? Isolation::none : faults ? Isolation::fault : Isolation::memory;
  request.trust_domain = trusted && !isolated ? "trusted" : "";
  job.profile.gpu_model = model;
  job.profile.source = "mode-mix";
  switch (source) {
    case ModeMixSource::burst:
    case ModeMixSource::service:
      draw_service(mix, stream, job);
      break;
    case ModeMixSource::dev:
      draw_session(stream, job);
      break;
    case ModeMixSource::training:
      draw_training(stream, job);
      break;
    case ModeMixSource::gang:
      request.num_gpu = gang_sizes[draw_row(stream, gang_sizes)].gpus;
      draw_training(stream, job);
      break;
  }
  request.gpu_memory_mib = job.profile.memory_peak_mib;
  Philox duration(seed, StreamPurpose::duration, entity);
  job.duration_s = std::max(of_class.shortest_s, of_class.durations.draw_s(duration));
  return job;
}

}  // namespace gpusched::sim
