#include <algorithm>
#include <fstream>
#include <set>
#include <string_view>

#include <unistd.h>

#include "session.hpp"

namespace gpusched::nvml {

namespace {

constexpr double bytes_per_mib = 1048576;

std::string bus_id(const FakeGpu& gpu) {
  char text[32];
  std::snprintf(text, sizeof(text), "00000000:%02X:00.0", 0x10 + gpu.index);
  return text;
}

/// Distinct and the same in every run.
std::string mig_uuid(const nvmlDevice_st& device) {
  char text[80];
  std::snprintf(text, sizeof(text), "MIG-00000000-0000-5000-8000-%04x%04x%04x", device.gpu->index,
                device.compute->gpu_instance->id, device.compute->id);
  return text;
}

std::string uuid_of(const nvmlDevice_st& device) {
  return device.compute == nullptr ? device.gpu->uuid : mig_uuid(device);
}

std::optional<double> total_mib(const nvmlDevice_st& device) {
  const auto& memory =
      device.compute == nullptr ? device.gpu->model->memory_mib : profile_of(*device.compute->gpu_instance).memory_mib;
  return memory ? std::optional(static_cast<double>(*memory)) : std::nullopt;
}

/// All processes that descend from this one, by the kernel's own lists of children.
void add_descendants(int pid, std::set<unsigned>& found) {
  const std::string task = "/proc/" + std::to_string(pid) + "/task/" + std::to_string(pid) + "/children";
  std::ifstream in(task);
  for (int child = 0; in >> child;) {
    if (found.insert(static_cast<unsigned>(child)).second) {
      add_descendants(child, found);
    }
  }
}

std::vector<nvmlProcessInfo_t> running(const nvmlDevice_st& device, bool mps) {
  std::vector<nvmlProcessInfo_t> result;
  const double now = now_s();
  for (const FakeProcess& process : device.gpu->processes) {
    const bool here = device.compute == nullptr || process.gpu_instance == instance_of(device);
    if (process.mps != mps || now < process.from_s || now >= process.to_s || !here) {
      continue;
    }
    std::set<unsigned> pids;
    if (process.pid) {
      pids.insert(*process.pid);
    } else {
      add_descendants(getpid(), pids);
    }
    for (const unsigned pid : pids) {
      result.push_back({.pid = pid,
                        .usedGpuMemory = process.memory_mib < 0
                                             ? NVML_VALUE_NOT_AVAILABLE
                                             : static_cast<unsigned long long>(process.memory_mib * bytes_per_mib),
                        .gpuInstanceId = static_cast<unsigned>(process.gpu_instance),
                        .computeInstanceId = process.gpu_instance < 0 ? ~0U : 0U});
    }
  }
  return result;
}

template <typename Info>
nvmlReturn_t list(const char* function, nvmlDevice_t device, bool mps, unsigned* count, Info* infos) {
  return device_call(function, device, [&](nvmlDevice_st& found) {
    if (count == nullptr) {
      return NVML_ERROR_INVALID_ARGUMENT;
    }
    const std::vector<nvmlProcessInfo_t> processes = running(found, mps);
    const unsigned room = *count;
    *count = static_cast<unsigned>(processes.size());
    if (processes.size() > room) {
      return NVML_ERROR_INSUFFICIENT_SIZE;
    }
    for (std::size_t i = 0; i < processes.size() && infos != nullptr; ++i) {
      infos[i].pid = processes[i].pid;
      infos[i].usedGpuMemory = processes[i].usedGpuMemory;
      if constexpr (std::is_same_v<Info, nvmlProcessInfo_t>) {
        infos[i] = processes[i];
      }
    }
    return NVML_SUCCESS;
  });
}

template <typename Matches>
nvmlReturn_t find_device(const char* function, nvmlDevice_t* device, Matches matches) {
  return call(function, [&](FakeMachine& machine) {
    for (FakeGpu& gpu : machine.gpus) {
      for (nvmlGpuInstance_st& instance : gpu.instances) {
        for (nvmlComputeInstance_st& compute : instance.compute) {
          if (instance.alive && compute.alive) {
            gpu.handle_of(compute);
          }
        }
      }
      for (nvmlDevice_st& handle : gpu.handles) {
        if ((handle.compute == nullptr || handle.compute->alive) && matches(handle)) {
          return give(device, &handle);
        }
      }
    }
    return NVML_ERROR_NOT_FOUND;
  });
}

}  // namespace

extern "C" {

nvmlReturn_t nvmlDeviceGetHandleByUUID(const char* uuid, nvmlDevice_t* device) {
  return find_device("nvmlDeviceGetHandleByUUID", device,
                     [&](const nvmlDevice_st& candidate) { return uuid_of(candidate) == uuid; });
}

nvmlReturn_t nvmlDeviceGetHandleByPciBusId(const char* id, nvmlDevice_t* device) {
  return find_device("nvmlDeviceGetHandleByPciBusId", device, [&](const nvmlDevice_st& candidate) {
    return candidate.compute == nullptr && bus_id(*candidate.gpu) == id;
  });
}
nvmlReturn_t nvmlDeviceGetHandleByPciBusId_v2(const char* id, nvmlDevice_t* device) {
  return nvmlDeviceGetHandleByPciBusId(id, device);
}

nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char* name, unsigned length) {
  return device_call("nvmlDeviceGetName", device, [&](nvmlDevice_st& found) {
    const std::string mig = found.compute == nullptr ? "" : " MIG " + compute_name(*found.compute);
    return copy_text(found.gpu->name + mig, name, length);
  });
}

nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char* uuid, unsigned length) {
  return device_call("nvmlDeviceGetUUID", device,
                     [&](nvmlDevice_st& found) { return copy_text(uuid_of(found), uuid, length); });
}

