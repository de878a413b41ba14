#include <algorithm>
#include <array>
#include <initializer_list>

#include <dlfcn.h>

#include "gpusched/profiler/nvml_library.hpp"

namespace gpusched::nvml {

namespace {

struct ReturnText {
  nvmlReturn_t code;
  const char* name;
  ErrorCode kind;
  const char* remedy;
};

constexpr std::array return_texts = {
    ReturnText{NVML_ERROR_UNINITIALIZED, "NVML_ERROR_UNINITIALIZED", ErrorCode::io, ""},
    ReturnText{NVML_ERROR_INVALID_ARGUMENT, "NVML_ERROR_INVALID_ARGUMENT", ErrorCode::invalid_argument, ""},
    ReturnText{NVML_ERROR_NOT_SUPPORTED, "NVML_ERROR_NOT_SUPPORTED", ErrorCode::unsupported,
               "This GPU or driver does not offer it"},
    ReturnText{NVML_ERROR_NO_PERMISSION, "NVML_ERROR_NO_PERMISSION", ErrorCode::io,
               "Run it as root, or have the administrator load the driver with NVreg_RestrictProfilingToAdminUsers=0"},
    ReturnText{NVML_ERROR_NOT_FOUND, "NVML_ERROR_NOT_FOUND", ErrorCode::not_found,
               "`nvidia-smi -L` lists what is there"},
    ReturnText{NVML_ERROR_INSUFFICIENT_SIZE, "NVML_ERROR_INSUFFICIENT_SIZE", ErrorCode::io, ""},
    ReturnText{NVML_ERROR_DRIVER_NOT_LOADED, "NVML_ERROR_DRIVER_NOT_LOADED", ErrorCode::not_found,
               "Load NVIDIA's kernel driver (`modprobe nvidia`), or in a container ask for the GPU"},
    ReturnText{NVML_ERROR_FUNCTION_NOT_FOUND, "NVML_ERROR_FUNCTION_NOT_FOUND", ErrorCode::unsupported,
               "A newer driver has it"},
    ReturnText{NVML_ERROR_GPU_IS_LOST, "NVML_ERROR_GPU_IS_LOST", ErrorCode::io,
               "The GPU fell off the bus: see the kernel's log (`dmesg`) for Xid lines, reset the GPU or reboot"},
    ReturnText{NVML_ERROR_RESET_REQUIRED, "NVML_ERROR_RESET_REQUIRED", ErrorCode::io, "Reset the GPU"},
    ReturnText{NVML_ERROR_OPERATING_SYSTEM, "NVML_ERROR_OPERATING_SYSTEM", ErrorCode::io,
               "The operating system keeps the GPU from this process: look at its cgroup and at /dev/nvidia*"},
    ReturnText{NVML_ERROR_LIB_RM_VERSION_MISMATCH, "NVML_ERROR_LIB_RM_VERSION_MISMATCH", ErrorCode::unsupported,
               "Library and kernel driver are of different versions, as after an update: reboot, or reload the driver"},
    ReturnText{NVML_ERROR_IN_USE, "NVML_ERROR_IN_USE", ErrorCode::io, "Something uses it"},
    ReturnText{NVML_ERROR_NO_DATA, "NVML_ERROR_NO_DATA", ErrorCode::not_found, ""},
    ReturnText{NVML_ERROR_INSUFFICIENT_RESOURCES, "NVML_ERROR_INSUFFICIENT_RESOURCES", ErrorCode::io, ""},
    ReturnText{NVML_ERROR_ARGUMENT_VERSION_MISMATCH, "NVML_ERROR_ARGUMENT_VERSION_MISMATCH", ErrorCode::unsupported,
               "The driver is of another version than this program knows"},
    ReturnText{NVML_ERROR_UNKNOWN, "NVML_ERROR_UNKNOWN", ErrorCode::io, ""},
};

const ReturnText* find_text(nvmlReturn_t code) {
  const auto row =
      std::find_if(return_texts.begin(), return_texts.end(), [&](const ReturnText& text) { return text.code == code; });
  return row == return_texts.end() ? nullptr : &*row;
}

/// The first of these names that the library exports; its newest version comes first.
template <typename Function>
void load(void* handle, Function*& function, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (function = reinterpret_cast<Function*>(dlsym(handle, name)); function != nullptr) {
      return;
    }
  }
}

Functions load_functions(void* handle) {
  Functions f;
  load(handle, f.init, {"nvmlInit_v2", "nvmlInit"});
  load(handle, f.shutdown, {"nvmlShutdown"});
  load(handle, f.system_driver_version, {"nvmlSystemGetDriverVersion"});
  load(handle, f.system_nvml_version, {"nvmlSystemGetNVMLVersion"});
  load(handle, f.device_count, {"nvmlDeviceGetCount_v2", "nvmlDeviceGetCount"});
  load(handle, f.device_by_index, {"nvmlDeviceGetHandleByIndex_v2", "nvmlDeviceGetHandleByIndex"});
  load(handle, f.device_uuid, {"nvmlDeviceGetUUID"});
  load(handle, f.device_name, {"nvmlDeviceGetName"});
  load(handle, f.utilization, {"nvmlDeviceGetUtilizationRates"});
  load(handle, f.memory_v2, {"nvmlDeviceGetMemoryInfo_v2"});
  load(handle, f.memory, {"nvmlDeviceGetMemoryInfo"});
  load(handle, f.power, {"nvmlDeviceGetPowerUsage"});
  load(handle, f.energy, {"nvmlDeviceGetTotalEnergyConsumption"});
  load(handle, f.clock, {"nvmlDeviceGetClockInfo"});
  load(handle, f.clock_reasons,
       {"nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons"});
  load(handle, f.temperature, {"nvmlDeviceGetTemperature"});
  load(handle, f.ecc_errors, {"nvmlDeviceGetTotalEccErrors"});
  load(handle, f.compute_processes,
       {"nvmlDeviceGetComputeRunningProcesses_v3", "nvmlDeviceGetComputeRunningProcesses_v2"});
  load(handle, f.compute_processes_v1, {"nvmlDeviceGetComputeRunningProcesses"});
  load(handle, f.mps_processes,
       {"nvmlDeviceGetMPSComputeRunningProcesses_v3", "nvmlDeviceGetMPSComputeRunningProcesses_v2"});
  load(handle, f.mig_mode, {"nvmlDeviceGetMigMode"});
  load(handle, f.max_mig_devices, {"nvmlDeviceGetMaxMigDeviceCount"});
  load(handle, f.mig_device_by_index, {"nvmlDeviceGetMigDeviceHandleByIndex"});
  load(handle, f.gpu_instance_id, {"nvmlDeviceGetGpuInstanceId"});
  load(handle, f.compute_instance_id, {"nvmlDeviceGetComputeInstanceId"});
  load(handle, f.attributes, {"nvmlDeviceGetAttributes_v2", "nvmlDeviceGetAttributes"});
  load(handle, f.gpm_support, {"nvmlGpmQueryDeviceSupport"});
  load(handle, f.gpm_sample_alloc, {"nvmlGpmSampleAlloc"});
  load(handle, f.gpm_sample_free, {"nvmlGpmSampleFree"});
  load(handle, f.gpm_sample_get, {"nvmlGpmSampleGet"});
  load(handle, f.gpm_mig_sample_get, {"nvmlGpmMigSampleGet"});
  load(handle, f.gpm_metrics_get, {"nvmlGpmMetricsGet"});
  return f;
}

}  // namespace

