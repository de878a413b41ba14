#include <array>

#include "session.hpp"

namespace gpusched::nvml {

namespace {

struct Metric {
  unsigned id;
  const char* name;
  double scale;
};
constexpr std::array metrics = {Metric{NVML_GPM_METRIC_GRAPHICS_UTIL, "engine_active", 100},
                                Metric{NVML_GPM_METRIC_SM_UTIL, "sm_active", 100},
                                Metric{NVML_GPM_METRIC_SM_OCCUPANCY, "sm_occupancy", 100},
                                Metric{NVML_GPM_METRIC_ANY_TENSOR_UTIL, "tensor_active", 100},
                                Metric{NVML_GPM_METRIC_DRAM_BW_UTIL, "dram_active", 100},
                                Metric{NVML_GPM_METRIC_PCIE_TX_PER_SEC, "pcie_tx_mib_s", 1},
                                Metric{NVML_GPM_METRIC_PCIE_RX_PER_SEC, "pcie_rx_mib_s", 1}};

nvmlReturn_t take(FakeGpu& gpu, int gpu_instance, nvmlGpmSample_t sample) {
  if (!gpu.gpm) {
    return NVML_ERROR_NOT_SUPPORTED;
  }
  if (sample.handle == nullptr) {
    return NVML_ERROR_INVALID_ARGUMENT;
  }
  *sample.handle = {.gpu = &gpu, .gpu_instance = gpu_instance, .at_s = now_s()};
  return NVML_SUCCESS;
}

void answer(const nvmlGpmSample_st& from, const nvmlGpmSample_st& to, nvmlGpmMetric_t& metric) {
  metric.nvmlReturn = NVML_ERROR_NOT_SUPPORTED;
  for (const Metric& known : metrics) {
    if (known.id != metric.metricId) {
      continue;
    }
    // The counters are refreshed every 100 ms: "the interval between these two calls should be greater than 100ms".
    if (to.at_s - from.at_s < 0.1) {
      metric.nvmlReturn = NVML_ERROR_NO_DATA;
    } else if (const auto mean = to.gpu->mean(to.gpu_instance, known.name, from.at_s, to.at_s)) {
      metric.value = *mean * known.scale;
      metric.nvmlReturn = NVML_SUCCESS;
    }
  }
}

}  // namespace

extern "C" {

nvmlReturn_t nvmlGpmQueryDeviceSupport(nvmlDevice_t device, nvmlGpmSupport_t* support) {
  return gpu_call("nvmlGpmQueryDeviceSupport", device, [&](FakeGpu& gpu) {
    return support->version == NVML_GPM_SUPPORT_VERSION ? give(&support->isSupportedDevice, gpu.gpm)
                                                        : NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
  });
}

nvmlReturn_t nvmlGpmSampleAlloc(nvmlGpmSample_t* sample) {
  return call("nvmlGpmSampleAlloc", [&](FakeMachine&) {
    sample->handle = new nvmlGpmSample_st;
    return NVML_SUCCESS;
  });
}

nvmlReturn_t nvmlGpmSampleFree(nvmlGpmSample_t sample) {
  return call("nvmlGpmSampleFree", [&](FakeMachine&) {
    delete sample.handle;
    return NVML_SUCCESS;
  });
}

nvmlReturn_t nvmlGpmSampleGet(nvmlDevice_t device, nvmlGpmSample_t sample) {
  return gpu_call("nvmlGpmSampleGet", device, [&](FakeGpu& gpu) { return take(gpu, -1, sample); });
}

nvmlReturn_t nvmlGpmMigSampleGet(nvmlDevice_t device, unsigned gpu_instance, nvmlGpmSample_t sample) {
  return gpu_call("nvmlGpmMigSampleGet", device, [&](FakeGpu& gpu) {
    for (const nvmlGpuInstance_st& instance : gpu.instances) {
      if (instance.alive && instance.id == gpu_instance) {
        return take(gpu, static_cast<int>(gpu_instance), sample);
      }
    }
    return NVML_ERROR_INVALID_ARGUMENT;
  });
}

nvmlReturn_t nvmlGpmMetricsGet(nvmlGpmMetricsGet_t* request) {
  return call("nvmlGpmMetricsGet", [&](FakeMachine&) {
    const nvmlGpmSample_st *from = request->sample1.handle, *to = request->sample2.handle;
    if (request->version != NVML_GPM_METRICS_GET_VERSION) {
      return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    }
    if (from == nullptr || to == nullptr || from->gpu != to->gpu || from->gpu == nullptr ||
        from->gpu_instance != to->gpu_instance) {
      return NVML_ERROR_INVALID_ARGUMENT;
    }
    for (unsigned i = 0; i < request->numMetrics; ++i) {
      answer(*from, *to, request->metrics[i]);
    }
    return NVML_SUCCESS;
  });
}

}  // extern "C"

}  // namespace gpusched::nvml
