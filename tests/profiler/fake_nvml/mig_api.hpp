#pragma once

#include "gpusched/profiler/nvml_api.hpp"

/// What the double offers of NVML beyond what the profiler calls: clients of others ask for it. Names and layouts are
/// NVML's; tests/profiler/clients compares them with NVIDIA's header.
namespace gpusched::nvml {

struct nvmlPciInfo_t {
  char busIdLegacy[16];
  unsigned domain, bus, device, pciDeviceId, pciSubSystemId;
  char busId[32];
};

struct nvmlBAR1Memory_t {
  unsigned long long bar1Total, bar1Free, bar1Used;
};

struct nvmlGpuInstance_t {
  struct nvmlGpuInstance_st* handle;
};
struct nvmlComputeInstance_t {
  struct nvmlComputeInstance_st* handle;
};

struct nvmlGpuInstancePlacement_t {
  unsigned start, size;
};
using nvmlComputeInstancePlacement_t = nvmlGpuInstancePlacement_t;

struct nvmlGpuInstanceProfileInfo_t {
  unsigned id, isP2pSupported, sliceCount, instanceCount, multiprocessorCount, copyEngineCount, decoderCount,
      encoderCount, jpegCount, ofaCount;
  unsigned long long memorySizeMB;
};
struct nvmlGpuInstanceProfileInfo_v2_t {
  unsigned version, id, isP2pSupported, sliceCount, instanceCount, multiprocessorCount, copyEngineCount, decoderCount,
      encoderCount, jpegCount, ofaCount;
  unsigned long long memorySizeMB;
  char name[NVML_DEVICE_NAME_V2_BUFFER_SIZE];
};
struct nvmlGpuInstanceProfileInfo_v3_t {
  unsigned version, id, sliceCount, instanceCount, multiprocessorCount, copyEngineCount, decoderCount, encoderCount,
      jpegCount, ofaCount;
  unsigned long long memorySizeMB;
  char name[NVML_DEVICE_NAME_V2_BUFFER_SIZE];
  unsigned capabilities;
};
struct nvmlGpuInstanceInfo_t {
  nvmlDevice_t device;
  unsigned id, profileId;
  nvmlGpuInstancePlacement_t placement;
};

struct nvmlComputeInstanceProfileInfo_t {
  unsigned id, sliceCount, instanceCount, multiprocessorCount, sharedCopyEngineCount, sharedDecoderCount,
      sharedEncoderCount, sharedJpegCount, sharedOfaCount;
};
struct nvmlComputeInstanceProfileInfo_v2_t {
  unsigned version, id, sliceCount, instanceCount, multiprocessorCount, sharedCopyEngineCount, sharedDecoderCount,
      sharedEncoderCount, sharedJpegCount, sharedOfaCount;
  char name[NVML_DEVICE_NAME_V2_BUFFER_SIZE];
};
struct nvmlComputeInstanceInfo_t {
  nvmlDevice_t device;
  nvmlGpuInstance_t gpuInstance;
  unsigned id, profileId;
  nvmlComputeInstancePlacement_t placement;
};

inline constexpr unsigned NVML_GPU_INSTANCE_PROFILE_COUNT = 0x12;
inline constexpr unsigned NVML_COMPUTE_INSTANCE_PROFILE_COUNT = 0x9;

}  // namespace gpusched::nvml