std::string return_name(nvmlReturn_t code) {
  const ReturnText* const text = find_text(code);
  return text == nullptr ? "NVML error " + std::to_string(code) : text->name;
}

Error call_error(std::string_view what, nvmlReturn_t code) {
  const ReturnText* const text = find_text(code);
  return {.code = text == nullptr ? ErrorCode::io : text->kind,
          .message = std::string(what) + ": " + return_name(code),
          .file = {},
          .line = 0,
          .remedy = text == nullptr ? "" : text->remedy};
}

Result<Library> Library::open(const std::string& path) {
  void* const handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* const why = dlerror();
    return Error{.code = ErrorCode::not_found,
                 .message = "no NVIDIA driver here: " + std::string(why == nullptr ? path : why),
                 .file = {},
                 .line = 0,
                 .remedy = "NVML comes with the driver: install it, or in a container ask for the GPU"};
  }
  const Functions functions = load_functions(handle);
  if (functions.init == nullptr || functions.shutdown == nullptr || functions.device_count == nullptr ||
      functions.device_by_index == nullptr) {
    dlclose(handle);
    return Error{.code = ErrorCode::unsupported,
                 .message = path + " has no nvmlInit, so it is not NVIDIA's NVML",
                 .file = {},
                 .line = 0,
                 .remedy = "Look for another file of that name on LD_LIBRARY_PATH"};
  }
  if (const nvmlReturn_t code = functions.init(); code != NVML_SUCCESS) {
    dlclose(handle);
    return call_error("nvmlInit", code);
  }
  return Library(std::shared_ptr<const Functions>(new Functions(functions), [handle](const Functions* loaded) {
    loaded->shutdown();
    dlclose(handle);
    delete loaded;
  }));
}

}  // namespace gpusched::nvml
