#include "run_batch.hpp"

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

namespace gpusched::sim {

void run_batch(std::size_t count, int threads, const std::function<void(std::size_t)>& run,
               const ProgressCallback& progress) {
  std::atomic<std::size_t> next{0};
  std::mutex progress_mutex;
  std::int64_t done = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < count; i = next++) {
      run(i);
      const std::lock_guard lock(progress_mutex);
      ++done;
      if (progress) {
        progress(done, static_cast<std::int64_t>(count));
      }
    }
  };
  std::vector<std::thread> pool;
  for (int i = 1; i < threads && i < static_cast<int>(count); ++i) {
    pool.emplace_back(work);
  }
  work();
  for (std::thread& thread : pool) {
    thread.join();
  }
}

}  // namespace gpusched::sim
