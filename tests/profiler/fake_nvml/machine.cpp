#include "machine.hpp"

#include <algorithm>

namespace gpusched::nvml {

nvmlDevice_t FakeGpu::handle_of(nvmlComputeInstance_st& compute) {
  for (nvmlDevice_st& handle : handles) {
    if (handle.compute == &compute) {
      return &handle;
    }
  }
  handles.push_back({.gpu = this, .compute = &compute});
  return &handles.back();
}

std::optional<double> FakeGpu::value(int gpu_instance, const std::string& value_name, double at_s) const {
  std::optional<double> result;
  for (const Step& step : timeline) {
    const auto entry = step.values.find(value_name);
    if (step.at_s <= at_s && step.gpu_instance == gpu_instance && entry != step.values.end()) {
      result = entry->second;
    }
  }
  return result;
}

std::optional<double> FakeGpu::mean(int gpu_instance, const std::string& value_name, double from_s, double to_s) const {
  if (!value(gpu_instance, value_name, to_s) || to_s <= from_s) {
    return std::nullopt;
  }
  std::vector<double> edges = {from_s, to_s};
  for (const Step& step : timeline) {
    if (step.at_s > from_s && step.at_s < to_s) {
      edges.push_back(step.at_s);
    }
  }
  std::sort(edges.begin(), edges.end());
  double sum = 0;
  for (std::size_t i = 0; i + 1 < edges.size(); ++i) {
    sum += value(gpu_instance, value_name, edges[i]).value_or(0) * (edges[i + 1] - edges[i]);
  }
  return sum / (to_s - from_s);
}

std::optional<int> FakeGpu::placement_at(MigProfileId profile, unsigned start) const {
  const auto all = lattice->placements();
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].shape == lattice->shape_of(profile) && all[i].range.start == static_cast<int>(start)) {
      return static_cast<int>(i);
    }
  }
  return std::nullopt;
}

int FakeGpu::instances_of(MigProfileId profile) const {
  return static_cast<int>(std::count_if(instances.begin(), instances.end(), [&](const nvmlGpuInstance_st& instance) {
    return instance.alive && instance.profile == profile;
  }));
}

nvmlReturn_t FakeGpu::create(MigProfileId profile, int start, nvmlGpuInstance_st*& created) {
  if (!mig_enabled) {
    return NVML_ERROR_NOT_SUPPORTED;
  }
  if (start >= 0 && !placement_at(profile, static_cast<unsigned>(start))) {
    return NVML_ERROR_INVALID_ARGUMENT;
  }
  const MigProfile& row = model->profiles[profile.value];
  // A label such as +me is the hardware of another profile, capped per GPU.
  if (row.max_instances && instances_of(profile) >= *row.max_instances) {
    return NVML_ERROR_INSUFFICIENT_RESOURCES;
  }
  for (const MigPlacement& place : lattice->placements_of(lattice->shape_of(profile))) {
    const int place_index = *placement_at(profile, static_cast<unsigned>(place.range.start));
    const MigLattice::StateId next = lattice->after_create(state, place_index);
    if (next == MigLattice::no_state || (start >= 0 && place.range.start != start)) {
      continue;
    }
    unsigned id = 1;  // 0 is the whole GPU
    const auto taken = [&](const nvmlGpuInstance_st& other) { return other.alive && other.id == id; };
    while (std::any_of(instances.begin(), instances.end(), taken)) {
      ++id;
    }
    state = next;
    instances.push_back({.gpu = this, .id = id, .profile = profile, .placement = place_index});
    created = &instances.back();
    return NVML_SUCCESS;
  }
  return NVML_ERROR_INSUFFICIENT_RESOURCES;
}

nvmlReturn_t FakeGpu::destroy(nvmlGpuInstance_st& instance) {
  const bool used = std::any_of(instance.compute.begin(), instance.compute.end(),
                                [](const nvmlComputeInstance_st& compute) { return compute.alive; });
  if (used) {
    return NVML_ERROR_IN_USE;
  }
  state = lattice->after_destroy(state, instance.placement);
  instance.alive = false;
  return NVML_SUCCESS;
}

std::vector<unsigned> compute_starts(unsigned gpu_instance_slices, unsigned slices) {
  if (slices == gpu_instance_slices) {
    return {0};
  }
  const bool listed = slices == 1 || slices == 2 || (gpu_instance_slices == 7 && (slices == 3 || slices == 4));
  const unsigned step = slices == 1 ? 1 : slices == 2 ? 2 : 4;
  std::vector<unsigned> starts;
  for (unsigned start = 0; listed && start + slices <= gpu_instance_slices; start += step) {
    starts.push_back(start);
  }
  return starts;
}

nvmlReturn_t create_compute(nvmlGpuInstance_st& instance, unsigned slices, int start,
                            nvmlComputeInstance_st*& created) {
  const std::vector<unsigned> starts =
      compute_starts(static_cast<unsigned>(profile_of(instance).compute_slices), slices);
  if (starts.empty() || (start >= 0 && std::count(starts.begin(), starts.end(), static_cast<unsigned>(start)) == 0)) {
    return NVML_ERROR_INVALID_ARGUMENT;
  }
  for (const unsigned candidate : starts) {
    unsigned next_id = 0;
    bool fits = start < 0 || candidate == static_cast<unsigned>(start);
    for (const nvmlComputeInstance_st& other : instance.compute) {
      if (other.alive) {
        fits = fits && (other.start + other.slices <= candidate || candidate + slices <= other.start);
        next_id = std::max(next_id, other.id + 1);
      }
    }
    if (fits) {
      instance.compute.push_back({.gpu_instance = &instance, .id = next_id, .start = candidate, .slices = slices});
      created = &instance.compute.back();
      return NVML_SUCCESS;
    }
  }
  return NVML_ERROR_INSUFFICIENT_RESOURCES;
}

const MigProfile& profile_of(const nvmlGpuInstance_st& instance) {
  return instance.gpu->model->profiles[instance.profile.value];
}

std::string compute_name(const nvmlComputeInstance_st& compute) {
  const MigProfile& profile = profile_of(*compute.gpu_instance);
  const bool whole = static_cast<int>(compute.slices) == profile.compute_slices;
  return (whole ? "" : std::to_string(compute.slices) + "c.") + std::string(profile.name);
}

}  // namespace gpusched::nvml
