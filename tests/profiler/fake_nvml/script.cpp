#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>

#include <nlohmann/json.hpp>

#include "machine.hpp"

namespace gpusched::nvml {

namespace {

using Json = nlohmann::json;

constexpr std::array error_names = {std::pair{"INVALID_ARGUMENT", NVML_ERROR_INVALID_ARGUMENT},
                                    std::pair{"NOT_SUPPORTED", NVML_ERROR_NOT_SUPPORTED},
                                    std::pair{"NO_PERMISSION", NVML_ERROR_NO_PERMISSION},
                                    std::pair{"NOT_FOUND", NVML_ERROR_NOT_FOUND},
                                    std::pair{"DRIVER_NOT_LOADED", NVML_ERROR_DRIVER_NOT_LOADED},
                                    std::pair{"GPU_IS_LOST", NVML_ERROR_GPU_IS_LOST},
                                    std::pair{"LIB_RM_VERSION_MISMATCH", NVML_ERROR_LIB_RM_VERSION_MISMATCH},
                                    std::pair{"UNKNOWN", NVML_ERROR_UNKNOWN}};

/// A mistake in a script.
struct ScriptError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

nvmlReturn_t error_named(const std::string& name) {
  for (const auto& [known, code] : error_names) {
    if (name == known) {
      return code;
    }
  }
  throw ScriptError("unknown error '" + name + "'");
}

ScriptedError read_error(const Json& json) {
  if (json.is_string()) {
    return {.code = error_named(json.get<std::string>())};
  }
  return {.code = error_named(json.at("error").get<std::string>()), .from_s = json.value("from_s", 0.0)};
}

Step read_step(const Json& json) {
  Step step;
  for (const auto& [key, value] : json.items()) {
    if (key == "at_s") {
      step.at_s = value.get<double>();
    } else if (key == "gpu_instance") {
      step.gpu_instance = value.get<int>();
    } else {
      step.values[key] = value.get<double>();
    }
  }
  return step;
}

FakeProcess read_process(const Json& json) {
  FakeProcess process{.memory_mib = json.at("memory_mib").get<double>(),
                      .from_s = json.value("from_s", 0.0),
                      .to_s = json.value("to_s", 1e9),
                      .gpu_instance = json.value("gpu_instance", -1),
                      .mps = json.value("mps", false)};
  if (json.at("pid") != "descendants") {
    process.pid = json.at("pid").get<unsigned>();
  }
  return process;
}

void check(nvmlReturn_t code, const std::string& what) {
  if (code != NVML_SUCCESS) {
    throw ScriptError(what + " is refused, NVML error " + std::to_string(code));
  }
}

void read_instance(FakeGpu& gpu, GpuModelId model, const Json& json) {
  const std::string name = json.at("profile").get<std::string>();
  const Result<MigProfileId> profile = find_mig_profile(model, name);
  if (!profile) {
    throw ScriptError(profile.error().to_string());
  }
  nvmlGpuInstance_st* instance = nullptr;
  check(gpu.create(profile.value(), json.value("start", -1), instance), "instance " + name);
  const auto whole = static_cast<unsigned>(profile_of(*instance).compute_slices);
  for (const Json& slices : json.value("compute", Json::array({whole}))) {
    nvmlComputeInstance_st* compute = nullptr;
    check(create_compute(*instance, slices.get<unsigned>(), -1, compute), "compute instance in " + name);
  }
}

void read_gpu(FakeGpu& gpu, unsigned index, const Json& json) {
  const Result<GpuModelId> model = find_gpu_model(json.at("model").get<std::string>());
  if (!model) {
    throw ScriptError(model.error().to_string());
  }
  gpu.model = &gpu_model(model.value());
  gpu.lattice = gpu.model->has_lattice() ? &MigLattice::of(model.value()) : nullptr;
  gpu.index = index;
  const auto names = gpu.model->aliases;
  const auto nvidia = std::find_if(names.begin(), names.end(), [](auto name) { return name.starts_with("NVIDIA "); });
  gpu.name = json.value("name", std::string(nvidia == names.end() ? gpu.model->name : *nvidia));
  gpu.uuid = json.value("uuid", "GPU-00000000-0000-4000-8000-" + std::to_string(100'000'000'000 + index));
  const bool hopper_or_later =
      gpu.model->architecture.starts_with("Hopper") || gpu.model->architecture.starts_with("Blackwell");
  gpu.gpm = json.value("gpm", hopper_or_later);
  gpu.mig_enabled = json.value("mig", false);
  gpu.handles.push_back({.gpu = &gpu});
  if (gpu.mig_enabled && gpu.lattice == nullptr) {
    throw ScriptError("MIG on " + gpu.name + ", which has none");
  }
  for (const Json& entry : json.value("instances", Json::array())) {
    read_instance(gpu, model.value(), entry);
  }
  for (const Json& entry : json.value("timeline", Json::array())) {
    gpu.timeline.push_back(read_step(entry));
  }
  std::stable_sort(gpu.timeline.begin(), gpu.timeline.end(), [](auto& a, auto& b) { return a.at_s < b.at_s; });
  for (const Json& entry : json.value("processes", Json::array())) {
    gpu.processes.push_back(read_process(entry));
  }
}

}  // namespace

Result<std::unique_ptr<FakeMachine>> read_script(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    return Error{.code = ErrorCode::not_found, .message = "no such script", .file = path, .line = 0, .remedy = {}};
  }
  auto machine = std::make_unique<FakeMachine>();
  try {
    const Json json = Json::parse(std::string(std::istreambuf_iterator<char>(in), {}));
    machine->driver_version = json.value("driver_version", machine->driver_version);
    machine->nvml_version = json.value("nvml_version", machine->nvml_version);
    machine->cuda_version = json.value("cuda_version", machine->cuda_version);
    for (const Json& gpu : json.value("gpus", Json::array())) {
      machine->gpus.emplace_back();
      read_gpu(machine->gpus.back(), static_cast<unsigned>(machine->gpus.size() - 1), gpu);
    }
    const Json errors = json.value("errors", Json::object());
    for (const auto& [function, error] : errors.items()) {
      machine->errors[function] = read_error(error);
    }
  } catch (const std::exception& problem) {
    return Error{.code = ErrorCode::invalid_argument, .message = problem.what(), .file = path, .line = 0, .remedy = {}};
  }
  return machine;
}

}  // namespace gpusched::nvml