nvmlReturn_t nvmlDeviceGetIndex(nvmlDevice_t device, unsigned* index) {
  return gpu_call("nvmlDeviceGetIndex", device, [&](FakeGpu& gpu) { return give(index, gpu.index); });
}

nvmlReturn_t nvmlDeviceGetMinorNumber(nvmlDevice_t device, unsigned* minor) {
  return gpu_call("nvmlDeviceGetMinorNumber", device, [&](FakeGpu& gpu) { return give(minor, gpu.index); });
}

nvmlReturn_t nvmlDeviceGetCudaComputeCapability(nvmlDevice_t device, int* major, int* minor) {
  return device_call("nvmlDeviceGetCudaComputeCapability", device, [&](nvmlDevice_st& found) {
    const std::string_view architecture = found.gpu->model->architecture;
    const int number = architecture.starts_with("Blackwell") ? 10 : architecture.starts_with("Hopper") ? 9 : 8;
    give(minor, 0);
    return give(major, number);
  });
}

nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t device, nvmlPciInfo_t* pci) {
  return gpu_call("nvmlDeviceGetPciInfo", device, [&](FakeGpu& gpu) {
    *pci = {};
    pci->bus = 0x10 + gpu.index;
    copy_text(bus_id(gpu), pci->busId, sizeof(pci->busId));
    return copy_text(bus_id(gpu).substr(4), pci->busIdLegacy, sizeof(pci->busIdLegacy));
  });
}

nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t* memory) {
  return device_call("nvmlDeviceGetMemoryInfo", device, [&](nvmlDevice_st& found) {
    const auto total = total_mib(found);
    const auto used = found.gpu->value(instance_of(found), "memory_used_mib", now_s());
    if (!total || !used) {
      return NVML_ERROR_NOT_SUPPORTED;
    }
    memory->total = static_cast<unsigned long long>(*total * bytes_per_mib);
    memory->used = static_cast<unsigned long long>(*used * bytes_per_mib);
    memory->free = memory->total - memory->used;
    return NVML_SUCCESS;
  });
}

nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t device, nvmlMemory_v2_t* memory) {
  if (memory->version != nvml_struct_version<nvmlMemory_v2_t>(2)) {
    return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
  }
  nvmlMemory_t old{};
  const nvmlReturn_t code = nvmlDeviceGetMemoryInfo(device, &old);
  memory->total = old.total;
  memory->used = old.used;
  memory->free = old.free;
  memory->reserved = 0;
  return code;
}

nvmlReturn_t nvmlDeviceGetBAR1MemoryInfo(nvmlDevice_t device, nvmlBAR1Memory_t* memory) {
  return device_call("nvmlDeviceGetBAR1MemoryInfo", device, [&](nvmlDevice_st&) {
    return give(memory, nvmlBAR1Memory_t{1ULL << 37U, 1ULL << 37U, 0});
  });
}

nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t device, nvmlUtilization_t* rates) {
  return gpu_call("nvmlDeviceGetUtilizationRates", device, [&](FakeGpu& gpu) {
    // "This API is not supported on MIG enabled GPUs": NVML API Reference.
    const nvmlReturn_t code =
        gpu.mig_enabled ? NVML_ERROR_NOT_SUPPORTED : give_value(*gpu.whole(), "gpu_utilization", 100, &rates->gpu);
    return code == NVML_SUCCESS ? give(&rates->memory, gpu.value(-1, "memory_utilization", now_s()).value_or(0) * 100)
                                : code;
  });
}

nvmlReturn_t nvmlDeviceGetPowerUsage(nvmlDevice_t device, unsigned* milliwatt) {
  return gpu_call("nvmlDeviceGetPowerUsage", device,
                  [&](FakeGpu& gpu) { return give_value(*gpu.whole(), "power_w", 1000, milliwatt); });
}

nvmlReturn_t nvmlDeviceGetTotalEnergyConsumption(nvmlDevice_t device, unsigned long long* millijoule) {
  return gpu_call("nvmlDeviceGetTotalEnergyConsumption", device, [&](FakeGpu& gpu) {
    const double now = now_s();
    const auto power = gpu.mean(-1, "power_w", 0, now);
    return power ? give(millijoule, *power * now * 1000) : NVML_ERROR_NOT_SUPPORTED;
  });
}

nvmlReturn_t nvmlDeviceGetClockInfo(nvmlDevice_t device, nvmlClockType_t type, unsigned* mhz) {
  return gpu_call("nvmlDeviceGetClockInfo", device, [&](FakeGpu& gpu) {
    return give_value(*gpu.whole(), type == NVML_CLOCK_MEM ? "memory_clock_mhz" : "sm_clock_mhz", 1, mhz);
  });
}

nvmlReturn_t nvmlDeviceGetCurrentClocksEventReasons(nvmlDevice_t device, unsigned long long* reasons) {
  return gpu_call("nvmlDeviceGetCurrentClocksEventReasons", device,
                  [&](FakeGpu& gpu) { return give(reasons, gpu.value(-1, "clock_reasons", now_s()).value_or(0)); });
}
nvmlReturn_t nvmlDeviceGetCurrentClocksThrottleReasons(nvmlDevice_t device, unsigned long long* reasons) {
  return nvmlDeviceGetCurrentClocksEventReasons(device, reasons);
}

nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t device, nvmlTemperatureSensors_t, unsigned* celsius) {
  return gpu_call("nvmlDeviceGetTemperature", device,
                  [&](FakeGpu& gpu) { return give_value(*gpu.whole(), "temperature_c", 1, celsius); });
}

nvmlReturn_t nvmlDeviceGetTotalEccErrors(nvmlDevice_t device, nvmlMemoryErrorType_t type, nvmlEccCounterType_t,
                                         unsigned long long* count) {
  return gpu_call("nvmlDeviceGetTotalEccErrors", device, [&](FakeGpu& gpu) {
    const char* const name = type == NVML_MEMORY_ERROR_TYPE_CORRECTED ? "ecc_corrected" : "ecc_uncorrected";
    return give(count, gpu.value(-1, name, now_s()).value_or(0));
  });
}

nvmlReturn_t nvmlDeviceGetComputeRunningProcesses(nvmlDevice_t device, unsigned* count, nvmlProcessInfo_v1_t* infos) {
  return list("nvmlDeviceGetComputeRunningProcesses", device, false, count, infos);
}
nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v2(nvmlDevice_t device, unsigned* count, nvmlProcessInfo_t* infos) {
  return list("nvmlDeviceGetComputeRunningProcesses", device, false, count, infos);
}
nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v3(nvmlDevice_t device, unsigned* count, nvmlProcessInfo_t* infos) {
  return list("nvmlDeviceGetComputeRunningProcesses", device, false, count, infos);
}
nvmlReturn_t nvmlDeviceGetMPSComputeRunningProcesses_v3(nvmlDevice_t device, unsigned* count,
                                                        nvmlProcessInfo_t* infos) {
  return list("nvmlDeviceGetMPSComputeRunningProcesses", device, true, count, infos);
}
nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses_v3(nvmlDevice_t device, unsigned* count, nvmlProcessInfo_t*) {
  return device_call("nvmlDeviceGetGraphicsRunningProcesses", device, [&](nvmlDevice_st&) { return give(count, 0); });
}

}  // extern "C"

}  // namespace gpusched::nvml
