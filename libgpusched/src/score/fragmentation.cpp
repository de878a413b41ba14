#include "gpusched/score/fragmentation.hpp"

#include <algorithm>
#include <array>

#include "gpusched/filter/request_filter.hpp"
#include "gpusched/model/gpu_catalog.hpp"

namespace gpusched {

FragmentationModel::FragmentationModel(const DemandMix& mix) {
  for (const DemandClass& entry : mix.classes) {
    cpu_steps_.push_back(entry.request.cpu_milli);
  }
  std::sort(cpu_steps_.begin(), cpu_steps_.end());
  cpu_steps_.erase(std::unique(cpu_steps_.begin(), cpu_steps_.end()), cpu_steps_.end());
  for (const DemandClass& entry : mix.classes) {
    const GpuRequest& request = entry.request;
    total_weight_ += entry.count;
    classes_.push_back({.cpu_milli = request.cpu_milli, .group = -1, .frequency = static_cast<double>(entry.count)});
    if (request.num_gpu == 0) {
      cpu_only_weight_ += entry.count;
      continue;
    }
    std::vector<char> allowed;
    if (!request.gpu_models.empty()) {
      for (std::uint32_t i = 0; i < gpu_catalog().size(); ++i) {
        allowed.push_back(model_allowed(request.gpu_models, GpuModelId{i}) ? 1 : 0);
      }
    }
    auto group = std::find_if(groups_.begin(), groups_.end(), [&](const ShareGroup& g) {
      return g.num_gpu == request.num_gpu && g.gpu_milli == request.gpu_milli && g.model_allowed == allowed;
    });
    if (group == groups_.end()) {
      groups_.push_back({.num_gpu = request.num_gpu,
                         .gpu_milli = request.gpu_milli,
                         .model_allowed = allowed,
                         .weight = 0,
                         .weight_within = std::vector<std::int64_t>(cpu_steps_.size() + 1, 0)});
      group = groups_.end() - 1;
    }
    classes_.back().group = static_cast<std::int32_t>(group - groups_.begin());
    group->weight += entry.count;
    const auto step = std::lower_bound(cpu_steps_.begin(), cpu_steps_.end(), request.cpu_milli) - cpu_steps_.begin();
    for (auto i = static_cast<std::size_t>(step) + 1; i < group->weight_within.size(); ++i) {
      group->weight_within[i] += entry.count;
    }
  }
  const auto all = static_cast<double>(mix.population > 0 ? mix.population : total_weight_);
  const double covered = static_cast<double>(total_weight_) / all;
  for (OrderedClass& entry : classes_) {
    entry.frequency = entry.frequency / all / covered;
  }
}

std::int32_t FragmentationModel::cpu_step(std::int64_t cpu_free_milli) const {
  return static_cast<std::int32_t>(std::upper_bound(cpu_steps_.begin(), cpu_steps_.end(), cpu_free_milli) -
                                   cpu_steps_.begin());
}

double FragmentationModel::fragment_as_published(const NodeState& node) const {
  // Bins: lacks both, lacks GPU, lacks CPU, CPU-only that fits, CPU-only that does not, no access by model.
  std::array<double, 6> bins{};
  const auto free = static_cast<double>(node.free_gpu_milli());
  struct Fit {  // not initialised: only as many as there are groups are ever written and read
    bool fits;
    bool accessible;
    double too_small;
  };
  std::array<Fit, 64> fits;
  std::vector<Fit> more_fits;
  Fit* fit = fits.data();
  if (groups_.size() > fits.size()) {
    more_fits.resize(groups_.size());
    fit = more_fits.data();
  }
  InlineVector<std::int32_t, 8> shares;
  for (const GpuState& gpu : node.gpus) {
    shares.push_back(gpu.shareable_milli());
  }
  const std::int32_t* const first_share = shares.data();
  const std::size_t share_count = shares.size();
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    const ShareGroup& group = groups_[i];
    std::int32_t fitting = 0;
    std::int32_t too_small = 0;
    for (std::size_t k = 0; k < share_count; ++k) {
      const std::int32_t share = first_share[k];
      fitting += share >= group.gpu_milli ? 1 : 0;
      too_small += share >= group.gpu_milli ? 0 : share;
    }
    fit[i] = {
        .fits = fitting >= group.num_gpu,
        .accessible = group.model_allowed.empty() || (share_count > 0 && group.model_allowed[node.gpus[0].model] != 0),
        .too_small = static_cast<double>(too_small)};
  }
  for (const OrderedClass& entry : classes_) {
    const bool has_cpu = node.cpu_free_milli >= entry.cpu_milli;
    if (entry.group < 0) {
      bins[has_cpu ? 3 : 4] += entry.frequency * free;
      continue;
    }
    const Fit& gpu = fit[static_cast<std::size_t>(entry.group)];
    if (!gpu.accessible) {
      bins[5] += entry.frequency * free;
    } else if (!gpu.fits) {
      bins[has_cpu ? 1 : 0] += entry.frequency * free;
    } else if (!has_cpu) {
      bins[2] += entry.frequency * free;
    } else {
      bins[1] += entry.frequency * gpu.too_small;
    }
  }
  return bins[0] + bins[1] + bins[2] + bins[3] + bins[4] + bins[5];
}

std::int64_t FragmentationModel::weighted_fragment(const NodeState& node) const {
  const std::int64_t free = node.free_gpu_milli();
  if (free == 0) {
    return 0;
  }
  const auto step = static_cast<std::size_t>(cpu_step(node.cpu_free_milli));
  std::int64_t sum = cpu_only_weight_ * free;
  for (const ShareGroup& group : groups_) {
    if (!group.model_allowed.empty() && group.model_allowed[node.gpus[0].model] == 0) {
      sum += group.weight * free;
      continue;
    }
    std::int32_t fitting = 0;
    std::int64_t too_small = 0;
    for (const GpuState& gpu : node.gpus) {
      const std::int32_t share = gpu.shareable_milli();
      const bool fits = share >= group.gpu_milli;
      fitting += fits ? 1 : 0;
      too_small += fits ? 0 : share;
    }
    const std::int64_t served = fitting >= group.num_gpu ? group.weight_within[step] : 0;
    sum += served * too_small + (group.weight - served) * free;
  }
  return sum;
}

}  // namespace gpusched
