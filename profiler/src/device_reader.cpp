#include "gpusched/profiler/device_reader.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

namespace gpusched::profiler {

namespace {

using namespace nvml;

constexpr std::chrono::milliseconds least_gpm_window(100);

std::int64_t to_mib(unsigned long long bytes) { return static_cast<std::int64_t>(bytes >> 20U); }

/// After one of these no later reading can succeed.
bool is_gone(nvmlReturn_t code) {
  return code == NVML_ERROR_GPU_IS_LOST || code == NVML_ERROR_RESET_REQUIRED || code == NVML_ERROR_UNINITIALIZED;
}

/// Calls a listing until its buffer suffices; processes come and go between two calls.
template <typename Info, typename Function>
nvmlReturn_t list_processes(Function* function, nvmlDevice_t device, std::vector<Info>& processes) {
  if (function == nullptr) {
    return NVML_ERROR_FUNCTION_NOT_FOUND;
  }
  unsigned count = 64;
  for (int attempt = 0; attempt < 4; ++attempt) {
    processes.resize(count);
    const nvmlReturn_t code = function(device, &count, processes.data());
    if (code != NVML_ERROR_INSUFFICIENT_SIZE) {
      processes.resize(code == NVML_SUCCESS ? count : 0);
      return code;
    }
    count = count * 2 + 64;
  }
  return NVML_ERROR_INSUFFICIENT_SIZE;
}

}  // namespace

DeviceReader::DeviceReader(Library library, Device device)
    : library_(std::move(library)), nvml_(library_.functions()), device_(std::move(device)) {
  gpm_ = start_gpm();
}

DeviceReader::~DeviceReader() {
  for (const nvmlGpmSample_t sample : {gpm_last_, gpm_next_}) {
    if (sample.handle != nullptr && nvml_.gpm_sample_free != nullptr) {
      nvml_.gpm_sample_free(sample);
    }
  }
}

template <typename Function, typename... Arguments>
bool DeviceReader::ask(const char* field, const char* call, Function* function, Arguments... arguments) {
  const nvmlReturn_t code = function == nullptr ? NVML_ERROR_FUNCTION_NOT_FOUND : function(arguments...);
  if (code == NVML_SUCCESS) {
    return true;
  }
  unknown_.try_emplace(field, call_error(call, code));
  if (is_gone(code) && lost_.ok()) {
    lost_ = call_error(device_.label() + ": " + call, code);
  }
  return false;
}

bool DeviceReader::start_gpm() {
  if (device_.instance && device_.instance->shares_gpu_instance) {
    unknown_.try_emplace("activity", Error{.code = ErrorCode::unsupported,
                                           .message = "several compute instances share this GPU instance, and GPM "
                                                      "counts per GPU instance",
                                           .file = {},
                                           .line = 0,
                                           .remedy = "Measure on a GPU instance with one compute instance"});
    return false;
  }
  nvmlGpmSupport_t support{.version = NVML_GPM_SUPPORT_VERSION, .isSupportedDevice = 0};
  if (!ask("activity", "nvmlGpmQueryDeviceSupport", nvml_.gpm_support, device_.gpu, &support)) {
    return false;
  }
  if (support.isSupportedDevice == 0) {
    unknown_.try_emplace("activity", Error{.code = ErrorCode::unsupported,
                                           .message = "this GPU has no GPM counters, which came with Hopper",
                                           .file = {},
                                           .line = 0,
                                           .remedy = "Import DCGM's counters: gpusched-profile import --help"});
    return false;
  }
  return ask("activity", "nvmlGpmSampleAlloc", nvml_.gpm_sample_alloc, &gpm_last_) &&
         ask("activity", "nvmlGpmSampleAlloc", nvml_.gpm_sample_alloc, &gpm_next_);
}

Result<DeviceSample> DeviceReader::read(TimeNs now, const IsOfJob& is_of_job) {
  DeviceSample sample;
  sample.at = now;
  unsigned long long reasons = 0;
  if (ask("clock_reasons", "nvmlDeviceGetCurrentClocksEventReasons", nvml_.clock_reasons, device_.gpu, &reasons)) {
    sample.clock_reasons = reasons;
  }
  if (!device_.instance) {
    read_gpu(sample);
  }
  read_memory(sample);
  read_processes(sample, is_of_job);
  read_gpm(sample);
  if (!lost_.ok()) {
    return lost_.error();
  }
  return sample;
}

void DeviceReader::read_gpu(DeviceSample& sample) {
  nvmlUtilization_t rates{};
  if (ask("gpu_utilization", "nvmlDeviceGetUtilizationRates", nvml_.utilization, device_.handle, &rates)) {
    sample.gpu_utilization = rates.gpu / 100.0;
    sample.memory_utilization = rates.memory / 100.0;
  }
  unsigned value = 0;
  if (ask("power_w", "nvmlDeviceGetPowerUsage", nvml_.power, device_.handle, &value)) {
    sample.power_w = value / 1000.0;
  }
  unsigned long long count = 0;
  if (ask("energy_j", "nvmlDeviceGetTotalEnergyConsumption", nvml_.energy, device_.handle, &count)) {
    sample.energy_j = static_cast<double>(count) / 1000.0;
  }
  if (ask("sm_clock_mhz", "nvmlDeviceGetClockInfo", nvml_.clock, device_.handle, NVML_CLOCK_SM, &value)) {
    sample.sm_clock_mhz = static_cast<int>(value);
  }
  if (ask("memory_clock_mhz", "nvmlDeviceGetClockInfo", nvml_.clock, device_.handle, NVML_CLOCK_MEM, &value)) {
    sample.memory_clock_mhz = static_cast<int>(value);
  }
  if (ask("temperature_c", "nvmlDeviceGetTemperature", nvml_.temperature, device_.handle, NVML_TEMPERATURE_GPU,
          &value)) {
    sample.temperature_c = static_cast<int>(value);
  }
  if (ask("ecc", "nvmlDeviceGetTotalEccErrors", nvml_.ecc_errors, device_.handle, NVML_MEMORY_ERROR_TYPE_CORRECTED,
          NVML_VOLATILE_ECC, &count)) {
    sample.ecc_corrected = count;
  }
  if (ask("ecc", "nvmlDeviceGetTotalEccErrors", nvml_.ecc_errors, device_.handle, NVML_MEMORY_ERROR_TYPE_UNCORRECTED,
          NVML_VOLATILE_ECC, &count)) {
    sample.ecc_uncorrected = count;
  }
}

void DeviceReader::read_memory(DeviceSample& sample) {
  // The second version does not count what the driver reserves as used.
  nvmlMemory_v2_t memory{};
  memory.version = nvml_struct_version<nvmlMemory_v2_t>(2);
  if (nvml_.memory_v2 != nullptr && nvml_.memory_v2(device_.handle, &memory) == NVML_SUCCESS) {
    sample.memory_used_mib = to_mib(memory.used);
    return;
  }
  nvmlMemory_t old{};
  if (ask("memory_used_mib", "nvmlDeviceGetMemoryInfo", nvml_.memory, device_.handle, &old)) {
    sample.memory_used_mib = to_mib(old.used);
  }
}

void DeviceReader::read_processes(DeviceSample& sample, const IsOfJob& is_of_job) {
  std::vector<nvmlProcessInfo_t> processes;
  nvmlReturn_t code = list_processes(nvml_.compute_processes, device_.handle, processes);
  if (code == NVML_ERROR_FUNCTION_NOT_FOUND) {
    std::vector<nvmlProcessInfo_v1_t> old;
    code = list_processes(nvml_.compute_processes_v1, device_.handle, old);
    for (const nvmlProcessInfo_v1_t& process : old) {
      processes.push_back(
          {.pid = process.pid, .usedGpuMemory = process.usedGpuMemory, .gpuInstanceId = 0, .computeInstanceId = 0});
    }
  }
  if (!ask(
          "processes", "nvmlDeviceGetComputeRunningProcesses", +[](nvmlReturn_t same) { return same; }, code)) {
    return;
  }
  // Clients of an MPS server may be in a list of their own; a process in both counts once.
  std::vector<nvmlProcessInfo_t> clients;
  list_processes(nvml_.mps_processes, device_.handle, clients);
  for (const nvmlProcessInfo_t& client : clients) {
    const bool listed = std::any_of(processes.begin(), processes.end(),
                                    [&](const nvmlProcessInfo_t& process) { return process.pid == client.pid; });
    if (!listed) {
      processes.push_back(client);
    }
  }
  int own = 0;
  std::int64_t memory_mib = 0;
  bool memory_known = true;
  for (const nvmlProcessInfo_t& process : processes) {
    if (is_of_job(static_cast<int>(process.pid))) {
      ++own;
      memory_known = memory_known && process.usedGpuMemory != NVML_VALUE_NOT_AVAILABLE;
      memory_mib += to_mib(process.usedGpuMemory);
    }
  }
  sample.job_processes = own;
  sample.other_processes = static_cast<int>(processes.size()) - own;
  if (own > 0 && memory_known) {
    sample.job_memory_mib = memory_mib;
  }
}

void DeviceReader::read_gpm(DeviceSample& sample) {
  // From the end of one call to the begin of the next: other calls, and a busy machine, may come in between.
  if (!gpm_ || (gpm_has_last_ && std::chrono::steady_clock::now() - gpm_last_at_ <= least_gpm_window)) {
    return;
  }
  const bool taken = device_.instance
                         ? ask("activity", "nvmlGpmMigSampleGet", nvml_.gpm_mig_sample_get, device_.gpu,
                               device_.instance->gpu_instance, gpm_next_)
                         : ask("activity", "nvmlGpmSampleGet", nvml_.gpm_sample_get, device_.gpu, gpm_next_);
  const auto taken_at = std::chrono::steady_clock::now();
  if (!taken) {
    gpm_has_last_ = false;  // a window must not reach over what could not be read
    return;
  }
  if (gpm_has_last_) {
    compute_gpm(sample);
  }
  std::swap(gpm_last_, gpm_next_);
  gpm_last_at_ = taken_at;
  gpm_has_last_ = true;
}

void DeviceReader::compute_gpm(DeviceSample& sample) {
  struct Metric {
    unsigned id;
    std::optional<double> DeviceSample::*field;
    double scale;
  };
  constexpr double per_cent = 0.01;
  constexpr Metric metrics[] = {{NVML_GPM_METRIC_GRAPHICS_UTIL, &DeviceSample::engine_active, per_cent},
                                {NVML_GPM_METRIC_SM_UTIL, &DeviceSample::sm_active, per_cent},
                                {NVML_GPM_METRIC_SM_OCCUPANCY, &DeviceSample::sm_occupancy, per_cent},
                                {NVML_GPM_METRIC_ANY_TENSOR_UTIL, &DeviceSample::tensor_active, per_cent},
                                {NVML_GPM_METRIC_DRAM_BW_UTIL, &DeviceSample::dram_active, per_cent},
                                {NVML_GPM_METRIC_PCIE_TX_PER_SEC, &DeviceSample::pcie_tx_mib_s, 1},
                                {NVML_GPM_METRIC_PCIE_RX_PER_SEC, &DeviceSample::pcie_rx_mib_s, 1}};
  const auto request = std::make_unique<nvmlGpmMetricsGet_t>();
  request->version = NVML_GPM_METRICS_GET_VERSION;
  request->sample1 = gpm_last_;
  request->sample2 = gpm_next_;
  for (const Metric& metric : metrics) {
    request->metrics[request->numMetrics++].metricId = metric.id;
  }
  if (!ask("activity", "nvmlGpmMetricsGet", nvml_.gpm_metrics_get, request.get())) {
    return;
  }
  for (unsigned i = 0; i < request->numMetrics; ++i) {
    const nvmlGpmMetric_t& answer = request->metrics[i];
    if (answer.nvmlReturn == NVML_SUCCESS && std::isfinite(answer.value) && answer.value >= 0) {
      const double value = answer.value * metrics[i].scale;
      sample.*metrics[i].field = metrics[i].scale == per_cent ? std::min(value, 1.0) : value;
    } else {
      unknown_.try_emplace("activity", call_error("nvmlGpmMetricsGet", answer.nvmlReturn));
    }
  }
}

}  // namespace gpusched::profiler
