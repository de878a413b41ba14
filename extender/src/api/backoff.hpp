#pragma once

#include <algorithm>
#include <random>

#include "gpusched/extender/object_watch.hpp"

#include "api/curl_call.hpp"

namespace gpusched::extender {

/// client-go's: doubles up to a cap, jitter of as much again, starts anew after a while without trouble.
class Backoff {
 public:
  explicit Backoff(const WatchOptions& options) : options_(options) {}
  double next_s() {
    const double now = monotonic_s();
    const bool starts = last_s_ == 0 || now - at_s_ > options_.backoff_reset_s;
    last_s_ = starts ? options_.backoff_s : std::min(last_s_ * options_.backoff_factor, options_.backoff_cap_s);
    at_s_ = now;
    return last_s_ * (1 + std::uniform_real_distribution<double>(0, 1)(random_));
  }

 private:
  const WatchOptions& options_;
  double last_s_ = 0, at_s_ = 0;
  std::mt19937_64 random_{std::random_device()()};
};

}  // namespace gpusched::extender
