#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gpusched/base/ids.hpp"
#include "gpusched/base/result.hpp"
#include "gpusched/profiler/nvml_library.hpp"

namespace gpusched::profiler {

/// A MIG device: a compute instance in a GPU instance.
struct MigInstance {
  unsigned gpu_instance = 0, compute_instance = 0;
  std::string profile{};  ///< NVIDIA's name, "1g.10gb"; empty when the driver does not tell
  std::optional<int> sm_count{};
  std::optional<std::int64_t> memory_mib{};
  bool shares_gpu_instance = false;  ///< another compute instance uses the same GPU instance
};

/// Something that can be measured: a GPU with MIG off, or a MIG instance.
struct Device {
  nvml::nvmlDevice_t handle = nullptr;
  nvml::nvmlDevice_t gpu = nullptr;  ///< of the whole GPU; the same as handle without an instance
  unsigned gpu_index = 0;            ///< NVML's: by PCI bus
  std::string uuid{}, name{};
  std::optional<GpuModelId> model{};  ///< nullopt when the catalogue does not know the name
  std::optional<MigInstance> instance{};

  /// "GPU 0 NVIDIA H100 80GB HBM3", "GPU 0 MIG 1g.10gb (GI 7 CI 0)".
  std::string label() const;
};

struct Gpu {
  Device whole{};
  bool mig_enabled = false;
  std::vector<Device> instances{};  ///< in NVML's order
};

struct Machine {
  std::optional<std::string> driver_version{}, nvml_version{};
  std::vector<Gpu> gpus{};  ///< by NVML index
};

/// Everything NVML lists, GPUs that cannot be asked included. not_found without any GPU; io when the listing fails.
Result<Machine> list_devices(const nvml::Library& library);

/// The devices that `selection` names as CUDA_VISIBLE_DEVICES does: indexes, GPU-uuid, MIG-uuid, joined by commas; a
/// uuid may be shortened to what tells it apart. A GPU with MIG on stands for its first instance, the one CUDA takes.
/// not_found: a name of nothing, nothing named at all, MIG on without an instance; each says what there is.
Result<std::vector<Device>> select_devices(const Machine& machine, std::string_view selection);

/// All GPUs: what CUDA sees where nothing is selected. A GPU with MIG on stands for its first instance.
/// not_found where no GPU can run anything.
Result<std::vector<Device>> all_devices(const Machine& machine);

}  // namespace gpusched::profiler
