// What runs on the cluster of mixed-day. Shares, mixes and laws are explained in docs/generators.md.
#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include "gpusched/sim/generators/cox_arrivals.hpp"
#include "gpusched/sim/generators/duration_law.hpp"

#include "generators/mixed_day.hpp"

namespace gpusched::sim {

namespace {

constexpr TimeNs step_ns = ns_per_s / 1000;
constexpr int no_shape = -1;

/// What one job of a source asks for, per replica.
struct Amount {
  std::uint32_t weight;
  std::int32_t num_gpu;
  std::int32_t gpu_milli;
  std::int64_t gpu_memory_mib;
  int shape;  ///< into mig_shapes, or no_shape
  std::int64_t cpu_milli;
  std::int64_t memory_mib;
  std::int32_t replicas = 1;
  double duration_factor = 1;
  bool needs_h100 = false;

  double gpus() const {
    return shape == no_shape ? replicas * num_gpu * (gpu_milli / 1000.0)
                             : mig_shapes[static_cast<std::size_t>(shape)].memory_units / 8.0;
  }
};

constexpr std::array<Amount, 3> training_amounts = {{{60, 1, 1000, 0, no_shape, 12'000, 98'304},
                                                     {25, 1, 1000, 0, no_shape, 16'000, 131'072, 1, 1, true},
                                                     {15, 1, 1000, 0, no_shape, 8'000, 65'536}}};
/// Taken in turn, so that every size occurs, the one of two nodes in the quiet hours. Factors: Philly's medians by
/// GPUs, two GPUs interpolated; for 16 GPUs Philly has 33, too long for a day.
constexpr std::array<Amount, 8> gang_amounts = {{{1, 2, 1000, 0, no_shape, 24'000, 196'608, 1, 5},
                                                 {1, 4, 1000, 0, no_shape, 48'000, 393'216, 1, 15},
                                                 {1, 8, 1000, 0, no_shape, 96'000, 786'432, 2, 8, true},
                                                 {1, 2, 1000, 0, no_shape, 24'000, 196'608, 1, 5},
                                                 {1, 8, 1000, 0, no_shape, 96'000, 786'432, 1, 21},
                                                 {1, 2, 1000, 0, no_shape, 24'000, 196'608, 1, 5},
                                                 {1, 4, 1000, 0, no_shape, 48'000, 393'216, 1, 15},
                                                 {1, 2, 1000, 0, no_shape, 24'000, 196'608, 1, 5}}};
constexpr std::array<Amount, 3> cpu_only_amounts = {{{50, 0, 0, 0, no_shape, 4'000, 16'384},
                                                     {35, 0, 0, 0, no_shape, 8'000, 32'768},
                                                     {15, 0, 0, 0, no_shape, 16'000, 65'536}}};
constexpr std::array<Amount, 4> burst_amounts = {{{35, 1, 200, 8'192, no_shape, 2'000, 8'192},
                                                  {30, 1, 300, 12'288, no_shape, 3'000, 12'288},
                                                  {20, 1, 500, 20'480, no_shape, 4'000, 16'384},
                                                  {15, 1, 1000, 0, no_shape, 8'000, 32'768}}};
constexpr std::array<Amount, 5> dev_amounts = {{{15, 1, 100, 4'096, no_shape, 2'000, 16'384},
                                                {30, 1, 200, 8'192, no_shape, 4'000, 16'384},
                                                {20, 1, 300, 12'288, no_shape, 4'000, 32'768},
                                                {10, 1, 400, 16'384, no_shape, 6'000, 32'768},
                                                {25, 1, 500, 20'480, no_shape, 8'000, 65'536}}};
constexpr std::array<Amount, 3> dev_mig_amounts = {
    {{60, 1, 1000, 0, 0, 4'000, 16'384}, {25, 1, 1000, 0, 1, 4'000, 32'768}, {15, 1, 1000, 0, 2, 6'000, 32'768}}};
constexpr std::array<Amount, 4> mig_batch_amounts = {{{35, 1, 1000, 0, 2, 4'000, 32'768},
                                                      {30, 1, 1000, 0, 3, 8'000, 49'152},
                                                      {20, 1, 1000, 0, 4, 8'000, 49'152},
                                                      {15, 1, 1000, 0, 5, 12'000, 65'536}}};
constexpr std::array<Amount, 5> service_share_amounts = {{{20, 1, 100, 4'096, no_shape, 2'000, 8'192},
                                                          {25, 1, 200, 8'192, no_shape, 2'000, 12'288},
                                                          {25, 1, 300, 12'288, no_shape, 4'000, 16'384},
                                                          {20, 1, 500, 20'480, no_shape, 4'000, 24'576},
                                                          {10, 1, 600, 28'672, no_shape, 6'000, 32'768}}};
constexpr std::array<Amount, 2> service_whole_amounts = {
    {{80, 1, 1000, 0, no_shape, 12'000, 98'304}, {20, 2, 1000, 0, no_shape, 24'000, 196'608}}};
constexpr std::array<Amount, 4> service_mig_amounts = {{{35, 1, 1000, 0, 0, 2'000, 8'192},
                                                        {20, 1, 1000, 0, 1, 3'000, 16'384},
                                                        {25, 1, 1000, 0, 2, 4'000, 24'576},
                                                        {20, 1, 1000, 0, 3, 8'000, 49'152}}};

/// Jobs of one kind.
struct Source {
  MixedDaySource stream;
  std::string_view name;  ///< prefix of the ids, and the queue
  std::string_view kind;
  JobClass job_class;
  std::int32_t priority;
  bool preemptible;
  double max_wait_s;      ///< negative: never leaves the queue
  double demand;          ///< part of the load
  bool in_turn;           ///< amounts one after the other instead of by weight
  double jobs_per_gpu_h;  ///< instead of a demand, for jobs without GPUs
  DurationLaw durations;
  CoxProfile arrivals;
  std::span<const Amount> amounts;
};

CoxProfile office_hours() {
  CoxProfile profile = venus_arrivals();
  profile.log_sigma = .3;
  profile.batch_probability = 0;
  return profile;
}

/// Every event a batch, with the day curve of BurstGPT's requests.
CoxProfile burst_arrivals() {
  CoxProfile profile = venus_arrivals();
  profile.by_hour = {.96,  .91,  .59,  .53,  .38,  .35,  .20,  .16,  .18,  .43,  .90,  1.32,
                     1.79, 1.54, 1.84, 1.43, 1.51, 1.39, 1.21, 1.61, 1.39, 1.20, 1.16, 1.05};
  profile.batch_probability = 1;
  profile.batch_mean = 6;
  profile.batch_spread_s = 2;
  return profile;
}

DurationLaw lognormal(double median_s, double sigma, double longest_s) {
  return {.body_mu = std::log(median_s), .body_sigma = sigma, .longest_s = longest_s};
}

DurationLaw at_most_a_day(DurationLaw law) {
  law.longest_s = 86'400;
  return law;
}

std::vector<Source> sources() {
  using S = MixedDaySource;
  const DurationLaw training = at_most_a_day(philly_durations());
  const DurationLaw session = lognormal(4 * 3600, .9, 86'400);
  return {
      {S::training, "train", "batch", JobClass::batch, 0, true, -1, .24, false, 0, training, venus_arrivals(),
       training_amounts},
      {S::gang, "gang", "batch", JobClass::batch, 10, true, -1, .20, true, 0, training, office_hours(), gang_amounts},
      {S::cpu_only, "prep", "batch", JobClass::batch, 0, true, -1, 0, false, .08, lognormal(1200, 1.2, 86'400),
       venus_arrivals(), cpu_only_amounts},
      {S::burst, "burst", "batch", JobClass::burst, 500, false, 600, .02, false, 0, lognormal(180, 1.0, 3600),
       burst_arrivals(), burst_amounts},
      {S::dev, "dev", "session", JobClass::dev, 100, false, 3600, .10, false, 0, session, office_hours(), dev_amounts},
      {S::dev_mig, "notebook", "session", JobClass::dev, 100, false, 3600, .04, false, 0, session, office_hours(),
       dev_mig_amounts},
      {S::mig_batch, "infer", "batch", JobClass::batch, 0, true, -1, .06, false, 0, lognormal(1800, 1.2, 86'400),
       venus_arrivals(), mig_batch_amounts},
  };
}

/// `may_train`: whether the jobs may use the nodes of the training pool.
JobSpec spec_of(const MixedDay& day, const Amount& amount, bool may_train) {
  JobSpec spec;
  GpuRequest& request = spec.request;
  request.num_gpu = amount.num_gpu;
  request.gpu_milli = amount.gpu_milli;
  request.gpu_memory_mib = amount.gpu_memory_mib;
  request.cpu_milli = amount.cpu_milli;
  request.memory_mib = amount.memory_mib;
  if (amount.shape != no_shape) {
    request.mig_profile = (*day.profiles)[static_cast<std::size_t>(amount.shape)];
    request.mode = SharingMode::mig;
    request.isolation = Isolation::memory;
  }
  if (amount.needs_h100 && day.model.empty()) {
    request.gpu_models = {"H100-80GB-SXM5"};
  }
  if (amount.shape == no_shape && request.gpu_milli == milli_per_unit && !may_train) {
    // Without this, services would sit on every node for good, and no gang of two whole nodes would ever start.
    request.node_labels = {{"pool", "shared"}};
  }
  spec.replicas = amount.replicas;
  spec.gang_min = amount.replicas > 1 ? amount.replicas : 0;
  return spec;
}

/// Jobs per hour that give the wanted mean demand: a job that arrives at t counts for min(duration, end - t).
double calibrated_jobs_per_hour(const MixedDay& day, const Source& source) {
  if (source.jobs_per_gpu_h > 0) {
    return source.jobs_per_gpu_h * day.gpus() * day.load;
  }
  constexpr double grid_s = 900;
  double total_weight = 0;
  double gpu_s_at_one_per_hour = 0;
  for (const Amount& amount : source.amounts) {
    total_weight += amount.weight;
    DurationLaw law = source.durations;
    law.scale = amount.duration_factor;
    for (double t = grid_s / 2; t < day.span_s(); t += grid_s) {
      gpu_s_at_one_per_hour += amount.weight * amount.gpus() * law.mean_up_to_s(day.span_s() - t) *
                               source.arrivals.factor_at(t) * grid_s / 3600;
    }
  }
  return source.demand * day.load * day.gpus() * day.span_s() / (gpu_s_at_one_per_hour / total_weight);
}

void add_source(const MixedDay& day, const Source& source, std::uint64_t seed, TraceBuilder& builder) {
  const auto entity = static_cast<std::uint64_t>(source.stream);
  CoxProfile profile = source.arrivals;
  profile.jobs_per_hour = calibrated_jobs_per_hour(day, source);
  Philox request(seed, StreamPurpose::request, entity);
  Philox duration(seed, StreamPurpose::duration, entity);
  std::size_t number = 0;
  for (const double time_s : draw_cox_arrivals(profile, day.span_s(), seed, entity)) {
    const std::size_t row = source.in_turn ? number % source.amounts.size() : draw_row(request, source.amounts);
    const Amount& amount = source.amounts[row];
    JobSpec spec = spec_of(day, amount, source.job_class == JobClass::batch);
    spec.kind = std::string(source.kind);
    spec.tenant = draw_tenant(request);
    spec.queue = std::string(source.name);
    spec.request.job_class = source.job_class;
    spec.request.priority = source.priority;
    spec.request.preemptible = source.preemptible;
    DurationLaw law = source.durations;
    law.scale = amount.duration_factor;
    TraceJob& job = builder.add(numbered(std::string(source.name) + "-", number, 4), spec, to_steps_ns(time_s, step_ns),
                                to_steps_ns(law.draw_s(duration), step_ns));
    job.max_wait_ns = source.max_wait_s < 0 ? -1 : to_steps_ns(source.max_wait_s, step_ns);
    ++number;
  }
}

/// Services of one kind: models of falling popularity (Zipf, 1.2) until the demand is met. Every fifth comes during the
/// first half and goes; the others are there from the first quarter of an hour to the end.
void add_services(const MixedDay& day, MixedDaySource source, std::string_view name, double demand,
                  std::span<const Amount> amounts, std::uint64_t seed, TraceBuilder& builder) {
  const auto entity = static_cast<std::uint64_t>(source);
  Philox arrival(seed, StreamPurpose::arrival, 2 * entity);
  Philox request(seed, StreamPurpose::request, entity);
  Philox duration(seed, StreamPurpose::duration, entity);
  const DurationLaw law = lognormal(8 * 3600, .7, 366.0 * 86'400);
  double left = demand * day.load * day.gpus();
  const double most_popular_gpus = left * .3;
  for (std::size_t rank = 1;; ++rank) {
    const Amount& amount = amounts[draw_row(request, amounts)];
    if (left < amount.gpus() / 2) {
      return;
    }
    const double popular_gpus = most_popular_gpus / std::pow(static_cast<double>(rank), 1.2);
    const auto popularity = std::llround(popular_gpus / amount.gpus());
    const auto affordable = std::max<long long>(1, static_cast<long long>(left / amount.gpus()));
    JobSpec spec = spec_of(day, amount, false);
    spec.replicas = static_cast<std::int32_t>(std::clamp<long long>(popularity, 1, affordable));
    spec.kind = "service";
    spec.tenant = draw_tenant(request);
    spec.queue = std::string(name);
    spec.request.job_class = JobClass::always_on;
    spec.request.priority = 1000;
    spec.request.preemptible = false;
    const bool stays = rank % 5 != 0;
    const double submit_s = arrival.next_unit() * (stays ? 900 : day.span_s() / 2);
    const double duration_s = law.draw_s(duration);
    builder.add(numbered(std::string(name) + "-", rank, 3), spec, to_steps_ns(submit_s, step_ns),
                stays ? TimeNs{-1} : to_steps_ns(duration_s, step_ns));
    left -= spec.replicas * amount.gpus();
  }
}

}  // namespace

void add_mixed_day_services(const MixedDay& day, std::uint64_t seed, TraceBuilder& builder) {
  using S = MixedDaySource;
  add_services(day, S::service_share, "service-share", .14, service_share_amounts, seed, builder);
  add_services(day, S::service_whole, "service-whole", .10, service_whole_amounts, seed, builder);
  if (day.profiles) {
    add_services(day, S::service_mig, "service-mig", .10, service_mig_amounts, seed, builder);
  }
}

void add_mixed_day_arrivals(const MixedDay& day, std::uint64_t seed, TraceBuilder& builder) {
  for (const Source& source : sources()) {
    const bool wants_mig = source.amounts.front().shape != no_shape;
    if (!wants_mig || day.profiles) {
      add_source(day, source, seed, builder);
    }
  }
}

}  // namespace gpusched::sim
