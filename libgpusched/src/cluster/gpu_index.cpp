#include "gpusched/cluster/gpu_index.hpp"

namespace gpusched {

void GpuIndex::reset(std::uint32_t gpu_count) {
  gpu_count_ = gpu_count;
  buckets_.clear();
  by_model_.clear();
}

std::int32_t GpuIndex::find(std::uint16_t model, std::uint16_t occupancy) const {
  if (model >= by_model_.size() || occupancy >= by_model_[model].size()) {
    return -1;
  }
  return by_model_[model][occupancy];
}

GpuIndex::Bucket& GpuIndex::bucket_of(const GpuState& gpu) {
  if (gpu.model >= by_model_.size()) {
    by_model_.resize(gpu.model + std::size_t{1});
  }
  auto& of_model = by_model_[gpu.model];
  if (gpu.mig_occupancy >= of_model.size()) {
    of_model.resize(gpu.mig_occupancy + std::size_t{1}, -1);
  }
  std::int32_t& index = of_model[gpu.mig_occupancy];
  if (index < 0) {
    index = static_cast<std::int32_t>(buckets_.size());
    buckets_.push_back({.model = gpu.model, .occupancy = gpu.mig_occupancy, .members = {}});
    buckets_.back().members.reset(gpu_count_);
  }
  return buckets_[static_cast<std::size_t>(index)];
}

void GpuIndex::insert(const GpuState& gpu, std::uint32_t ordinal) { bucket_of(gpu).members.insert(ordinal); }

void GpuIndex::erase(const GpuState& gpu, std::uint32_t ordinal) { bucket_of(gpu).members.erase(ordinal); }

}  // namespace gpusched
