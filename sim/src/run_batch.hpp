#pragma once

#include <cstddef>
#include <functional>

#include "gpusched/sim/simulator.hpp"

namespace gpusched::sim {

/// Calls run(0) .. run(count - 1) on up to `threads` threads, each index once, and returns when all have ended.
/// `progress` is told (done, count) by one thread at a time.
void run_batch(std::size_t count, int threads, const std::function<void(std::size_t)>& run,
               const ProgressCallback& progress = {});

}  // namespace gpusched::sim
