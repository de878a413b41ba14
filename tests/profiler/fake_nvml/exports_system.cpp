#include <chrono>
#include <cstdlib>
#include <fstream>

#include "session.hpp"

namespace gpusched::nvml {

namespace {

std::chrono::steady_clock::time_point begin;

struct ReturnText {
  nvmlReturn_t code;
  const char* text;
};
constexpr ReturnText texts[] = {{NVML_SUCCESS, "Success"},
                                {NVML_ERROR_UNINITIALIZED, "Uninitialized"},
                                {NVML_ERROR_INVALID_ARGUMENT, "Invalid Argument"},
                                {NVML_ERROR_NOT_SUPPORTED, "Not Supported"},
                                {NVML_ERROR_NO_PERMISSION, "Insufficient Permissions"},
                                {NVML_ERROR_NOT_FOUND, "Not Found"},
                                {NVML_ERROR_INSUFFICIENT_SIZE, "Insufficient Size"},
                                {NVML_ERROR_DRIVER_NOT_LOADED, "Driver Not Loaded"},
                                {NVML_ERROR_FUNCTION_NOT_FOUND, "Function Not Found"},
                                {NVML_ERROR_GPU_IS_LOST, "GPU is lost"},
                                {NVML_ERROR_LIB_RM_VERSION_MISMATCH, "Driver/library version mismatch"},
                                {NVML_ERROR_IN_USE, "In use by another client"},
                                {NVML_ERROR_INSUFFICIENT_RESOURCES, "Insufficient Resources"}};

nvmlReturn_t init() {
  const std::lock_guard lock(session().mutex);
  if (session().machine == nullptr) {
    const char* const path = std::getenv("GPUSCHED_FAKE_NVML");
    if (path == nullptr) {
      std::fprintf(stderr, "fake NVML: GPUSCHED_FAKE_NVML names no script\n");
      return NVML_ERROR_UNKNOWN;
    }
    auto machine = read_script(path);
    if (!machine) {
      std::fprintf(stderr, "fake NVML: %s\n", machine.error().to_string().c_str());
      return NVML_ERROR_UNKNOWN;
    }
    session().machine = std::move(machine).value();
    begin = std::chrono::steady_clock::now();
  }
  const nvmlReturn_t error = scripted("nvmlInit");
  session().users += error == NVML_SUCCESS;
  return error;
}

}  // namespace

Session& session() {
  static Session instance;
  return instance;
}

double now_s() { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(); }

nvmlReturn_t scripted(const char* function) {
  const auto& errors = session().machine->errors;
  const auto entry = errors.find(function);
  return entry == errors.end() || now_s() < entry->second.from_s ? NVML_SUCCESS : entry->second.code;
}

extern "C" {

nvmlReturn_t nvmlInit() { return init(); }
nvmlReturn_t nvmlInit_v2() { return init(); }
nvmlReturn_t nvmlInitWithFlags(unsigned) { return init(); }

nvmlReturn_t nvmlShutdown() {
  return call("nvmlShutdown", [](FakeMachine&) {
    --session().users;
    return NVML_SUCCESS;
  });
}

const char* nvmlErrorString(nvmlReturn_t code) {
  for (const ReturnText& row : texts) {
    if (row.code == code) {
      return row.text;
    }
  }
  return "Unknown Error";
}

nvmlReturn_t nvmlSystemGetDriverVersion(char* version, unsigned length) {
  return call("nvmlSystemGetDriverVersion",
              [&](FakeMachine& machine) { return copy_text(machine.driver_version, version, length); });
}

nvmlReturn_t nvmlSystemGetNVMLVersion(char* version, unsigned length) {
  return call("nvmlSystemGetNVMLVersion",
              [&](FakeMachine& machine) { return copy_text(machine.nvml_version, version, length); });
}

nvmlReturn_t nvmlSystemGetCudaDriverVersion(int* version) {
  return call("nvmlSystemGetCudaDriverVersion",
              [&](FakeMachine& machine) { return give(version, machine.cuda_version); });
}
nvmlReturn_t nvmlSystemGetCudaDriverVersion_v2(int* version) { return nvmlSystemGetCudaDriverVersion(version); }

nvmlReturn_t nvmlSystemGetProcessName(unsigned pid, char* name, unsigned length) {
  return call("nvmlSystemGetProcessName", [&](FakeMachine&) {
    std::ifstream in("/proc/" + std::to_string(pid) + "/comm");
    std::string text;
    return std::getline(in, text) ? copy_text(text, name, length) : NVML_ERROR_NOT_FOUND;
  });
}

nvmlReturn_t nvmlDeviceGetCount(unsigned* count) {
  return call("nvmlDeviceGetCount", [&](FakeMachine& machine) { return give(count, machine.gpus.size()); });
}
nvmlReturn_t nvmlDeviceGetCount_v2(unsigned* count) { return nvmlDeviceGetCount(count); }

nvmlReturn_t nvmlDeviceGetHandleByIndex(unsigned index, nvmlDevice_t* device) {
  return call("nvmlDeviceGetHandleByIndex", [&](FakeMachine& machine) {
    return index < machine.gpus.size() ? give(device, machine.gpus[index].whole()) : NVML_ERROR_INVALID_ARGUMENT;
  });
}
nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned index, nvmlDevice_t* device) {
  return nvmlDeviceGetHandleByIndex(index, device);
}

}  // extern "C"

}  // namespace gpusched::nvml
