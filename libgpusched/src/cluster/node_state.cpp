#include "gpusched/cluster/node_state.hpp"

#include <algorithm>
#include <bit>
#include <functional>
#include <string_view>
#include <tuple>

#include "gpusched/base/intern_table.hpp"

namespace gpusched {

namespace {

std::uint64_t combine(std::uint64_t seed, std::uint64_t value) {
  return mix_bits(seed ^ (value + 0x9e3779b97f4a7c15ULL));
}

std::uint64_t hash_text(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  }
  return hash;
}

std::uint64_t as_bits(std::int64_t value) { return static_cast<std::uint64_t>(value); }

std::uint64_t low_bits(const GpuState& gpu) {
  return std::uint64_t{gpu.model} | (std::uint64_t{gpu.free_milli} << 16) | (std::uint64_t{gpu.mig_occupancy} << 32) |
         ((std::uint64_t{gpu.mig_labels} << 48) ^ (std::uint64_t{gpu.tenants} << 52) ^ (std::uint64_t{gpu.held} << 61) ^
          (static_cast<std::uint64_t>(gpu.sharing) << 62) ^ (std::uint64_t{gpu.sliced_starts} << 24));
}

}  // namespace

std::uint64_t hash_value(const NodeShape& shape) {
  std::uint64_t hash = combine(as_bits(shape.cpu_milli), as_bits(shape.memory_mib));
  hash = combine(hash, static_cast<std::uint64_t>(shape.sharing) * 1000003U + as_bits(shape.replicas));
  for (const GpuSpec& gpu : shape.gpus) {
    hash = combine(hash, gpu.model.value ^ (as_bits(gpu.memory_mib) << 8));
  }
  for (const NodeResource& resource : shape.resources) {
    hash = combine(hash, hash_text(resource.mig_profile) ^ (as_bits(resource.allocatable) << 8));
  }
  for (const auto& [key, value] : shape.labels) {
    hash = combine(hash, hash_text(key) ^ (hash_text(value) << 1));
  }
  return hash;
}

std::uint64_t hash_value(const NodeState& state) {
  // Runs on every decision: multiply-accumulate, one finaliser.
  std::uint64_t hash = ((as_bits(state.cpu_free_milli) << 1) ^ (state.schedulable ? 1U : 0U) ^
                        (std::uint64_t{state.hosted_kinds} << 56)) *
                       0x9e3779b97f4a7c15ULL;
  hash = (hash ^ as_bits(state.memory_free_mib) ^ (std::uint64_t{state.shape} << 40)) * 0xff51afd7ed558ccdULL;
  for (const GpuState& gpu : state.gpus) {
    hash = (hash ^ (hash >> 29) ^ low_bits(gpu) ^ (as_bits(gpu.free_memory_mib) * 0xc2b2ae3d27d4eb4fULL)) *
           0xbf58476d1ce4e5b9ULL;
  }
  return mix_bits(hash);
}

std::uint64_t hash_value(const GpuRequest& request) {
  std::uint64_t hash = combine(as_bits(request.cpu_milli), as_bits(request.memory_mib));
  hash = combine(hash, (as_bits(request.num_gpu) << 32) ^ as_bits(request.gpu_milli));
  hash = combine(hash, as_bits(request.gpu_memory_mib) ^ (static_cast<std::uint64_t>(request.mode) << 56));
  hash = combine(hash, hash_text(request.mig_profile));
  for (const std::string& model : request.gpu_models) {
    hash = combine(hash, hash_text(model));
  }
  for (const auto& [key, value] : request.node_labels) {
    hash = combine(hash, hash_text(key) ^ (hash_text(value) << 1));
  }
  return combine(hash, as_bits(request.priority));
}

bool states_intent(const GpuRequest& request) {
  return request.num_gpu == 1 && request.gpu_milli == milli_per_unit && request.mig_profile.empty() &&
         (request.job_class != JobClass::unknown || !request.job_profile.empty() || request.max_slowdown > 0);
}

int request_kind(const GpuRequest& request) {
  if (request.num_gpu == 0) {
    return 7;
  }
  if (request.gpu_milli < milli_per_unit || !request.mig_profile.empty()) {
    return 0;
  }
  return std::min(1 + static_cast<int>(std::bit_width(static_cast<std::uint32_t>(request.num_gpu - 1))), 6);
}

NodeState with_sorted_gpus(const NodeState& state) {
  NodeState sorted = state;
  std::sort(sorted.gpus.begin(), sorted.gpus.end(), [](const GpuState& a, const GpuState& b) {
    const auto key = [](const GpuState& gpu) {
      return std::tuple(gpu.model, gpu.free_milli, gpu.mig_occupancy, gpu.mig_labels, gpu.tenants, gpu.free_memory_mib,
                        gpu.sharing, gpu.held, gpu.sliced_starts);
    };
    return key(a) < key(b);
  });
  return sorted;
}

}  // namespace gpusched
