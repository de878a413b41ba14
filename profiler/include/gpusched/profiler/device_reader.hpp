#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>

#include "gpusched/base/result.hpp"
#include "gpusched/profiler/device_sample.hpp"
#include "gpusched/profiler/devices.hpp"

namespace gpusched::profiler {

/// Reads one device again and again.
class DeviceReader {
 public:
  /// Says of a process whether it is part of the job.
  using IsOfJob = std::function<bool(int pid)>;

  DeviceReader(nvml::Library library, Device device);
  ~DeviceReader();
  DeviceReader(DeviceReader&&) = delete;

  /// All fields but `at`. GPM needs more than 100 ms between its readings (NVIDIA): where less has passed since the
  /// last one, its fields are unknown. An error where the device itself is gone (GPU_IS_LOST and the like).
  Result<DeviceSample> read(TimeNs now, const IsOfJob& is_of_job);

  /// Why fields were unknown, by the name of the field; the first reason of each.
  const std::map<std::string, Error>& unknown() const { return unknown_; }
  const Device& device() const { return device_; }

 private:
  void read_gpu(DeviceSample& sample);
  void read_memory(DeviceSample& sample);
  void read_processes(DeviceSample& sample, const IsOfJob& is_of_job);
  void read_gpm(DeviceSample& sample);
  void compute_gpm(DeviceSample& sample);
  bool start_gpm();

  template <typename Function, typename... Arguments>
  bool ask(const char* field, const char* call, Function* function, Arguments... arguments);

  nvml::Library library_;
  const nvml::Functions& nvml_;
  Device device_;
  std::map<std::string, Error> unknown_;
  Status lost_;
  bool gpm_ = false;
  bool gpm_has_last_ = false;
  std::chrono::steady_clock::time_point gpm_last_at_{};
  nvml::nvmlGpmSample_t gpm_last_{}, gpm_next_{};
};

}  // namespace gpusched::profiler
