#include "session.hpp"

// What clients of others ask for and no script says: an answer, so that they do not take the library for a broken one.
// The arguments behind the device are of no interest, and C lets a callee not look at them.
#define GPUSCHED_NOT_SUPPORTED(function)                                                            \
  nvmlReturn_t function(nvmlDevice_t device) {                                                      \
    return device_call(#function, device, [](nvmlDevice_st&) { return NVML_ERROR_NOT_SUPPORTED; }); \
  }

namespace gpusched::nvml {

extern "C" {

GPUSCHED_NOT_SUPPORTED(nvmlDeviceGetComputeMode)
GPUSCHED_NOT_SUPPORTED(nvmlDeviceGetDecoderUtilization)
GPUSCHED_NOT_SUPPORTED(nvmlDeviceGetDisplayActive)
GPUSCHED_NOT_SUPPORTED(nvmlDeviceGetDisplayMode)
GPUSCHED_NOT_SUPPORTED(nvmlDeviceGetDriverModel)
GPUSCHED_NOT_SUPPORTED(nvmlDeviceGetDriverModel_v2)
GPUSCHED_NOT_SUPPORTED(nvmlDeviceGetEccMode)
GPUSCHED_NOT_SUPPORTED(nvmlDeviceGetEncoderUtilization)
GPUSCHED_NOT_SUPPORTED(nvmlDeviceGetFanSpeed)
GPUSCHED_NOT_SUPPORTED(nvmlDeviceGetMaxClockInfo)
GPUSCHED_NOT_SUPPORTED(nvmlDeviceGetPcieThroughput)
GPUSCHED_NOT_SUPPORTED(nvmlDeviceGetPerformanceState)
GPUSCHED_NOT_SUPPORTED(nvmlDeviceGetPersistenceMode)
GPUSCHED_NOT_SUPPORTED(nvmlDeviceGetPowerManagementLimit)
// With MIG NVML does not support it anywhere, and without it nothing here uses it.
GPUSCHED_NOT_SUPPORTED(nvmlDeviceGetProcessUtilization)

}  // extern "C"

}  // namespace gpusched::nvml
