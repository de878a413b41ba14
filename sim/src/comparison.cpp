#include "gpusched/sim/comparison.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <mutex>
#include <optional>
#include <thread>

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

Result<std::vector<ComparedRun>> compare_policies(
    std::size_t policies, std::uint64_t first_seed, int seeds, int threads,
    const std::function<Result<Summary>(std::size_t policy, std::uint64_t seed)>& run,
    const ProgressCallback& progress) {
  const std::size_t total = policies * static_cast<std::size_t>(seeds);
  std::vector<std::optional<Result<Summary>>> results(total);
  std::atomic<std::size_t> next{0};
  std::mutex progress_mutex;
  std::int64_t done = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < total; i = next++) {
      const std::size_t policy = i / static_cast<std::size_t>(seeds);
      results[i] = run(policy, first_seed + i % static_cast<std::size_t>(seeds));
      const std::lock_guard lock(progress_mutex);
      ++done;
      if (progress) {
        progress(done, static_cast<std::int64_t>(total));
      }
    }
  };
  std::vector<std::thread> pool;
  for (int i = 1; i < threads && i < static_cast<int>(total); ++i) {
    pool.emplace_back(work);
  }
  work();
  for (std::thread& thread : pool) {
    thread.join();
  }
  std::vector<ComparedRun> runs;
  for (std::size_t i = 0; i < total; ++i) {
    if (!*results[i]) {
      return results[i]->error();
    }
    runs.push_back({.policy = i / static_cast<std::size_t>(seeds),
                    .seed = first_seed + i % static_cast<std::size_t>(seeds),
                    .summary = results[i]->value()});
  }
  return runs;
}

}  // namespace gpusched::sim
