#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "gpusched/base/result.hpp"
#include "gpusched/profiler/nvml_api.hpp"

namespace gpusched::nvml {

/// The functions that are used, each by the newest name that the loaded library has; nullptr where it has none, which
/// readers take for "this driver does not know".
struct Functions {
  nvmlReturn_t (*init)() = nullptr;
  nvmlReturn_t (*shutdown)() = nullptr;
  nvmlReturn_t (*system_driver_version)(char*, unsigned) = nullptr;
  nvmlReturn_t (*system_nvml_version)(char*, unsigned) = nullptr;

  nvmlReturn_t (*device_count)(unsigned*) = nullptr;
  nvmlReturn_t (*device_by_index)(unsigned, nvmlDevice_t*) = nullptr;
  nvmlReturn_t (*device_uuid)(nvmlDevice_t, char*, unsigned) = nullptr;
  nvmlReturn_t (*device_name)(nvmlDevice_t, char*, unsigned) = nullptr;

  nvmlReturn_t (*utilization)(nvmlDevice_t, nvmlUtilization_t*) = nullptr;
  nvmlReturn_t (*memory_v2)(nvmlDevice_t, nvmlMemory_v2_t*) = nullptr;
  nvmlReturn_t (*memory)(nvmlDevice_t, nvmlMemory_t*) = nullptr;
  nvmlReturn_t (*power)(nvmlDevice_t, unsigned*) = nullptr;                   ///< mW
  nvmlReturn_t (*energy)(nvmlDevice_t, unsigned long long*) = nullptr;        ///< mJ since the driver was loaded
  nvmlReturn_t (*clock)(nvmlDevice_t, nvmlClockType_t, unsigned*) = nullptr;  ///< MHz
  nvmlReturn_t (*clock_reasons)(nvmlDevice_t, unsigned long long*) = nullptr;
  nvmlReturn_t (*temperature)(nvmlDevice_t, nvmlTemperatureSensors_t, unsigned*) = nullptr;  ///< Celsius
  nvmlReturn_t (*ecc_errors)(nvmlDevice_t, nvmlMemoryErrorType_t, nvmlEccCounterType_t, unsigned long long*) = nullptr;

  // Both kinds of entry are listed in the same way: infoCount in and out, INSUFFICIENT_SIZE when it is too small.
  nvmlReturn_t (*compute_processes)(nvmlDevice_t, unsigned*, nvmlProcessInfo_t*) = nullptr;
  nvmlReturn_t (*compute_processes_v1)(nvmlDevice_t, unsigned*, nvmlProcessInfo_v1_t*) = nullptr;
  nvmlReturn_t (*mps_processes)(nvmlDevice_t, unsigned*, nvmlProcessInfo_t*) = nullptr;

  nvmlReturn_t (*mig_mode)(nvmlDevice_t, unsigned* current, unsigned* pending) = nullptr;
  nvmlReturn_t (*max_mig_devices)(nvmlDevice_t, unsigned*) = nullptr;
  nvmlReturn_t (*mig_device_by_index)(nvmlDevice_t, unsigned, nvmlDevice_t*) = nullptr;
  nvmlReturn_t (*gpu_instance_id)(nvmlDevice_t, unsigned*) = nullptr;
  nvmlReturn_t (*compute_instance_id)(nvmlDevice_t, unsigned*) = nullptr;
  nvmlReturn_t (*attributes)(nvmlDevice_t, nvmlDeviceAttributes_t*) = nullptr;

  nvmlReturn_t (*gpm_support)(nvmlDevice_t, nvmlGpmSupport_t*) = nullptr;
  nvmlReturn_t (*gpm_sample_alloc)(nvmlGpmSample_t*) = nullptr;
  nvmlReturn_t (*gpm_sample_free)(nvmlGpmSample_t) = nullptr;
  nvmlReturn_t (*gpm_sample_get)(nvmlDevice_t, nvmlGpmSample_t) = nullptr;
  nvmlReturn_t (*gpm_mig_sample_get)(nvmlDevice_t, unsigned, nvmlGpmSample_t) = nullptr;
  nvmlReturn_t (*gpm_metrics_get)(nvmlGpmMetricsGet_t*) = nullptr;
};

/// "NVML_ERROR_NO_PERMISSION"; "NVML error 77" for a code that is not among the declared ones.
std::string return_name(nvmlReturn_t code);

/// The error of a call that failed: the call, NVML's name for it, and what the user can do.
Error call_error(std::string_view what, nvmlReturn_t code);

/// NVIDIA's management library as the driver of this machine brings it, loaded and initialised. Copies share it; the
/// last one shuts it down. Its functions may be called from several threads.
class Library {
 public:
  /// Loads `path`, a name that the dynamic linker looks for or a file, and calls nvmlInit.
  /// not_found without such a library or without a driver behind it; unsupported where it is not NVML, or where driver
  /// and library are of different versions; io for whatever else nvmlInit says.
  static Result<Library> open(const std::string& path = "libnvidia-ml.so.1");

  const Functions& functions() const { return *functions_; }

 private:
  explicit Library(std::shared_ptr<const Functions> functions) : functions_(std::move(functions)) {}
  std::shared_ptr<const Functions> functions_;  // its deleter shuts NVML down and unloads it
};

}  // namespace gpusched::nvml
