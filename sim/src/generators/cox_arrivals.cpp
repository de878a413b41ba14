#include "gpusched/sim/generators/cox_arrivals.hpp"

#include <algorithm>
#include <cmath>

#include "gpusched/base/philox.hpp"

namespace gpusched::sim {

namespace {

/// The rate is constant within a step; short against the relaxation time and the windows that are counted.
constexpr double step_s = 60;

/// Geometric from 1 with the given mean, by inversion.
std::int64_t draw_geometric(Philox& stream, double mean) {
  if (mean <= 1) {
    return 1;
  }
  return 1 + static_cast<std::int64_t>(stream.next_exponential() / -std::log1p(-1 / mean));
}

/// The jobs of one event, the first of them at `time_s`.
void add_batch(const CoxProfile& profile, double time_s, std::int64_t jobs, Philox& events,
               std::vector<double>& times_s) {
  times_s.push_back(time_s);
  for (std::int64_t i = 1; i < jobs; ++i) {
    if (profile.batch_window_s > 0) {
      times_s.push_back(time_s + profile.batch_window_s * events.next_unit());
    } else {
      times_s.push_back(times_s.back() + profile.batch_spread_s * events.next_exponential());
    }
  }
}

}  // namespace

double CoxProfile::factor_at(double time_s) const {
  const auto hours = static_cast<std::int64_t>(time_s / 3600);
  return by_hour[static_cast<std::size_t>(hours % 24)] * by_weekday[static_cast<std::size_t>(hours / 24 % 7)];
}

CoxProfile venus_arrivals() {
  return {.jobs_per_hour = 28.8,
          .by_hour = {.90,  .66,  .60,  .38,  .27,  .21,  .19,  .22,  .37,  .80,  1.29, 1.47,
                      1.16, 1.30, 1.56, 1.66, 1.73, 1.73, 1.28, 1.31, 1.34, 1.36, 1.15, 1.04},
          .by_weekday = {1.02, 1.10, 1.27, 1.20, .95, .68, .77},
          .log_sigma = .64,
          .relaxation_h = 6,
          .batch_probability = .04,
          .batch_mean = 14,
          .batch_spread_s = 1};
}

CoxProfile spot26_arrivals() {
  return {.jobs_per_hour = 105.7,
          .by_hour = {1.15, .82, .72,  .69,  .66,  .73,  .73,  .77,  .82,  .87, 1.29, 1.32,
                      1.02, .99, 1.30, 1.29, 1.39, 1.30, 1.03, 1.09, 1.13, .99, .97,  .93},
          .by_weekday = {1, 1, 1, 1, 1, 1, 1},
          .log_sigma = .73,
          .relaxation_h = 12,
          .batch_probability = .035,
          .batch_mean = 13,
          .batch_spread_s = 1};
}

std::vector<double> draw_cox_arrivals(const CoxProfile& profile, double span_s, std::uint64_t seed,
                                      std::uint64_t entity) {
  Philox events(seed, StreamPurpose::arrival, 2 * entity);
  Philox modulation(seed, StreamPurpose::arrival, 2 * entity + 1);
  const double memory = std::exp(-step_s / (profile.relaxation_h * 3600));
  const double noise = profile.log_sigma * std::sqrt(1 - memory * memory);
  const double events_per_s = profile.jobs_per_hour / 3600 / profile.jobs_per_event();
  double x = profile.log_sigma * modulation.next_normal();
  // An event falls where the integrated rate has grown by an exponential of mean 1.
  double until_next = events.next_exponential();
  std::vector<double> times_s;
  for (double begin_s = 0; begin_s < span_s; begin_s += step_s) {
    const double modulated = std::exp(x - 0.5 * profile.log_sigma * profile.log_sigma);
    const double rate = events_per_s * profile.factor_at(begin_s) * modulated;
    double offset_s = 0;
    while (until_next < rate * (step_s - offset_s)) {
      offset_s += until_next / rate;
      const bool batch = events.next_unit() < profile.batch_probability;
      add_batch(profile, begin_s + offset_s, batch ? draw_geometric(events, profile.batch_mean) : 1, events, times_s);
      until_next = events.next_exponential();
    }
    until_next -= rate * (step_s - offset_s);
    x = memory * x + noise * modulation.next_normal();
  }
  std::sort(times_s.begin(), times_s.end());
  times_s.erase(std::lower_bound(times_s.begin(), times_s.end(), span_s), times_s.end());
  return times_s;
}

}  // namespace gpusched::sim
