#include "gpusched/profiler/sampler.hpp"

#include <utility>

#include "gpusched/base/check.hpp"

namespace gpusched::profiler {

namespace {

TimeNs since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

Sampler::Sampler(const nvml::Library& library, const std::vector<Device>& devices, double hz,
                 DeviceReader::IsOfJob is_of_job)
    : period_(static_cast<TimeNs>(static_cast<double>(ns_per_s) / hz)), is_of_job_(std::move(is_of_job)) {
  GPUSCHED_CHECK(hz >= least_hz && hz <= most_hz, "a period out of range");
  for (const Device& device : devices) {
    readers_.push_back(std::make_unique<DeviceReader>(library, device));
    recordings_.push_back({.device = device});
    const Result<DeviceSample> before = readers_.back()->read(since(begin_), is_of_job_);
    if (before) {
      recordings_.back().before = before.value();
    } else {
      recordings_.back().lost = before.error();
    }
  }
}

void Sampler::start() { thread_ = std::thread(&Sampler::run, this); }

const std::vector<Recording>& Sampler::stop() {
  if (thread_.joinable()) {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    thread_.join();
    for (std::size_t i = 0; i < readers_.size(); ++i) {
      recordings_[i].unknown = readers_[i]->unknown();
    }
  }
  return recordings_;
}

void Sampler::run() {
  for (TimeNs tick = since(begin_);;) {
    read_all(since(begin_));
    const TimeNs next = tick + period_;
    const TimeNs late = since(begin_) - next;
    const TimeNs skipped = late > 0 ? late / period_ : 0;
    for (Recording& recording : recordings_) {
      recording.missed += skipped;
    }
    tick = next + skipped * period_;
    std::unique_lock lock(mutex_);
    if (wake_.wait_until(lock, begin_ + std::chrono::nanoseconds(tick), [this] { return stopping_; })) {
      return;
    }
  }
}

void Sampler::read_all(TimeNs now) {
  for (std::size_t i = 0; i < readers_.size(); ++i) {
    Recording& recording = recordings_[i];
    if (recording.lost) {
      continue;
    }
    Result<DeviceSample> sample = readers_[i]->read(now, is_of_job_);
    if (sample) {
      recording.samples.push_back(std::move(sample).value());
    } else {
      recording.lost = sample.error();
    }
  }
}

}  // namespace gpusched::profiler
