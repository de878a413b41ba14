#include "gpusched/sim/comparison.hpp"

#include <array>
#include <cmath>
#include <numeric>
#include <optional>

#include "gpusched/base/philox.hpp"

#include "run_batch.hpp"

namespace gpusched::sim {

namespace {

/// 97.5 % quantiles of Student's t for 1..30 degrees of freedom (any table); the normal's beyond.
constexpr std::array<double, 30> t_quantiles = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
                                                2.201,  2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
                                                2.080,  2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042};

}  // namespace

Estimate estimate(const std::vector<double>& values) {
  Estimate result;
  if (values.empty()) {
    return result;
  }
  const auto n = static_cast<double>(values.size());
  for (const double value : values) {
    result.mean += value / n;
  }
  if (values.size() > 1) {
    double squares = 0;
    for (const double value : values) {
      squares += (value - result.mean) * (value - result.mean);
    }
    const std::size_t degrees = values.size() - 1;
    const double t = degrees <= t_quantiles.size() ? t_quantiles[degrees - 1] : 1.960;
    result.half_width = t * std::sqrt(squares / (n - 1) / n);
  }
  return result;
}

void shuffle_nodes(SimulationOptions& options, std::size_t nodes) {
  options.node_ranks.resize(nodes);
  std::iota(options.node_ranks.begin(), options.node_ranks.end(), std::int64_t{0});
  Philox(options.seed, StreamPurpose::order).shuffle(options.node_ranks);
}

Result<std::vector<ComparedRun>> compare_policies(
    std::size_t policies, std::uint64_t first_seed, int seeds, int threads,
    const std::function<Result<Summary>(std::size_t policy, std::uint64_t seed)>& run,
    const ProgressCallback& progress) {
  const std::size_t total = policies * static_cast<std::size_t>(seeds);
  std::vector<std::optional<Result<Summary>>> results(total);
  const auto each = static_cast<std::size_t>(seeds);
  run_batch(
      total, threads, [&](std::size_t i) { results[i] = run(i / each, first_seed + i % each); }, progress);
  std::vector<ComparedRun> runs;
  for (std::size_t i = 0; i < total; ++i) {
    if (!*results[i]) {
      return results[i]->error();
    }
    runs.push_back({.policy = i / each, .seed = first_seed + i % each, .summary = results[i]->value()});
  }
  return runs;
}

}  // namespace gpusched::sim
