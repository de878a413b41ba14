#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gpusched/base/result.hpp"
#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/model/mig_lattice.hpp"

#include "mig_api.hpp"

namespace gpusched::nvml {

// What the opaque handles of NVML point to.
struct FakeGpu;
struct nvmlComputeInstance_st {
  nvmlGpuInstance_st* gpu_instance = nullptr;
  unsigned id = 0;
  unsigned start = 0, slices = 0;  ///< in compute slices of the GPU instance
  bool alive = true;
};
struct nvmlGpuInstance_st {
  FakeGpu* gpu = nullptr;
  unsigned id = 0;
  MigProfileId profile{};
  int placement = 0;  ///< into the placements of the lattice
  bool alive = true;
  std::deque<nvmlComputeInstance_st> compute{};  ///< those that were destroyed too: clients may hold handles
};
struct nvmlDevice_st {
  FakeGpu* gpu = nullptr;
  nvmlComputeInstance_st* compute = nullptr;  ///< of a MIG device
};
struct nvmlGpmSample_st {
  FakeGpu* gpu = nullptr;
  int gpu_instance = -1;
  double at_s = 0;
};

/// What a device says from a time on; each value holds until a later step gives another.
struct Step {
  double at_s = 0;
  int gpu_instance = -1;  ///< -1: of the whole GPU
  std::map<std::string, double> values{};
};

struct FakeProcess {
  std::optional<unsigned> pid{};  ///< nullopt: all that descend from the process that loaded the library
  double memory_mib = 0;
  double from_s = 0, to_s = 1e9;
  int gpu_instance = -1;
  bool mps = false;
};

/// One GPU of the script. MIG is the lattice of its model: what the lattice refuses, NVML refuses.
struct FakeGpu {
  const GpuModel* model = nullptr;
  const MigLattice* lattice = nullptr;  ///< nullptr: this model has no MIG
  unsigned index = 0;
  std::string uuid{}, name{};
  bool gpm = false;
  bool mig_enabled = false;
  MigLattice::StateId state = 0;
  std::deque<nvmlGpuInstance_st> instances{};
  std::deque<nvmlDevice_st> handles{};  ///< the first is the whole GPU
  std::vector<Step> timeline{};         ///< by time
  std::vector<FakeProcess> processes{};

  nvmlDevice_t whole() { return &handles.front(); }
  /// The one handle of a MIG device.
  nvmlDevice_t handle_of(nvmlComputeInstance_st& compute);

  /// Value that holds at a time; nullopt where the script gives none.
  std::optional<double> value(int gpu_instance, const std::string& name, double at_s) const;
  /// Mean over a time; nullopt where the script gives none at its end.
  std::optional<double> mean(int gpu_instance, const std::string& name, double from_s, double to_s) const;

  /// INSUFFICIENT_RESOURCES where the lattice has no place; `start` -1: the lowest that fits.
  nvmlReturn_t create(MigProfileId profile, int start, nvmlGpuInstance_st*& created);
  nvmlReturn_t destroy(nvmlGpuInstance_st& instance);
  /// Index into the lattice's placements of a profile at a start; nullopt where it is not legal.
  std::optional<int> placement_at(MigProfileId profile, unsigned start) const;
  int instances_of(MigProfileId profile) const;
};

/// Legal starts of a compute instance in a GPU instance of that many slices: those NVIDIA's guide lists.
std::vector<unsigned> compute_starts(unsigned gpu_instance_slices, unsigned slices);
nvmlReturn_t create_compute(nvmlGpuInstance_st& instance, unsigned slices, int start, nvmlComputeInstance_st*& created);

const MigProfile& profile_of(const nvmlGpuInstance_st& instance);
/// "1g.10gb", "1c.3g.40gb".
std::string compute_name(const nvmlComputeInstance_st& compute);

/// An error the script has a function return.
struct ScriptedError {
  nvmlReturn_t code = NVML_SUCCESS;
  double from_s = 0;
};

struct FakeMachine {
  std::string driver_version = "580.95.05", nvml_version = "13.580.95.05";
  int cuda_version = 13000;
  std::deque<FakeGpu> gpus{};
  std::map<std::string, ScriptedError> errors{};  ///< by name without version suffix
};

/// Reads the script: docs in README.md beside this file. Errors name the file and what is wrong.
Result<std::unique_ptr<FakeMachine>> read_script(const std::string& path);

}  // namespace gpusched::nvml
