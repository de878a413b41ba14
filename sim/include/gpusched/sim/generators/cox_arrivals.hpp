#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace gpusched::sim {

/// Arrivals that are as bursty as recorded ones: a Poisson process whose rate follows the hour, the weekday and a slow
/// random factor, and whose events are now and then whole batches. A day curve alone is far too smooth.
struct CoxProfile {
  double jobs_per_hour = 0;            ///< mean, batch members counted
  std::array<double, 24> by_hour{};    ///< factors of the rate, mean about 1
  std::array<double, 7> by_weekday{};  ///< Monday first; the trace begins on a Monday at midnight
  double log_sigma = 0;                ///< of the random factor exp(X - sigma^2 / 2), X Ornstein-Uhlenbeck
  double relaxation_h = 1;             ///< time constant of X
  double batch_probability = 0;        ///< that an event is a batch, not one job
  double batch_mean = 1;               ///< jobs of a batch, geometric from 1
  double batch_spread_s = 1;           ///< mean gap between the jobs of a batch, exponential
  double batch_window_s = 0;           ///< > 0, instead of gaps: all jobs of a batch fall within it, uniformly

  double jobs_per_event() const { return 1 + batch_probability * (batch_mean - 1); }
  /// by_hour x by_weekday at a time.
  double factor_at(double time_s) const;
};

/// Helios Venus: index of dispersion 15.4 in windows of 10 minutes and 39.3 in windows of an hour. 28.8 jobs per hour.
CoxProfile venus_arrivals();
/// Alibaba spot 2026: index of dispersion about 90 in windows of an hour. 105.7 jobs per hour.
CoxProfile spot26_arrivals();

/// Times in [0, span_s), ascending, in seconds, of the streams (seed, arrival, 2 * entity) and (.., 2 * entity + 1).
std::vector<double> draw_cox_arrivals(const CoxProfile& profile, double span_s, std::uint64_t seed,
                                      std::uint64_t entity);

}  // namespace gpusched::sim
