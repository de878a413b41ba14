#pragma once

/// What this project uses of NVIDIA's NVML, declared anew because no driver and no CUDA package that it needs at run
/// time ships nvml.h. Names, values and layouts are NVML's own; meaning and units: NVIDIA's "NVML API Reference" (R580
/// and later), https://docs.nvidia.com/deploy/nvml-api. tests/profiler/clients compares the layouts with NVIDIA's
/// header.
namespace gpusched::nvml {

using nvmlReturn_t = int;
inline constexpr nvmlReturn_t NVML_SUCCESS = 0;
inline constexpr nvmlReturn_t NVML_ERROR_UNINITIALIZED = 1;
inline constexpr nvmlReturn_t NVML_ERROR_INVALID_ARGUMENT = 2;
inline constexpr nvmlReturn_t NVML_ERROR_NOT_SUPPORTED = 3;
inline constexpr nvmlReturn_t NVML_ERROR_NO_PERMISSION = 4;
inline constexpr nvmlReturn_t NVML_ERROR_NOT_FOUND = 6;
inline constexpr nvmlReturn_t NVML_ERROR_INSUFFICIENT_SIZE = 7;
inline constexpr nvmlReturn_t NVML_ERROR_DRIVER_NOT_LOADED = 9;
inline constexpr nvmlReturn_t NVML_ERROR_FUNCTION_NOT_FOUND = 13;
inline constexpr nvmlReturn_t NVML_ERROR_GPU_IS_LOST = 15;
inline constexpr nvmlReturn_t NVML_ERROR_RESET_REQUIRED = 16;
inline constexpr nvmlReturn_t NVML_ERROR_OPERATING_SYSTEM = 17;
inline constexpr nvmlReturn_t NVML_ERROR_LIB_RM_VERSION_MISMATCH = 18;
inline constexpr nvmlReturn_t NVML_ERROR_IN_USE = 19;
inline constexpr nvmlReturn_t NVML_ERROR_NO_DATA = 21;
inline constexpr nvmlReturn_t NVML_ERROR_INSUFFICIENT_RESOURCES = 23;
inline constexpr nvmlReturn_t NVML_ERROR_ARGUMENT_VERSION_MISMATCH = 25;
inline constexpr nvmlReturn_t NVML_ERROR_UNKNOWN = 999;

using nvmlDevice_t = struct nvmlDevice_st*;

inline constexpr unsigned NVML_DEVICE_UUID_V2_BUFFER_SIZE = 96;
inline constexpr unsigned NVML_DEVICE_NAME_V2_BUFFER_SIZE = 96;
inline constexpr unsigned NVML_SYSTEM_DRIVER_VERSION_BUFFER_SIZE = 80;
inline constexpr unsigned NVML_SYSTEM_NVML_VERSION_BUFFER_SIZE = 80;

/// `version` of a versioned struct: its size and a number.
template <typename Struct>
constexpr unsigned nvml_struct_version(unsigned number) {
  return static_cast<unsigned>(sizeof(Struct)) | (number << 24U);
}

struct nvmlUtilization_t {
  unsigned gpu, memory;  ///< per cent of the last 1/6 to 1 s
};

struct nvmlMemory_t {
  unsigned long long total, free, used;  ///< bytes; used includes what the driver reserves
};

struct nvmlMemory_v2_t {
  unsigned version;
  unsigned long long total, reserved, free, used;  ///< bytes
};

/// Of nvmlDeviceGetComputeRunningProcesses without a suffix.
struct nvmlProcessInfo_v1_t {
  unsigned pid;
  unsigned long long usedGpuMemory;  ///< bytes; all bits set: not available
};

struct nvmlProcessInfo_t {
  unsigned pid;
  unsigned long long usedGpuMemory;
  unsigned gpuInstanceId, computeInstanceId;
};
inline constexpr unsigned long long NVML_VALUE_NOT_AVAILABLE = ~0ULL;

struct nvmlDeviceAttributes_t {
  unsigned multiprocessorCount, sharedCopyEngineCount, sharedDecoderCount, sharedEncoderCount, sharedJpegCount,
      sharedOfaCount, gpuInstanceSliceCount, computeInstanceSliceCount;
  unsigned long long memorySizeMB;
};

enum nvmlClockType_t : int { NVML_CLOCK_GRAPHICS = 0, NVML_CLOCK_SM = 1, NVML_CLOCK_MEM = 2 };
enum nvmlTemperatureSensors_t : int { NVML_TEMPERATURE_GPU = 0 };
enum nvmlMemoryErrorType_t : int { NVML_MEMORY_ERROR_TYPE_CORRECTED = 0, NVML_MEMORY_ERROR_TYPE_UNCORRECTED = 1 };
enum nvmlEccCounterType_t : int { NVML_VOLATILE_ECC = 0, NVML_AGGREGATE_ECC = 1 };
inline constexpr unsigned NVML_DEVICE_MIG_DISABLE = 0;
inline constexpr unsigned NVML_DEVICE_MIG_ENABLE = 1;

inline constexpr unsigned long long nvmlClocksEventReasonSwPowerCap = 0x004;
inline constexpr unsigned long long nvmlClocksThrottleReasonHwSlowdown = 0x008;
inline constexpr unsigned long long nvmlClocksEventReasonSwThermalSlowdown = 0x020;
inline constexpr unsigned long long nvmlClocksThrottleReasonHwThermalSlowdown = 0x040;
inline constexpr unsigned long long nvmlClocksThrottleReasonHwPowerBrakeSlowdown = 0x080;

enum nvmlGpmMetricId_t : unsigned {
  NVML_GPM_METRIC_GRAPHICS_UTIL = 1,     ///< per cent of time
  NVML_GPM_METRIC_SM_UTIL = 2,           ///< per cent of SMs and time
  NVML_GPM_METRIC_SM_OCCUPANCY = 3,      ///< per cent of the warps that fit
  NVML_GPM_METRIC_ANY_TENSOR_UTIL = 5,   ///< per cent of time
  NVML_GPM_METRIC_DRAM_BW_UTIL = 10,     ///< per cent of the bandwidth
  NVML_GPM_METRIC_PCIE_TX_PER_SEC = 20,  ///< MiB per second, from the GPU
  NVML_GPM_METRIC_PCIE_RX_PER_SEC = 21,  ///< MiB per second, to the GPU
};
/// As of CUDA 13; older libraries know fewer and look at numMetrics entries alone.
inline constexpr unsigned NVML_GPM_METRIC_MAX = 333;

struct nvmlGpmSample_t {
  struct nvmlGpmSample_st* handle;
};

struct nvmlGpmMetric_t {
  unsigned metricId;
  nvmlReturn_t nvmlReturn;
  double value;
  struct {
    char *shortName, *longName, *unit;
  } metricInfo;
};

inline constexpr unsigned NVML_GPM_METRICS_GET_VERSION = 1;
struct nvmlGpmMetricsGet_t {
  unsigned version, numMetrics;
  nvmlGpmSample_t sample1, sample2;
  nvmlGpmMetric_t metrics[NVML_GPM_METRIC_MAX];
};

inline constexpr unsigned NVML_GPM_SUPPORT_VERSION = 1;
struct nvmlGpmSupport_t {
  unsigned version, isSupportedDevice;
};

}  // namespace gpusched::nvml
