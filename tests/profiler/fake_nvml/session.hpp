#pragma once

#include <cstdio>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>

#include "machine.hpp"

namespace gpusched::nvml {

/// What the library knows between nvmlInit and nvmlShutdown; instances made by a client stay until its process ends.
struct Session {
  std::mutex mutex{};
  int users = 0;
  std::unique_ptr<FakeMachine> machine{};
};
Session& session();

/// Seconds since the first nvmlInit.
double now_s();

/// The error that the script has this function return now.
nvmlReturn_t scripted(const char* function);

/// Every exported function but nvmlInit: one at a time, after nvmlInit, and with the errors of the script.
template <typename Body>
nvmlReturn_t call(const char* function, Body body) {
  const std::lock_guard lock(session().mutex);
  if (session().users == 0) {
    return NVML_ERROR_UNINITIALIZED;
  }
  const nvmlReturn_t error = scripted(function);
  return error == NVML_SUCCESS ? body(*session().machine) : error;
}

/// A call about a device. A handle of an instance that was destroyed is invalid.
template <typename Body>
nvmlReturn_t device_call(const char* function, nvmlDevice_t device, Body body) {
  return call(function, [&](FakeMachine&) {
    if (device == nullptr || (device->compute != nullptr && !device->compute->alive)) {
      return NVML_ERROR_INVALID_ARGUMENT;
    }
    return body(*device);
  });
}

/// A call that MIG devices do not support.
template <typename Body>
nvmlReturn_t gpu_call(const char* function, nvmlDevice_t device, Body body) {
  return device_call(function, device, [&](nvmlDevice_st& found) {
    return found.compute == nullptr ? body(*found.gpu) : NVML_ERROR_NOT_SUPPORTED;
  });
}

inline int instance_of(const nvmlDevice_st& device) {
  return device.compute == nullptr ? -1 : static_cast<int>(device.compute->gpu_instance->id);
}

inline nvmlReturn_t copy_text(const std::string& text, char* buffer, unsigned size) {
  if (buffer == nullptr) {
    return NVML_ERROR_INVALID_ARGUMENT;
  }
  if (text.size() + 1 > size) {
    return NVML_ERROR_INSUFFICIENT_SIZE;
  }
  std::memcpy(buffer, text.c_str(), text.size() + 1);
  return NVML_SUCCESS;
}

template <typename T, typename V>
nvmlReturn_t give(T* out, V value) {
  if (out == nullptr) {
    return NVML_ERROR_INVALID_ARGUMENT;
  }
  *out = static_cast<T>(value);
  return NVML_SUCCESS;
}

/// A scripted value of the device, scaled; NOT_SUPPORTED where the script gives none.
template <typename T>
nvmlReturn_t give_value(const nvmlDevice_st& device, const char* name, double scale, T* out) {
  const std::optional<double> value = device.gpu->value(instance_of(device), name, now_s());
  return value ? give(out, *value * scale + 0.5) : NVML_ERROR_NOT_SUPPORTED;
}

}  // namespace gpusched::nvml
