#include "gpusched/profiler/nvml_sampling.hpp"

#include <cstdlib>
#include <map>
#include <memory>
#include <string_view>

#include "gpusched/profiler/devices.hpp"
#include "gpusched/profiler/observation.hpp"
#include "gpusched/profiler/sampler.hpp"

namespace gpusched::profiler {

namespace {

constexpr double sampling_hz = 9;  // GPM wants more than 100 ms between readings

/// What outlives a measurement, and the sampler of the one that runs.
struct Sampling {
  nvml::Library library;
  std::map<std::string, Device> devices{};  // by the profile of the instance, "" the whole GPU
  std::unique_ptr<Sampler> sampler{};
};

void set_if(suite::FlatObject& line, const char* key, const std::optional<double>& value) {
  if (value) {
    line.set(key, *value);
  }
}
void set_mean(suite::FlatObject& line, const char* key, const std::optional<Activity>& value) {
  if (value) {
    line.set(key, value->mean);
  }
}

/// The GPU that the suite's processes take: CUDA's first one, where the order is that of the PCI bus.
Result<Device> first_visible(const Machine& machine) {
  const char* const visible = std::getenv("CUDA_VISIBLE_DEVICES");
  Result<std::vector<Device>> devices = visible == nullptr ? all_devices(machine) : select_devices(machine, visible);
  if (!devices) {
    return devices.error();
  }
  return devices.value().front();
}

}  // namespace

suite::FlatObject sample_fields(const Observation& seen) {
  suite::FlatObject line;
  line.set("samples", static_cast<double>(seen.samples))
      .set("working_samples", static_cast<double>(seen.working_samples))
      .set("throttled_samples", static_cast<double>(seen.throttled_samples))
      .set("power_capped_samples", static_cast<double>(seen.power_capped_samples));
  set_mean(line, "engine_active", seen.engine_active);
  set_mean(line, "sm_active", seen.sm_active);
  set_mean(line, "dram_active", seen.dram_active);
  set_mean(line, "tensor_active", seen.tensor_active);
  set_if(line, "power_w", seen.power_w);
  set_if(line, "sm_clock_mhz", seen.sm_clock_mhz);
  set_if(line, "memory_clock_mhz", seen.memory_clock_mhz);
  if (seen.temperature_c) {
    line.set("temperature_c", *seen.temperature_c);
  }
  if (seen.device_memory_peak_mib) {
    line.set("device_memory_peak_mib", static_cast<double>(*seen.device_memory_peak_mib));
  }
  return line;
}

suite::DeviceSampling nvml_sampling(const std::string& library) {
  suite::DeviceSampling sampling;
  const Result<nvml::Library> opened = nvml::Library::open(library);
  if (!opened) {
    sampling.machine.set("nvml", opened.error().to_string());
    return sampling;
  }
  const Result<Machine> machine = list_devices(opened.value());
  if (!machine) {
    sampling.machine.set("nvml", machine.error().to_string());
    return sampling;
  }
  sampling.machine.set("nvml", machine.value().nvml_version.value_or("unknown version"))
      .set("driver", machine.value().driver_version.value_or("unknown"));
  const Result<Device> chosen = first_visible(machine.value());
  if (!chosen) {
    sampling.machine.set("nvml", chosen.error().to_string());
    return sampling;
  }
  const Gpu& gpu = machine.value().gpus[chosen.value().gpu_index];
  const auto state = std::make_shared<Sampling>(Sampling{.library = opened.value()});
  sampling.machine.set("mig_enabled", gpu.mig_enabled);
  for (const Device& instance : gpu.instances) {
    // Compute instances that share a GPU instance share its memory: no partition of their own.
    if (instance.instance && !instance.instance->profile.empty() && !instance.instance->shares_gpu_instance) {
      sampling.mig_devices.try_emplace(instance.instance->profile, instance.uuid);
      state->devices.try_emplace(instance.instance->profile, instance);
    }
  }
  if (gpu.mig_enabled) {
    // A process is told the name and the UUID of its instance; results are of the GPU. CUDA's UUIDs have no prefix.
    constexpr std::string_view prefix = "GPU-";
    const bool has_prefix = gpu.whole.uuid.starts_with(prefix);
    sampling.machine.set("gpu", gpu.whole.name).set("uuid", gpu.whole.uuid.substr(has_prefix ? prefix.size() : 0));
  } else {
    state->devices.try_emplace("", gpu.whole);
  }
  sampling.begin = [state](const std::string& mig_profile) {
    state->sampler = std::make_unique<Sampler>(state->library, std::vector<Device>{state->devices.at(mig_profile)},
                                               sampling_hz, [](int) { return true; });
    state->sampler->start();
  };
  sampling.end = [state]() -> suite::FlatObject {
    const std::vector<Recording>& recordings = state->sampler->stop();
    suite::FlatObject fields = sample_fields(observe(recordings.front().samples));
    state->sampler.reset();
    return fields;
  };
  return sampling;
}

}  // namespace gpusched::profiler
