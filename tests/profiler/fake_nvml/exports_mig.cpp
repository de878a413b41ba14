#include <algorithm>
#include <array>
#include <span>

#include "session.hpp"

namespace gpusched::nvml {

namespace {

/// NVML_GPU_INSTANCE_PROFILE_* of a profile, and the id that `nvidia-smi mig -lgip` shows for it on A100 and H100.
struct ProfileNumber {
  unsigned number, id;
};

/// Nothing for profiles that NVML numbers in a way not listed here.
std::optional<ProfileNumber> number_of(const GpuModel& model, const MigProfile& profile) {
  struct Row {
    int slices;
    bool plain;
    ProfileNumber number;
  };
  constexpr std::array rows = {Row{1, true, {0, 19}}, Row{2, true, {1, 14}}, Row{3, true, {2, 9}},
                               Row{4, true, {3, 5}},  Row{7, true, {4, 0}},  Row{1, false, {7, 20}},
                               Row{2, false, {8, 21}}};
  if (profile.all_media_extensions || profile.no_media_extensions || profile.graphics) {
    return std::nullopt;
  }
  // 1g with double memory: another profile of one slice and no label takes fewer units.
  const bool wide = std::any_of(model.profiles.begin(), model.profiles.end(), [&](const MigProfile& other) {
    return !other.is_label() && other.compute_slices == profile.compute_slices &&
           other.memory_units < profile.memory_units;
  });
  if (wide) {
    return ProfileNumber{9, 15};
  }
  for (const Row& row : rows) {
    if (row.slices == profile.compute_slices && row.plain == !profile.media_extensions) {
      return row.number;
    }
  }
  return std::nullopt;
}

/// The profile of a number or id.
template <unsigned ProfileNumber::*Member>
std::optional<MigProfileId> find_profile(const FakeGpu& gpu, unsigned wanted) {
  for (std::uint32_t i = 0; i < gpu.model->profiles.size(); ++i) {
    const auto number = number_of(*gpu.model, gpu.model->profiles[i]);
    if (number && (*number).*Member == wanted) {
      return MigProfileId{i};
    }
  }
  return std::nullopt;
}

constexpr std::array<unsigned, 5> compute_slices_of_number = {1, 2, 3, 4, 7};

/// A call about the instances of a GPU that can do MIG. With MIG off NVML does not support them.
template <typename Body>
nvmlReturn_t mig_call(const char* function, nvmlDevice_t device, Body body) {
  return gpu_call(function, device, [&](FakeGpu& gpu) {
    return gpu.lattice != nullptr && gpu.mig_enabled ? body(gpu) : NVML_ERROR_NOT_SUPPORTED;
  });
}

template <typename Body>
nvmlReturn_t profile_call(const char* function, nvmlDevice_t device, unsigned id, Body body) {
  return mig_call(function, device, [&](FakeGpu& gpu) {
    const auto profile = find_profile<&ProfileNumber::id>(gpu, id);
    return profile ? body(gpu, *profile) : NVML_ERROR_INVALID_ARGUMENT;
  });
}

template <typename Body>
nvmlReturn_t instance_call(const char* function, nvmlGpuInstance_t instance, Body body) {
  return call(function, [&](FakeMachine&) {
    return instance.handle != nullptr && instance.handle->alive ? body(*instance.handle) : NVML_ERROR_INVALID_ARGUMENT;
  });
}

template <typename Body>
nvmlReturn_t compute_profile_call(const char* function, nvmlGpuInstance_t instance, unsigned number, Body body) {
  return instance_call(function, instance, [&](nvmlGpuInstance_st& found) {
    if (number >= compute_slices_of_number.size()) {
      return number < NVML_COMPUTE_INSTANCE_PROFILE_COUNT ? NVML_ERROR_NOT_SUPPORTED : NVML_ERROR_INVALID_ARGUMENT;
    }
    const unsigned slices = compute_slices_of_number[number];
    const auto starts = compute_starts(static_cast<unsigned>(profile_of(found).compute_slices), slices);
    return starts.empty() ? NVML_ERROR_NOT_SUPPORTED : body(found, slices, std::span(starts));
  });
}

/// Fields that all versions of the struct have.
template <typename Info>
void fill(const FakeGpu& gpu, const MigProfile& profile, Info& info) {
  const auto count = [](const std::optional<int>& value) { return static_cast<unsigned>(value.value_or(0)); };
  info.id = number_of(*gpu.model, profile)->id;
  info.sliceCount = static_cast<unsigned>(profile.compute_slices);
  info.instanceCount =
      profile.max_instances ? count(profile.max_instances) : static_cast<unsigned>(profile.starts.size());
  info.multiprocessorCount = count(profile.sm_count);
  info.copyEngineCount = count(profile.copy_engines);
  info.decoderCount = count(profile.nvdec);
  info.encoderCount = count(profile.nvenc);
  info.jpegCount = count(profile.jpeg);
  info.ofaCount = count(profile.ofa);
  info.memorySizeMB = static_cast<unsigned long long>(profile.memory_mib.value_or(0));
  if constexpr (requires { info.name; }) {
    copy_text("MIG " + std::string(profile.name), info.name, sizeof(info.name));
  }
}

nvmlReturn_t place(FakeGpu& gpu, MigProfileId profile, int start, nvmlGpuInstance_t* instance) {
  nvmlGpuInstance_st* created = nullptr;
  const nvmlReturn_t code = gpu.create(profile, start, created);
  return code == NVML_SUCCESS ? give(&instance->handle, created) : code;
}

nvmlReturn_t place_compute(nvmlGpuInstance_st& instance, unsigned slices, int start, nvmlComputeInstance_t* compute) {
  nvmlComputeInstance_st* created = nullptr;
  const nvmlReturn_t code = create_compute(instance, slices, start, created);
  return code == NVML_SUCCESS ? give(&compute->handle, created) : code;
}

}  // namespace

extern "C" {

nvmlReturn_t nvmlDeviceGetMigMode(nvmlDevice_t device, unsigned* current, unsigned* pending) {
  return gpu_call("nvmlDeviceGetMigMode", device, [&](FakeGpu& gpu) {
    if (gpu.lattice == nullptr) {
      return NVML_ERROR_NOT_SUPPORTED;
    }
    give(pending, gpu.mig_enabled);
    return give(current, gpu.mig_enabled);
  });
}

nvmlReturn_t nvmlDeviceSetMigMode(nvmlDevice_t device, unsigned mode, nvmlReturn_t* status) {
  return gpu_call("nvmlDeviceSetMigMode", device, [&](FakeGpu& gpu) {
    if (gpu.lattice == nullptr) {
      return NVML_ERROR_NOT_SUPPORTED;
    }
    if (mode > NVML_DEVICE_MIG_ENABLE) {
      return NVML_ERROR_INVALID_ARGUMENT;
    }
    const bool used = gpu.state != 0;
    const bool change = (mode == NVML_DEVICE_MIG_ENABLE) != gpu.mig_enabled;
    // Ampere wants a reset for a change of mode; the double gives it at once.
    if (change && !used) {
      gpu.mig_enabled = !gpu.mig_enabled;
    }
    return give(status, change && used ? NVML_ERROR_IN_USE : NVML_SUCCESS);
  });
}

nvmlReturn_t nvmlDeviceIsMigDeviceHandle(nvmlDevice_t device, unsigned* is_mig) {
  return device_call("nvmlDeviceIsMigDeviceHandle", device,
                     [&](nvmlDevice_st& found) { return give(is_mig, found.compute != nullptr); });
}

nvmlReturn_t nvmlDeviceGetMaxMigDeviceCount(nvmlDevice_t device, unsigned* count) {
  return gpu_call("nvmlDeviceGetMaxMigDeviceCount", device,
                  [&](FakeGpu& gpu) { return give(count, gpu.lattice == nullptr ? 0 : gpu.model->compute_slices); });
}

nvmlReturn_t nvmlDeviceGetMigDeviceHandleByIndex(nvmlDevice_t device, unsigned index, nvmlDevice_t* mig) {
  return mig_call("nvmlDeviceGetMigDeviceHandleByIndex", device, [&](FakeGpu& gpu) {
    for (nvmlGpuInstance_st& instance : gpu.instances) {
      for (nvmlComputeInstance_st& compute : instance.compute) {
        if (instance.alive && compute.alive && index-- == 0) {
          return give(mig, gpu.handle_of(compute));
        }
      }
    }
    return NVML_ERROR_NOT_FOUND;
  });
}

nvmlReturn_t nvmlDeviceGetDeviceHandleFromMigDeviceHandle(nvmlDevice_t mig, nvmlDevice_t* device) {
  return device_call("nvmlDeviceGetDeviceHandleFromMigDeviceHandle", mig, [&](nvmlDevice_st& found) {
    return found.compute == nullptr ? NVML_ERROR_INVALID_ARGUMENT : give(device, found.gpu->whole());
  });
}

nvmlReturn_t nvmlDeviceGetGpuInstanceId(nvmlDevice_t device, unsigned* id) {
  return device_call("nvmlDeviceGetGpuInstanceId", device, [&](nvmlDevice_st& found) {
    return found.compute == nullptr ? NVML_ERROR_NOT_SUPPORTED : give(id, found.compute->gpu_instance->id);
  });
}

nvmlReturn_t nvmlDeviceGetComputeInstanceId(nvmlDevice_t device, unsigned* id) {
  return device_call("nvmlDeviceGetComputeInstanceId", device, [&](nvmlDevice_st& found) {
    return found.compute == nullptr ? NVML_ERROR_NOT_SUPPORTED : give(id, found.compute->id);
  });
}

nvmlReturn_t nvmlDeviceGetAttributes_v2(nvmlDevice_t device, nvmlDeviceAttributes_t* attributes) {
  return device_call("nvmlDeviceGetAttributes", device, [&](nvmlDevice_st& found) {
    if (found.compute == nullptr) {
      return NVML_ERROR_NOT_SUPPORTED;
    }
    const MigProfile& profile = profile_of(*found.compute->gpu_instance);
    *attributes = {};
    attributes->gpuInstanceSliceCount = static_cast<unsigned>(profile.compute_slices);
    attributes->computeInstanceSliceCount = found.compute->slices;
    attributes->multiprocessorCount = static_cast<unsigned>(profile.sm_count.value_or(0)) * found.compute->slices /
                                      static_cast<unsigned>(profile.compute_slices);
    attributes->memorySizeMB = static_cast<unsigned long long>(profile.memory_mib.value_or(0));
    return NVML_SUCCESS;
  });
}

nvmlReturn_t nvmlDeviceGetGpuInstanceProfileInfo(nvmlDevice_t device, unsigned number,
                                                 nvmlGpuInstanceProfileInfo_t* info) {
  return gpu_call("nvmlDeviceGetGpuInstanceProfileInfo", device, [&](FakeGpu& gpu) {
    if (number >= NVML_GPU_INSTANCE_PROFILE_COUNT) {
      return NVML_ERROR_INVALID_ARGUMENT;
    }
    const auto profile = find_profile<&ProfileNumber::number>(gpu, number);
    if (!profile || gpu.lattice == nullptr) {
      return NVML_ERROR_NOT_SUPPORTED;
    }
    *info = {};
    fill(gpu, gpu.model->profiles[profile->value], *info);
    return NVML_SUCCESS;
  });
}

nvmlReturn_t nvmlDeviceGetGpuInstanceProfileInfoV(nvmlDevice_t device, unsigned number,
                                                  nvmlGpuInstanceProfileInfo_v2_t* info) {
  return gpu_call("nvmlDeviceGetGpuInstanceProfileInfo", device, [&](FakeGpu& gpu) {
    const auto profile = find_profile<&ProfileNumber::number>(gpu, number);
    if (!profile || gpu.lattice == nullptr) {
      return number < NVML_GPU_INSTANCE_PROFILE_COUNT ? NVML_ERROR_NOT_SUPPORTED : NVML_ERROR_INVALID_ARGUMENT;
    }
    if (info->version == nvml_struct_version<nvmlGpuInstanceProfileInfo_v2_t>(2)) {
      fill(gpu, gpu.model->profiles[profile->value], *info);
      return NVML_SUCCESS;
    }
    if (info->version == nvml_struct_version<nvmlGpuInstanceProfileInfo_v3_t>(3)) {
      fill(gpu, gpu.model->profiles[profile->value], *reinterpret_cast<nvmlGpuInstanceProfileInfo_v3_t*>(info));
      return NVML_SUCCESS;
    }
    return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
  });
}

nvmlReturn_t nvmlDeviceGetGpuInstancePossiblePlacements_v2(nvmlDevice_t device, unsigned id,
                                                           nvmlGpuInstancePlacement_t* placements, unsigned* count) {
  return profile_call(
      "nvmlDeviceGetGpuInstancePossiblePlacements", device, id, [&](FakeGpu& gpu, MigProfileId profile) {
        const auto places = gpu.lattice->placements_of(gpu.lattice->shape_of(profile));
        for (std::size_t i = 0; i < places.size() && placements != nullptr; ++i) {
          placements[i] = {static_cast<unsigned>(places[i].range.start), static_cast<unsigned>(places[i].range.size)};
        }
        return give(count, places.size());
      });
}

nvmlReturn_t nvmlDeviceGetGpuInstanceRemainingCapacity(nvmlDevice_t device, unsigned id, unsigned* count) {
  return profile_call("nvmlDeviceGetGpuInstanceRemainingCapacity", device, id, [&](FakeGpu& gpu, MigProfileId profile) {
    // How many more the lattice takes, one after the other.
    FakeGpu trial;
    trial.model = gpu.model;
    trial.lattice = gpu.lattice;
    trial.mig_enabled = true;
    trial.state = gpu.state;
    trial.instances = gpu.instances;
    unsigned more = 0;
    nvmlGpuInstance_st* created = nullptr;
    while (trial.create(profile, -1, created) == NVML_SUCCESS) {
      ++more;
    }
    return give(count, more);
  });
}

nvmlReturn_t nvmlDeviceCreateGpuInstance(nvmlDevice_t device, unsigned id, nvmlGpuInstance_t* instance) {
  return profile_call("nvmlDeviceCreateGpuInstance", device, id,
                      [&](FakeGpu& gpu, MigProfileId profile) { return place(gpu, profile, -1, instance); });
}

nvmlReturn_t nvmlDeviceCreateGpuInstanceWithPlacement(nvmlDevice_t device, unsigned id,
                                                      const nvmlGpuInstancePlacement_t* placement,
                                                      nvmlGpuInstance_t* instance) {
  return profile_call("nvmlDeviceCreateGpuInstanceWithPlacement", device, id, [&](FakeGpu& gpu, MigProfileId profile) {
    return place(gpu, profile, static_cast<int>(placement->start), instance);
  });
}

nvmlReturn_t nvmlGpuInstanceDestroy(nvmlGpuInstance_t instance) {
  return instance_call("nvmlGpuInstanceDestroy", instance,
                       [](nvmlGpuInstance_st& found) { return found.gpu->destroy(found); });
}

nvmlReturn_t nvmlDeviceGetGpuInstances(nvmlDevice_t device, unsigned id, nvmlGpuInstance_t* instances,
                                       unsigned* count) {
  return profile_call("nvmlDeviceGetGpuInstances", device, id, [&](FakeGpu& gpu, MigProfileId profile) {
    unsigned found = 0;
    for (nvmlGpuInstance_st& instance : gpu.instances) {
      if (instance.alive && instance.profile == profile) {
        instances[found++].handle = &instance;
      }
    }
    return give(count, found);
  });
}

nvmlReturn_t nvmlDeviceGetGpuInstanceById(nvmlDevice_t device, unsigned id, nvmlGpuInstance_t* instance) {
  return mig_call("nvmlDeviceGetGpuInstanceById", device, [&](FakeGpu& gpu) {
    for (nvmlGpuInstance_st& candidate : gpu.instances) {
      if (candidate.alive && candidate.id == id) {
        return give(&instance->handle, &candidate);
      }
    }
    return NVML_ERROR_NOT_FOUND;
  });
}

nvmlReturn_t nvmlGpuInstanceGetInfo(nvmlGpuInstance_t instance, nvmlGpuInstanceInfo_t* info) {
  return instance_call("nvmlGpuInstanceGetInfo", instance, [&](nvmlGpuInstance_st& found) {
    const SliceRange range = found.gpu->lattice->placements()[static_cast<std::size_t>(found.placement)].range;
    const auto number = number_of(*found.gpu->model, profile_of(found));
    return give(info, nvmlGpuInstanceInfo_t{
                          .device = found.gpu->whole(),
                          .id = found.id,
                          .profileId = number ? number->id : 0,
                          .placement = {static_cast<unsigned>(range.start), static_cast<unsigned>(range.size)}});
  });
}

nvmlReturn_t nvmlGpuInstanceGetComputeInstanceProfileInfo(nvmlGpuInstance_t instance, unsigned number, unsigned,
                                                          nvmlComputeInstanceProfileInfo_t* info) {
  return compute_profile_call("nvmlGpuInstanceGetComputeInstanceProfileInfo", instance, number,
                              [&](nvmlGpuInstance_st& found, unsigned slices, std::span<const unsigned> starts) {
                                const MigProfile& profile = profile_of(found);
                                *info = {};
                                info->id = number;
                                info->sliceCount = slices;
                                info->instanceCount = static_cast<unsigned>(starts.size());
                                info->multiprocessorCount = static_cast<unsigned>(profile.sm_count.value_or(0)) *
                                                            slices / static_cast<unsigned>(profile.compute_slices);
                                return NVML_SUCCESS;
                              });
}

nvmlReturn_t nvmlGpuInstanceGetComputeInstancePossiblePlacements(nvmlGpuInstance_t instance, unsigned number,
                                                                 nvmlComputeInstancePlacement_t* placements,
                                                                 unsigned* count) {
  return compute_profile_call("nvmlGpuInstanceGetComputeInstancePossiblePlacements", instance, number,
                              [&](nvmlGpuInstance_st&, unsigned slices, std::span<const unsigned> starts) {
                                for (std::size_t i = 0; i < starts.size() && placements != nullptr; ++i) {
                                  placements[i] = {starts[i], slices};
                                }
                                return give(count, starts.size());
                              });
}

nvmlReturn_t nvmlGpuInstanceCreateComputeInstance(nvmlGpuInstance_t instance, unsigned number,
                                                  nvmlComputeInstance_t* compute) {
  return compute_profile_call("nvmlGpuInstanceCreateComputeInstance", instance, number,
                              [&](nvmlGpuInstance_st& found, unsigned slices, std::span<const unsigned>) {
                                return place_compute(found, slices, -1, compute);
                              });
}

nvmlReturn_t nvmlGpuInstanceCreateComputeInstanceWithPlacement(nvmlGpuInstance_t instance, unsigned number,
                                                               const nvmlComputeInstancePlacement_t* placement,
                                                               nvmlComputeInstance_t* compute) {
  return compute_profile_call("nvmlGpuInstanceCreateComputeInstanceWithPlacement", instance, number,
                              [&](nvmlGpuInstance_st& found, unsigned slices, std::span<const unsigned>) {
                                return place_compute(found, slices, static_cast<int>(placement->start), compute);
                              });
}

nvmlReturn_t nvmlComputeInstanceDestroy(nvmlComputeInstance_t compute) {
  return call("nvmlComputeInstanceDestroy", [&](FakeMachine&) {
    if (compute.handle == nullptr || !compute.handle->alive) {
      return NVML_ERROR_INVALID_ARGUMENT;
    }
    compute.handle->alive = false;
    return NVML_SUCCESS;
  });
}

nvmlReturn_t nvmlGpuInstanceGetComputeInstances(nvmlGpuInstance_t instance, unsigned number,
                                                nvmlComputeInstance_t* computes, unsigned* count) {
  return compute_profile_call("nvmlGpuInstanceGetComputeInstances", instance, number,
                              [&](nvmlGpuInstance_st& found, unsigned slices, std::span<const unsigned>) {
                                unsigned number_found = 0;
                                for (nvmlComputeInstance_st& compute : found.compute) {
                                  if (compute.alive && compute.slices == slices) {
                                    computes[number_found++].handle = &compute;
                                  }
                                }
                                return give(count, number_found);
                              });
}

nvmlReturn_t nvmlGpuInstanceGetComputeInstanceById(nvmlGpuInstance_t instance, unsigned id,
                                                   nvmlComputeInstance_t* compute) {
  return instance_call("nvmlGpuInstanceGetComputeInstanceById", instance, [&](nvmlGpuInstance_st& found) {
    for (nvmlComputeInstance_st& candidate : found.compute) {
      if (candidate.alive && candidate.id == id) {
        return give(&compute->handle, &candidate);
      }
    }
    return NVML_ERROR_NOT_FOUND;
  });
}

nvmlReturn_t nvmlComputeInstanceGetInfo_v2(nvmlComputeInstance_t compute, nvmlComputeInstanceInfo_t* info) {
  return call("nvmlComputeInstanceGetInfo", [&](FakeMachine&) {
    const nvmlComputeInstance_st* const found = compute.handle;
    if (found == nullptr || !found->alive) {
      return NVML_ERROR_INVALID_ARGUMENT;
    }
    const auto number = std::find(compute_slices_of_number.begin(), compute_slices_of_number.end(), found->slices);
    return give(info,
                nvmlComputeInstanceInfo_t{.device = found->gpu_instance->gpu->whole(),
                                          .gpuInstance = {found->gpu_instance},
                                          .id = found->id,
                                          .profileId = static_cast<unsigned>(number - compute_slices_of_number.begin()),
                                          .placement = {found->start, found->slices}});
  });
}

}  // extern "C"

}  // namespace gpusched::nvml
