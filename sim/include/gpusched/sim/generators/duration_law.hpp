#pragma once

#include "gpusched/base/philox.hpp"
#include "gpusched/base/units.hpp"

namespace gpusched::sim {

/// Durations as a mix of two lognormals: body LN(body_mu, body_sigma) with weight 1 - tail_weight, tail
/// LN(tail_mu, tail_sigma) with tail_weight; logarithms of seconds. One lognormal misses the tail of every public
/// trace.
struct DurationLaw {
  double tail_weight = 0;
  double body_mu = 0;
  double body_sigma = 1;
  double tail_mu = 0;
  double tail_sigma = 1;
  double scale = 1;               ///< multiplies every draw
  double longest_s = 31'536'000;  ///< draws above it are cut to it

  /// Three numbers of the stream per draw.
  double draw_s(Philox& stream) const;
  /// Mean of min(duration, limit_s), in closed form. `limit_s` > 0.
  double mean_up_to_s(double limit_s) const;
};

/// Training jobs of Philly (p50 about 800 to 1,100 s, p99 about 3 days) and GPU pods of openb; docs/generators.md.
DurationLaw philly_durations();
DurationLaw openb_durations();

/// Nearest multiple of `step_ns`, at least one step.
TimeNs to_steps_ns(double seconds, TimeNs step_ns);

}  // namespace gpusched::sim
