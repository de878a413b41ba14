#include <algorithm>
#include <vector>

#include <cuda.h>
#include <cudaTypedefs.h>

#include "device.cuh"

namespace gpusched::suite {

namespace {

/// Driver functions come through the runtime, so that the program starts where there is no driver and can say so.
template <typename Function>
Function driver_function(const char* name, unsigned version) {
  void* found = nullptr;
  cudaDriverEntryPointQueryResult status = cudaDriverEntryPointSymbolNotFound;
  require(cudaGetDriverEntryPointByVersion(name, &found, version, cudaEnableDefault, &status),
          "cudaGetDriverEntryPointByVersion", name);
  if (status != cudaDriverEntryPointSuccess || found == nullptr) {
    throw DeviceError(std::string("this driver has no ") + name +
                      ", which green contexts need. Use a driver of CUDA 12.5 or later, or leave out --sms");
  }
  return reinterpret_cast<Function>(found);
}

void require_driver(CUresult outcome, const char* call, const std::string& value) {
  if (outcome == CUDA_SUCCESS) {
    return;
  }
  const char* text = nullptr;
  const auto describe = driver_function<PFN_cuGetErrorString_v6000>("cuGetErrorString", 6000);
  describe(outcome, &text);
  throw DeviceError(std::string(call) + " of " + value + ": " + (text == nullptr ? "unknown error" : text) + " (" +
                    std::to_string(static_cast<int>(outcome)) + ")");
}

/// Marks the SM of every block; blocks stay for a moment, so that they spread over all SMs there are.
__global__ void mark_sms(unsigned char* seen, long long cycles) {
  unsigned sm = 0;
  asm volatile("mov.u32 %0, %%smid;" : "=r"(sm));
  if (threadIdx.x == 0) {
    seen[sm] = 1;
  }
  const long long begin = clock64();
  while (clock64() - begin < cycles) {
  }
}

int count_sms(cudaStream_t stream, int sms) {
  constexpr std::size_t most = 1024;
  DeviceBuffer<unsigned char> seen(most);
  require(cudaMemsetAsync(seen.data(), 0, most, stream), "cudaMemsetAsync");
  mark_sms<<<2 * sms, 1024, 0, stream>>>(seen.data(), 100'000);
  require(cudaGetLastError(), "launch of mark_sms");
  require(cudaStreamSynchronize(stream), "mark_sms");
  std::vector<unsigned char> marks(most);
  require(cudaMemcpy(marks.data(), seen.data(), most, cudaMemcpyDeviceToHost), "cudaMemcpy to the host");
  return static_cast<int>(std::count(marks.begin(), marks.end(), 1));
}

int attribute(cudaDeviceAttr which, const char* name) {
  int value = 0;
  require(cudaDeviceGetAttribute(&value, which, 0), "cudaDeviceGetAttribute", name);
  return value;
}

std::string uuid_text(const cudaUUID_t& uuid) {
  constexpr const char* digits = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < sizeof(uuid.bytes); ++i) {
    text += i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "";
    const auto byte = static_cast<unsigned char>(uuid.bytes[i]);
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

}  // namespace

void require(cudaError_t outcome, const char* call, const std::string& value) {
  if (outcome != cudaSuccess) {
    throw DeviceError(std::string(call) + (value.empty() ? "" : " of " + value) + ": " + cudaGetErrorString(outcome) +
                      " (" + cudaGetErrorName(outcome) + ")");
  }
}

Device::Device(int sms) {
  int count = 0;
  const cudaError_t outcome = cudaGetDeviceCount(&count);
  if (outcome != cudaSuccess || count == 0) {
    throw DeviceError(std::string("no GPU: ") +
                      (outcome == cudaSuccess ? "CUDA finds no device" : cudaGetErrorString(outcome)) +
                      ". This program needs an NVIDIA GPU and its driver; with MIG on, an instance with a compute "
                      "instance");
  }
  require(cudaSetDevice(0), "cudaSetDevice", "0");
  require(cudaFree(nullptr), "creating a context");
  std::size_t total = 0;
  require(cudaMemGetInfo(&free_bytes_, &total), "cudaMemGetInfo");
  sms_ = attribute(cudaDevAttrMultiProcessorCount, "multiprocessor count");
  if (sms > 0) {
    enter_green_context(sms);
  } else {
    require(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
  }
}

Device::~Device() {
  cudaStreamDestroy(stream_);
  // The green context goes with the process.
}

void Device::enter_green_context(int sms) {
  const std::string value = std::to_string(sms) + " SMs";
  CUdevice device = 0;
  require_driver(driver_function<PFN_cuDeviceGet_v2000>("cuDeviceGet", 2000)(&device, 0), "cuDeviceGet", "0");
  CUdevResource all{};
  require_driver(driver_function<PFN_cuDeviceGetDevResource_v12040>("cuDeviceGetDevResource", 12040)(
                     device, &all, CU_DEV_RESOURCE_TYPE_SM),
                 "cuDeviceGetDevResource", "SMs");
  CUdevResource part{};
  unsigned groups = 1;
  require_driver(driver_function<PFN_cuDevSmResourceSplitByCount_v12040>("cuDevSmResourceSplitByCount", 12040)(
                     &part, &groups, &all, nullptr, 0, static_cast<unsigned>(sms)),
                 "cuDevSmResourceSplitByCount", value);
  if (groups != 1) {
    throw DeviceError("cuDevSmResourceSplitByCount of " + value + ": the device has " + std::to_string(all.sm.smCount));
  }
  CUdevResourceDesc descriptor = nullptr;
  require_driver(
      driver_function<PFN_cuDevResourceGenerateDesc_v12040>("cuDevResourceGenerateDesc", 12040)(&descriptor, &part, 1),
      "cuDevResourceGenerateDesc", value);
  CUgreenCtx context = nullptr;
  require_driver(driver_function<PFN_cuGreenCtxCreate_v12040>("cuGreenCtxCreate", 12040)(&context, descriptor, device,
                                                                                         CU_GREEN_CTX_DEFAULT_STREAM),
                 "cuGreenCtxCreate", value);
  // The primary context stays current: memory belongs to it, kernels run where their stream belongs.
  CUstream stream = nullptr;
  require_driver(driver_function<PFN_cuGreenCtxStreamCreate_v12050>("cuGreenCtxStreamCreate", 12050)(
                     &stream, context, CU_STREAM_NON_BLOCKING, 0),
                 "cuGreenCtxStreamCreate", value);
  green_context_ = context;
  stream_ = stream;
  sms_ = static_cast<int>(part.sm.smCount);
}

FlatObject Device::description() const {
  cudaDeviceProp properties{};
  require(cudaGetDeviceProperties(&properties, 0), "cudaGetDeviceProperties", "0");
  int driver = 0;
  int runtime = 0;
  require(cudaDriverGetVersion(&driver), "cudaDriverGetVersion");
  require(cudaRuntimeGetVersion(&runtime), "cudaRuntimeGetVersion");
  const double memory_khz = attribute(cudaDevAttrMemoryClockRate, "memory clock");
  const double bus_bits = attribute(cudaDevAttrGlobalMemoryBusWidth, "memory bus width");
  FlatObject line;
  line.set("gpu", properties.name)
      .set("uuid", uuid_text(properties.uuid))
      .set("compute_capability", std::to_string(properties.major) + "." + std::to_string(properties.minor))
      .set("cuda_driver", driver)
      .set("cuda_runtime", runtime)
      .set("total_mib", static_cast<double>(properties.totalGlobalMem >> 20))
      .set("free_mib", static_cast<double>(free_bytes_) / (1 << 20))
      .set("l2_mib", static_cast<double>(properties.l2CacheSize) / (1 << 20))
      .set("memory_bytes_per_s", 2 * memory_khz * 1000 * bus_bits / 8)  // data moves on both edges of the clock
      .set("sm_khz", attribute(cudaDevAttrClockRate, "SM clock"))
      .set("device_sms", properties.multiProcessorCount)
      .set("sms", sms_)
      .set("sms_seen", count_sms(stream_, properties.multiProcessorCount))
      .set("part", green_context_ != nullptr ? "green_context" : "whole");
  return line;
}

}  // namespace gpusched::suite
