#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "gpusched/base/result.hpp"
#include "gpusched/profiler/device_reader.hpp"
#include "gpusched/profiler/device_sample.hpp"
#include "gpusched/profiler/devices.hpp"

namespace gpusched::profiler {

/// What was seen of one device.
struct Recording {
  Device device{};
  std::optional<DeviceSample> before{};  ///< the device before the job was let go
  std::vector<DeviceSample> samples{};
  std::map<std::string, Error> unknown{};  ///< field -> why it could not be read
  std::optional<Error> lost{};             ///< the device went away; samples end there
  std::int64_t missed = 0;                 ///< readings that came too late to be taken
};

/// Reads devices on a thread of its own, at a fixed period without drift: a late reading moves no later one.
class Sampler {
 public:
  /// Readings per second that may be asked for. Below, quantiles mean little; above, reading takes longer than a
  /// period.
  static constexpr double least_hz = 0.1, most_hz = 100;

  /// Reads every device once, as it is before the job. `is_of_job` is called from the thread.
  /// Contract: least_hz <= hz <= most_hz.
  Sampler(const nvml::Library& library, const std::vector<Device>& devices, double hz, DeviceReader::IsOfJob is_of_job);
  ~Sampler() { stop(); }
  Sampler(Sampler&&) = delete;

  void start();
  /// Ends the readings and gives them; a second call gives them again.
  const std::vector<Recording>& stop();

 private:
  void run();
  void read_all(TimeNs now);

  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  TimeNs period_;
  DeviceReader::IsOfJob is_of_job_;
  std::vector<std::unique_ptr<DeviceReader>> readers_;
  std::vector<Recording> recordings_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace gpusched::profiler
