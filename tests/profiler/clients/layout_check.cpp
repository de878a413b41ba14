// Compiled, never run: our declarations of NVML have the layouts of NVIDIA's header, which go-nvml ships.
#include <cstddef>

#include <nvml.h>

// Names that are macros there are constants here.
constexpr unsigned long long reasons[] = {
    nvmlClocksEventReasonSwPowerCap, nvmlClocksThrottleReasonHwSlowdown, nvmlClocksEventReasonSwThermalSlowdown,
    nvmlClocksThrottleReasonHwThermalSlowdown, nvmlClocksThrottleReasonHwPowerBrakeSlowdown};
constexpr unsigned memory_version = nvmlMemory_v2;
#undef nvmlClocksEventReasonSwPowerCap
#undef nvmlClocksThrottleReasonHwSlowdown
#undef nvmlClocksEventReasonSwThermalSlowdown
#undef nvmlClocksThrottleReasonHwThermalSlowdown
#undef nvmlClocksThrottleReasonHwPowerBrakeSlowdown
#undef NVML_DEVICE_UUID_V2_BUFFER_SIZE
#undef NVML_DEVICE_NAME_V2_BUFFER_SIZE
#undef NVML_SYSTEM_DRIVER_VERSION_BUFFER_SIZE
#undef NVML_SYSTEM_NVML_VERSION_BUFFER_SIZE
#undef NVML_VALUE_NOT_AVAILABLE
#undef NVML_DEVICE_MIG_DISABLE
#undef NVML_DEVICE_MIG_ENABLE
#undef NVML_GPM_METRICS_GET_VERSION
#undef NVML_GPM_SUPPORT_VERSION
#undef NVML_GPU_INSTANCE_PROFILE_COUNT
#undef NVML_COMPUTE_INSTANCE_PROFILE_COUNT

#include "profiler/fake_nvml/mig_api.hpp"

namespace ours = gpusched::nvml;

#define SAME_SIZE(name) static_assert(sizeof(::name) == sizeof(ours::name), #name)
#define SAME_FIELD(name, field)                                                                                     \
  static_assert(                                                                                                    \
      offsetof(::name, field) == offsetof(ours::name, field) && sizeof(::name::field) == sizeof(ours::name::field), \
      #name "." #field)
#define SAME_VALUE(name, value) static_assert(static_cast<unsigned long long>(value) == ours::name, #name)

SAME_SIZE(nvmlReturn_t);
SAME_SIZE(nvmlDevice_t);
SAME_SIZE(nvmlUtilization_t);
SAME_FIELD(nvmlUtilization_t, memory);
SAME_SIZE(nvmlMemory_t);
SAME_FIELD(nvmlMemory_t, used);
SAME_SIZE(nvmlMemory_v2_t);
SAME_FIELD(nvmlMemory_v2_t, reserved);
SAME_FIELD(nvmlMemory_v2_t, used);
SAME_SIZE(nvmlProcessInfo_v1_t);
SAME_SIZE(nvmlProcessInfo_t);
SAME_FIELD(nvmlProcessInfo_t, usedGpuMemory);
SAME_FIELD(nvmlProcessInfo_t, computeInstanceId);
SAME_SIZE(nvmlDeviceAttributes_t);
SAME_FIELD(nvmlDeviceAttributes_t, computeInstanceSliceCount);
SAME_FIELD(nvmlDeviceAttributes_t, memorySizeMB);
SAME_SIZE(nvmlGpmMetric_t);
SAME_FIELD(nvmlGpmMetric_t, value);
SAME_FIELD(nvmlGpmMetricsGet_t, sample2);
SAME_FIELD(nvmlGpmMetricsGet_t, metrics[0]);
SAME_SIZE(nvmlGpmSupport_t);
SAME_SIZE(nvmlPciInfo_t);
SAME_FIELD(nvmlPciInfo_t, busId);
SAME_SIZE(nvmlBAR1Memory_t);
SAME_SIZE(nvmlGpuInstancePlacement_t);
SAME_SIZE(nvmlComputeInstancePlacement_t);
SAME_SIZE(nvmlGpuInstanceProfileInfo_t);
SAME_FIELD(nvmlGpuInstanceProfileInfo_t, memorySizeMB);
SAME_SIZE(nvmlGpuInstanceProfileInfo_v2_t);
SAME_FIELD(nvmlGpuInstanceProfileInfo_v2_t, name);
SAME_SIZE(nvmlGpuInstanceProfileInfo_v3_t);
SAME_FIELD(nvmlGpuInstanceProfileInfo_v3_t, name);
SAME_SIZE(nvmlGpuInstanceInfo_t);
SAME_SIZE(nvmlComputeInstanceProfileInfo_t);
SAME_SIZE(nvmlComputeInstanceInfo_t);
SAME_FIELD(nvmlComputeInstanceInfo_t, placement);
static_assert(memory_version == ours::nvml_struct_version<ours::nvmlMemory_v2_t>(2));
static_assert(reasons[0] == ours::nvmlClocksEventReasonSwPowerCap);
static_assert(reasons[1] == ours::nvmlClocksThrottleReasonHwSlowdown);
static_assert(reasons[2] == ours::nvmlClocksEventReasonSwThermalSlowdown);
static_assert(reasons[3] == ours::nvmlClocksThrottleReasonHwThermalSlowdown);
static_assert(reasons[4] == ours::nvmlClocksThrottleReasonHwPowerBrakeSlowdown);
SAME_VALUE(NVML_ERROR_NO_PERMISSION, ::NVML_ERROR_NO_PERMISSION);
SAME_VALUE(NVML_ERROR_DRIVER_NOT_LOADED, ::NVML_ERROR_DRIVER_NOT_LOADED);
SAME_VALUE(NVML_ERROR_GPU_IS_LOST, ::NVML_ERROR_GPU_IS_LOST);
SAME_VALUE(NVML_ERROR_LIB_RM_VERSION_MISMATCH, ::NVML_ERROR_LIB_RM_VERSION_MISMATCH);
SAME_VALUE(NVML_ERROR_INSUFFICIENT_RESOURCES, ::NVML_ERROR_INSUFFICIENT_RESOURCES);
SAME_VALUE(NVML_ERROR_ARGUMENT_VERSION_MISMATCH, ::NVML_ERROR_ARGUMENT_VERSION_MISMATCH);
SAME_VALUE(NVML_CLOCK_MEM, ::NVML_CLOCK_MEM);
SAME_VALUE(NVML_GPM_METRIC_ANY_TENSOR_UTIL, ::NVML_GPM_METRIC_ANY_TENSOR_UTIL);
SAME_VALUE(NVML_GPM_METRIC_DRAM_BW_UTIL, ::NVML_GPM_METRIC_DRAM_BW_UTIL);
SAME_VALUE(NVML_GPM_METRIC_PCIE_RX_PER_SEC, ::NVML_GPM_METRIC_PCIE_RX_PER_SEC);
