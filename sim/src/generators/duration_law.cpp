#include "gpusched/sim/generators/duration_law.hpp"

#include <algorithm>
#include <cmath>

namespace gpusched::sim {

namespace {

double normal_below(double x) { return 0.5 * std::erfc(-x * 0.7071067811865476); }

/// Mean of min(X, limit) for a lognormal X: what lies below the limit, and the limit for the rest.
double lognormal_mean_up_to(double mu, double sigma, double limit) {
  const double z = (std::log(limit) - mu) / sigma;
  return std::exp(mu + 0.5 * sigma * sigma) * normal_below(z - sigma) + limit * normal_below(-z);
}

}  // namespace

double DurationLaw::draw_s(Philox& stream) const {
  const bool tail = stream.next_unit() < tail_weight;
  const double normal = stream.next_normal();
  const double value = tail ? std::exp(tail_mu + tail_sigma * normal) : std::exp(body_mu + body_sigma * normal);
  return std::min(value * scale, longest_s);
}

double DurationLaw::mean_up_to_s(double limit_s) const {
  const double limit = std::min(limit_s, longest_s) / scale;
  return scale * ((1 - tail_weight) * lognormal_mean_up_to(body_mu, body_sigma, limit) +
                  tail_weight * lognormal_mean_up_to(tail_mu, tail_sigma, limit));
}

DurationLaw philly_durations() {
  return {.tail_weight = .10, .body_mu = 6.4, .body_sigma = 1.7, .tail_mu = 10.5, .tail_sigma = 1.5};
}

DurationLaw openb_durations() {
  return {.tail_weight = .03, .body_mu = 6.4, .body_sigma = 1.7, .tail_mu = 10.0, .tail_sigma = 2.5};
}

TimeNs to_steps_ns(double seconds, TimeNs step_ns) {
  const double steps = seconds * (static_cast<double>(ns_per_s) / static_cast<double>(step_ns));
  return step_ns * std::max<TimeNs>(1, std::llround(steps));
}

}  // namespace gpusched::sim
