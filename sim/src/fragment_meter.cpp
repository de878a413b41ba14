#include "fragment_meter.hpp"

#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/score/mig_scores.hpp"

namespace gpusched::sim {

FragmentMeter::FragmentMeter(const DemandMix& target, int percent)
    : model_(typical_classes(target, percent)),
      target_(target),
      unusable_(gpu_catalog().size()),
      mig_weight_(gpu_catalog().size(), 0),
      unusable_sum_(gpu_catalog().size(), 0) {}

const std::vector<std::int64_t>& FragmentMeter::unusable_table(std::uint16_t model) {
  std::vector<std::int64_t>& table = unusable_[model];
  if (table.empty()) {
    const MigLattice& lattice = MigLattice::of(GpuModelId{model});
    std::vector<std::int64_t> weights(lattice.shapes().size(), 0);
    for (const DemandClass& entry : target_.classes) {
      const Result<MigProfileId> profile = find_mig_profile(GpuModelId{model}, entry.request.mig_profile);
      if (!entry.request.mig_profile.empty() && profile.ok()) {
        const auto shape = static_cast<std::size_t>(lattice.shape_of(profile.value()));
        weights[shape] += entry.count * lattice.shapes()[shape].memory_units;
        mig_weight_[model] += entry.count * lattice.shapes()[shape].memory_units;
      }
    }
    for (std::size_t mask = 0; mask < std::size_t{1} << lattice.units(); ++mask) {
      table.push_back(fgd_mig_fragmentation(lattice, weights, static_cast<std::uint16_t>(mask)));
    }
  }
  return table;
}

void FragmentMeter::reset(const ClusterState& state) {
  values_.assign(state.nodes().size(), {});
  weighted_fragment_ = free_gpu_milli_ = total_gpu_milli_ = 0;
  unusable_sum_.assign(unusable_sum_.size(), 0);
  for (std::uint32_t i = 0; i < state.nodes().size(); ++i) {
    const Node& node = state.nodes()[i];
    if (!node.removed && node.spec.sharing != NodeSharing::mig) {
      total_gpu_milli_ += static_cast<std::int64_t>(node.spec.gpus.size()) * milli_per_unit;
    }
    update(state, NodeId{i});
  }
}

void FragmentMeter::update(const ClusterState& state, NodeId id) {
  const Node& node = state.node(id);
  NodeValue value;
  if (!node.removed && node.spec.sharing != NodeSharing::mig) {
    value.free_milli = node.state.free_gpu_milli();
    value.fragment = model_.weighted_fragment(node.state);
  }
  NodeValue& known = values_[id.value];
  if (node.takes_mig) {
    const std::uint16_t model = node.state.gpus[0].model;
    const std::vector<std::int64_t>& table = unusable_table(model);
    if (mig_weight_[model] > 0) {
      for (const GpuState& gpu : node.state.gpus) {
        value.unusable += gpu.free_milli == milli_per_unit && !node.removed ? table[gpu.mig_occupancy] : 0;
      }
    }
    unusable_sum_[model] += value.unusable - known.unusable;
  }
  weighted_fragment_ += value.fragment - known.fragment;
  free_gpu_milli_ += value.free_milli - known.free_milli;
  known = value;
}

double FragmentMeter::unusable_slices() const {
  double sum = 0;
  for (std::size_t model = 0; model < unusable_sum_.size(); ++model) {
    if (mig_weight_[model] > 0) {
      sum += static_cast<double>(unusable_sum_[model]) / static_cast<double>(mig_weight_[model]);
    }
  }
  return sum;
}

}  // namespace gpusched::sim
