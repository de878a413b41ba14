#include "gpusched/profiler/devices.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "gpusched/model/gpu_catalog.hpp"

namespace gpusched::profiler {

namespace {

using nvml::NVML_SUCCESS;
using nvml::nvmlDevice_t;

Error not_found(std::string message, std::string remedy) {
  return {
      .code = ErrorCode::not_found, .message = std::move(message), .file = {}, .line = 0, .remedy = std::move(remedy)};
}

/// A text of at most `size` bytes, or nothing where the driver has none.
template <typename Call>
std::optional<std::string> ask_text(Call call) {
  std::array<char, nvml::NVML_DEVICE_NAME_V2_BUFFER_SIZE> buffer{};
  if (call(buffer.data(), static_cast<unsigned>(buffer.size())) != NVML_SUCCESS) {
    return std::nullopt;
  }
  buffer.back() = '\0';
  return std::string(buffer.data());
}

template <typename Function>
std::optional<std::string> device_text(Function* function, nvmlDevice_t handle) {
  return function == nullptr ? std::nullopt
                             : ask_text([&](char* text, unsigned size) { return function(handle, text, size); });
}

template <typename Function>
std::optional<std::string> system_text(Function* function) {
  return function == nullptr ? std::nullopt : ask_text([&](char* text, unsigned size) { return function(text, size); });
}

std::optional<GpuModelId> model_named(const std::string& name) {
  const Result<GpuModelId> model = find_gpu_model(name);
  return model ? std::optional(model.value()) : std::nullopt;
}

Device read_instance(const nvml::Functions& nvml, const Device& gpu, nvmlDevice_t handle) {
  Device device = gpu;
  device.handle = handle;
  device.uuid = device_text(nvml.device_uuid, handle).value_or("");
  device.instance.emplace();
  MigInstance& instance = *device.instance;
  if (nvml.gpu_instance_id != nullptr) nvml.gpu_instance_id(handle, &instance.gpu_instance);
  if (nvml.compute_instance_id != nullptr) nvml.compute_instance_id(handle, &instance.compute_instance);
  // "NVIDIA H100 80GB HBM3 MIG 1g.10gb"
  const std::string name = device_text(nvml.device_name, handle).value_or("");
  constexpr std::string_view mark = " MIG ";
  if (const std::size_t at = name.rfind(mark); at != std::string::npos) {
    instance.profile = name.substr(at + mark.size());
  }
  nvml::nvmlDeviceAttributes_t attributes{};
  if (nvml.attributes != nullptr && nvml.attributes(handle, &attributes) == NVML_SUCCESS) {
    instance.sm_count = static_cast<int>(attributes.multiprocessorCount);
    instance.memory_mib = static_cast<std::int64_t>(attributes.memorySizeMB);
  }
  return device;
}

std::vector<Device> list_instances(const nvml::Functions& nvml, const Device& gpu) {
  std::vector<Device> instances;
  unsigned most = 0;
  if (nvml.max_mig_devices == nullptr || nvml.mig_device_by_index == nullptr ||
      nvml.max_mig_devices(gpu.handle, &most) != NVML_SUCCESS) {
    return instances;
  }
  for (unsigned i = 0; i < most; ++i) {
    nvmlDevice_t handle = nullptr;
    // Indexes have gaps where instances were destroyed.
    if (nvml.mig_device_by_index(gpu.handle, i, &handle) == NVML_SUCCESS) {
      instances.push_back(read_instance(nvml, gpu, handle));
    }
  }
  for (Device& device : instances) {
    const auto same = std::count_if(instances.begin(), instances.end(), [&](const Device& other) {
      return other.instance->gpu_instance == device.instance->gpu_instance;
    });
    device.instance->shares_gpu_instance = same > 1;
  }
  return instances;
}

Gpu read_gpu(const nvml::Functions& nvml, unsigned index, nvmlDevice_t handle) {
  Gpu gpu;
  gpu.whole.handle = handle;
  gpu.whole.gpu = handle;
  gpu.whole.gpu_index = index;
  gpu.whole.uuid = device_text(nvml.device_uuid, handle).value_or("");
  gpu.whole.name = device_text(nvml.device_name, handle).value_or("");
  gpu.whole.model = model_named(gpu.whole.name);
  unsigned current = 0, pending = 0;
  gpu.mig_enabled = nvml.mig_mode != nullptr && nvml.mig_mode(handle, &current, &pending) == NVML_SUCCESS &&
                    current == nvml::NVML_DEVICE_MIG_ENABLE;
  if (gpu.mig_enabled) {
    gpu.instances = list_instances(nvml, gpu.whole);
  }
  return gpu;
}

/// What stands for a GPU: itself, or its first instance.
Result<Device> measurable(const Gpu& gpu) {
  if (!gpu.mig_enabled) {
    return gpu.whole;
  }
  if (gpu.instances.empty()) {
    return not_found(gpu.whole.label() + " has MIG enabled and no instance, so nothing can run on it",
                     "Create one (`nvidia-smi mig -cgi PROFILE -C`), or have the administrator disable MIG");
  }
  return gpu.instances.front();
}

std::string known_names(const Machine& machine) {
  std::string text = "There is:";
  for (const Gpu& gpu : machine.gpus) {
    text += " " + std::to_string(gpu.whole.gpu_index) + " or " + gpu.whole.uuid;
    for (const Device& instance : gpu.instances) {
      text += ", " + instance.uuid;
    }
    text += ";";
  }
  text.pop_back();
  return text;
}

Result<Device> select_one(const Machine& machine, std::string_view name) {
  unsigned index = 0;
  const auto [end, problem] = std::from_chars(name.data(), name.data() + name.size(), index);
  if (problem == std::errc() && end == name.data() + name.size()) {
    if (index < machine.gpus.size()) {
      return measurable(machine.gpus[index]);
    }
  } else if (name.starts_with("GPU-") || name.starts_with("MIG-")) {
    std::vector<Result<Device>> found;
    for (const Gpu& gpu : machine.gpus) {
      if (gpu.whole.uuid.starts_with(name)) {
        found.push_back(measurable(gpu));
      }
      for (const Device& instance : gpu.instances) {
        if (instance.uuid.starts_with(name)) {
          found.push_back(instance);
        }
      }
    }
    if (found.size() == 1) {
      return found.front();
    }
    if (found.size() > 1) {
      return not_found("device '" + std::string(name) + "' may be any of " + std::to_string(found.size()),
                       known_names(machine));
    }
  }
  return not_found("no device '" + std::string(name) + "'", known_names(machine));
}

}  // namespace

std::string Device::label() const {
  const std::string gpu_label = "GPU " + std::to_string(gpu_index);
  if (!instance) {
    return gpu_label + (name.empty() ? "" : " " + name);
  }
  return gpu_label + " MIG " + (instance->profile.empty() ? "instance" : instance->profile) + " (GI " +
         std::to_string(instance->gpu_instance) + " CI " + std::to_string(instance->compute_instance) + ")";
}

Result<Machine> list_devices(const nvml::Library& library) {
  const nvml::Functions& nvml = library.functions();
  Machine machine;
  machine.driver_version = system_text(nvml.system_driver_version);
  machine.nvml_version = system_text(nvml.system_nvml_version);
  unsigned count = 0;
  if (const auto code = nvml.device_count(&count); code != NVML_SUCCESS) {
    return nvml::call_error("nvmlDeviceGetCount", code);
  }
  if (count == 0) {
    return not_found("the driver is there, and no GPU", "In a container ask for the GPU; else see `lspci -d 10de:`");
  }
  for (unsigned i = 0; i < count; ++i) {
    nvmlDevice_t handle = nullptr;
    if (const auto code = nvml.device_by_index(i, &handle); code != NVML_SUCCESS) {
      return nvml::call_error("nvmlDeviceGetHandleByIndex of GPU " + std::to_string(i), code);
    }
    machine.gpus.push_back(read_gpu(nvml, i, handle));
  }
  return machine;
}

Result<std::vector<Device>> select_devices(const Machine& machine, std::string_view selection) {
  std::vector<Device> devices;
  while (!selection.empty()) {
    const std::size_t comma = std::min(selection.find(','), selection.size());
    Result<Device> device = select_one(machine, selection.substr(0, comma));
    if (!device) {
      return device.error();
    }
    devices.push_back(std::move(device).value());
    selection.remove_prefix(std::min(comma + 1, selection.size()));
  }
  if (devices.empty()) {
    return not_found("no device is selected", known_names(machine));
  }
  return devices;
}

Result<std::vector<Device>> all_devices(const Machine& machine) {
  std::vector<Device> devices;
  std::optional<Error> problem;
  for (const Gpu& gpu : machine.gpus) {
    if (Result<Device> device = measurable(gpu)) {
      devices.push_back(std::move(device).value());
    } else if (!problem) {
      problem = device.error();
    }
  }
  if (devices.empty()) {
    return *problem;
  }
  return devices;
}

}  // namespace gpusched::profiler
