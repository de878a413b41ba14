#include <algorithm>
#include <chrono>
#include <thread>

#include "gpusched/profiler/suite/burst_schedule.hpp"

#include "work_loop.cuh"

namespace gpusched::suite {

namespace {

using Clock = std::chrono::steady_clock;
using Moment = Clock::time_point;

Moment after(Moment from, double seconds) {
  return from + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}
double seconds_between(Moment from, Moment to) { return std::chrono::duration<double>(to - from).count(); }

struct Window {
  Moment begin, end, stop;
};

/// The events around one item on the device.
class ItemEvents {
 public:
  ItemEvents() {
    require(cudaEventCreate(&begin_), "cudaEventCreate");
    require(cudaEventCreate(&end_), "cudaEventCreate");
  }
  ~ItemEvents() {
    cudaEventDestroy(begin_);
    cudaEventDestroy(end_);
  }
  ItemEvents(const ItemEvents&) = delete;
  ItemEvents& operator=(const ItemEvents&) = delete;

  void enqueue(SuiteJob& job, cudaStream_t stream) {
    require(cudaEventRecord(begin_, stream), "cudaEventRecord");
    job.enqueue(stream);
    require(cudaEventRecord(end_, stream), "cudaEventRecord");
  }
  void wait() { require(cudaEventSynchronize(end_), "kernels of an item"); }
  double seconds() const {
    float ms = 0;
    require(cudaEventElapsedTime(&ms, begin_, end_), "cudaEventElapsedTime");
    return ms / 1000;
  }

 private:
  cudaEvent_t begin_ = nullptr, end_ = nullptr;
};

/// Items follow each other, the next one always enqueued while one runs: the device never waits for the host.
WorkRecord work_closed(SuiteJob& job, const Window& window, cudaStream_t stream) {
  WorkRecord record;
  ItemEvents events[2];
  Moment last = Clock::now();
  Moment first_counted = last;
  events[0].enqueue(job, stream);
  for (int i = 1;; ++i) {
    events[i % 2].enqueue(job, stream);
    ItemEvents& done = events[(i + 1) % 2];
    done.wait();
    const Moment now = Clock::now();
    if (now >= window.begin && now < window.end) {
      if (record.items++ == 0) {
        first_counted = last;
      }
      record.latencies_ms.push_back(1000 * seconds_between(last, now));
      record.device_busy_s += done.seconds();
      record.seconds = seconds_between(first_counted, now);
    }
    last = now;
    if (now >= window.stop) {
      break;
    }
  }
  require(cudaStreamSynchronize(stream), "last item");
  return record;
}

/// One item every `pause_s`: a job that mostly holds memory.
WorkRecord work_paced(SuiteJob& job, const Window& window, double pause_s, cudaStream_t stream) {
  WorkRecord record;
  ItemEvents events;
  for (Moment next = Clock::now(); next < window.stop; next = std::max(after(next, pause_s), Clock::now())) {
    std::this_thread::sleep_until(next);
    const Moment begin = Clock::now();
    events.enqueue(job, stream);
    events.wait();
    const Moment now = Clock::now();
    if (begin >= window.begin && now < window.end) {
      ++record.items;
      record.latencies_ms.push_back(1000 * seconds_between(begin, now));
      record.device_busy_s += events.seconds();
    }
  }
  record.seconds = seconds_between(window.begin, window.end);
  return record;
}

void wait_until(Moment moment) {
  // The system may sleep 50 us too long; the last stretch is spun.
  const Moment early = moment - std::chrono::microseconds(200);
  if (Clock::now() < early) {
    std::this_thread::sleep_until(early);
  }
  while (Clock::now() < moment) {
  }
}

/// Requests arrive on their own and queue; one is served at a time.
WorkRecord work_served(SuiteJob& job, const JobOptions& options, double item_ms, const Window& window,
                       cudaStream_t stream) {
  WorkRecord record;
  ItemEvents events;
  BurstSchedule schedule(options.load, item_ms, options.mean_items, options.seed);
  const Moment start = Clock::now();
  std::int64_t asked_items = 0;
  const auto in_window = [&](Moment moment) { return moment >= window.begin && moment < window.end; };
  Burst burst = schedule.next();
  Moment arrival = after(start, burst.arrival_ms / 1000);
  for (; arrival < window.stop && Clock::now() < window.stop;
       burst = schedule.next(), arrival = after(start, burst.arrival_ms / 1000)) {
    wait_until(arrival);
    double busy_s = 0;
    for (int i = 0; i < burst.items; ++i) {
      events.enqueue(job, stream);
      events.wait();
      busy_s += events.seconds();
    }
    const Moment now = Clock::now();
    if (in_window(arrival)) {
      asked_items += burst.items;
    }
    if (in_window(now)) {
      ++record.requests;
      record.items += burst.items;
      record.device_busy_s += busy_s;
      record.latencies_ms.push_back(1000 * seconds_between(arrival, now));
    }
  }
  // Whoever arrived in time and never began: their responses are missing, and longer than all others.
  for (; arrival < window.end; burst = schedule.next(), arrival = after(start, burst.arrival_ms / 1000)) {
    ++record.backlog;
    asked_items += in_window(arrival) ? burst.items : 0;
  }
  record.seconds = seconds_between(window.begin, window.end);
  record.load = static_cast<double>(asked_items) * item_ms / 1000 / record.seconds;
  return record;
}

}  // namespace

double calibrate_item_ms(SuiteJob& job, cudaStream_t stream) {
  constexpr int samples = 15;
  constexpr double most_s = 0.3;
  std::vector<double> times;
  ItemEvents events;
  const Moment begin = Clock::now();
  while (times.size() < samples && (times.size() < 3 || seconds_between(begin, Clock::now()) < most_s)) {
    // As a request sees it: enqueued, run and waited for.
    const Moment item = Clock::now();
    events.enqueue(job, stream);
    events.wait();
    times.push_back(1000 * seconds_between(item, Clock::now()));
  }
  std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2), times.end());
  return times[times.size() / 2];
}

WorkRecord work(SuiteJob* job, const JobOptions& options, double item_ms, cudaStream_t stream) {
  constexpr double holder_pause_s = 0.01;
  const Moment now = Clock::now();
  const Window window{.begin = after(now, options.settle_s),
                      .end = after(now, options.settle_s + options.seconds),
                      .stop = after(now, 2 * options.settle_s + options.seconds)};
  if (job == nullptr) {
    std::this_thread::sleep_until(window.stop);
    WorkRecord record;
    record.seconds = options.seconds;
    return record;
  }
  if (options.kind->work == Work::holder) {
    return work_paced(*job, window, holder_pause_s, stream);
  }
  return options.load > 0 ? work_served(*job, options, item_ms, window, stream) : work_closed(*job, window, stream);
}

}  // namespace gpusched::suite
