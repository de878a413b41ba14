#include "gpusched/score/demand_shape.hpp"

#include <algorithm>
#include <functional>

#include "gpusched/base/inline_vector.hpp"

namespace gpusched {

namespace {

constexpr std::uint16_t whole = milli_per_unit;

/// The place of the value in the list, to which it is added where it is new.
template <typename T>
std::uint32_t number_of(std::vector<T>& values, const T& value) {
  const auto found = std::find(values.begin(), values.end(), value) - values.begin();
  if (static_cast<std::size_t>(found) == values.size()) {
    values.push_back(value);
  }
  return static_cast<std::uint32_t>(found);
}

/// Requests for so many GPUs alone that fit on the node, CPU aside.
std::int32_t fitting_on_gpus(const FreeShares& node, std::size_t idle, std::int32_t num_gpu, std::int32_t gpu_milli) {
  if (num_gpu == 0) {
    return DemandShapes::most_fitting;
  }
  if (num_gpu > 1 || gpu_milli >= whole) {
    return gpu_milli >= whole ? static_cast<std::int32_t>(idle) / num_gpu : 0;
  }
  std::int32_t fitting = static_cast<std::int32_t>(idle) * (whole / gpu_milli);
  for (std::size_t gpu = idle; gpu < node.gpu_count && node.free_milli[gpu] >= gpu_milli; ++gpu) {
    fitting += node.free_milli[gpu] / gpu_milli;
  }
  return fitting;
}

}  // namespace

FreeShares after_request(const FreeShares& node, const DemandShape& shape, std::uint16_t share) {
  FreeShares after = node;
  after.cpu_milli -= shape.cpu_milli;
  auto& free = after.free_milli;
  const auto gpus_end = free.begin() + after.gpu_count;
  if (shape.is_share()) {
    const auto left = static_cast<std::uint16_t>(share - shape.gpu_milli);
    // The last of equal ones moves back to its place.
    auto gpu = std::upper_bound(free.begin(), gpus_end, share, std::greater<>()) - 1;
    for (; gpu + 1 != gpus_end && *(gpu + 1) > left; ++gpu) {
      *gpu = *(gpu + 1);
    }
    *gpu = left;
    return after;
  }
  int missing = shape.num_gpu;
  for (auto gpu = gpus_end; gpu != free.begin() && missing > 0;) {
    --gpu;
    if (*gpu >= shape.gpu_milli) {
      *gpu = static_cast<std::uint16_t>(*gpu - shape.gpu_milli);
      --missing;
    }
  }
  std::sort(free.begin(), gpus_end, std::greater<>());
  return after;
}

std::uint32_t DemandShapes::index_of(const DemandShape& shape) {
  const std::uint32_t cpu_kind = number_of(cpu_kinds_, shape.cpu_milli);
  const std::uint32_t gpu_kind = number_of(gpu_kinds_, {shape.num_gpu, shape.gpu_milli});
  for (std::uint32_t i = 0; i < shapes_.size(); ++i) {
    if (shapes_[i].cpu_kind == cpu_kind && shapes_[i].gpu_kind == gpu_kind) {
      return i;
    }
  }
  shapes_.push_back({.demand = shape, .cpu_kind = cpu_kind, .gpu_kind = gpu_kind});
  return static_cast<std::uint32_t>(shapes_.size() - 1);
}

void DemandShapes::append_fitting(const FreeShares& node, std::vector<std::uint8_t>& counts) const {
  const auto capped = [](std::int32_t fitting) { return static_cast<std::uint8_t>(std::min(fitting, most_fitting)); };
  InlineVector<std::uint8_t, 128> on_cpu;
  for (const std::int32_t cpu_milli : cpu_kinds_) {
    on_cpu.push_back(capped(cpu_milli > 0 ? std::max(node.cpu_milli, 0) / cpu_milli : most_fitting));
  }
  InlineVector<std::uint8_t, 128> on_gpus;
  const auto idle = static_cast<std::size_t>(node.idle_gpus());
  for (const auto& [num_gpu, gpu_milli] : gpu_kinds_) {
    on_gpus.push_back(capped(fitting_on_gpus(node, idle, num_gpu, gpu_milli)));
  }
  const std::size_t at = counts.size();
  counts.resize(at + padded_size(), 0);
  const std::uint8_t* by_cpu = on_cpu.data();
  const std::uint8_t* by_gpus = on_gpus.data();
  for (std::size_t i = 0; i < shapes_.size(); ++i) {
    counts[at + i] = std::min(by_cpu[shapes_[i].cpu_kind], by_gpus[shapes_[i].gpu_kind]);
  }
}

}  // namespace gpusched
