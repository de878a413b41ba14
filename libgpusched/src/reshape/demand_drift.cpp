#include "gpusched/reshape/demand_drift.hpp"

#include <numeric>

#include "gpusched/base/check.hpp"

namespace gpusched {

namespace {

constexpr std::int64_t whole = 1'000'000;

std::int64_t sum(std::span<const std::int64_t> mix) { return std::accumulate(mix.begin(), mix.end(), std::int64_t{0}); }

/// count / total in millionths; counts below 2^50 do not overflow after the split.
std::int64_t share(std::int64_t count, std::int64_t total) {
  constexpr std::int64_t small = std::int64_t{1} << 40;
  return total < small ? count * whole / total : count / (total / whole);
}

}  // namespace

std::int64_t mix_distance_milli(std::span<const std::int64_t> a, std::span<const std::int64_t> b) {
  GPUSCHED_CHECK(a.size() == b.size(), "two mixes over different shapes");
  const std::int64_t total_a = sum(a), total_b = sum(b);
  if (total_a == 0 || total_b == 0) {
    return 0;
  }
  std::int64_t distance = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const std::int64_t difference = share(a[i], total_a) - share(b[i], total_b);
    distance += difference < 0 ? -difference : difference;
  }
  return (distance / 2 + 500) / 1000;
}

void DemandDrift::adopt(std::span<const std::int64_t> mix) {
  mix_.assign(mix.begin(), mix.end());
  has_drifted_ = false;
}

bool DemandDrift::observe(std::span<const std::int64_t> recent) {
  if (mix_.empty() || sum(recent) < options_.least_arrivals) {
    return has_drifted_;
  }
  const std::int64_t distance = mix_distance_milli(mix_, recent);
  has_drifted_ = distance >= (has_drifted_ ? options_.back_milli : options_.drifted_milli);
  return has_drifted_;
}

}  // namespace gpusched
