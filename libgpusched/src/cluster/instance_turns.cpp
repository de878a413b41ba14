// MIG instances whose tenants take turns. A GPU state counts their tenants; who they are, the pods of the node say.
#include "cluster/instance_turns.hpp"

#include <algorithm>

#include "gpusched/cluster/cluster_state.hpp"
#include "gpusched/model/gpu_catalog.hpp"

namespace gpusched {

bool instance_holds(const GpuState& gpu, const GpuAssignment& part, std::int64_t taken_mib) {
  const std::vector<MigProfile>& profiles = gpu_model(GpuModelId{gpu.model}).profiles;
  return part.range.start < time_sliced_starts && part.profile.value < profiles.size() && part.memory_mib >= 0 &&
         taken_mib + part.memory_mib <= profiles[part.profile.value].memory_mib.value_or(0);
}

bool ClusterState::joins_instance(const Candidate& placement, std::size_t index, const GpuState& gpu,
                                  std::span<const PodId> leaving, const PodMove* moved) const {
  const GpuAssignment& part = placement.gpus[index];
  std::int64_t taken_mib = 0;
  bool alike = !gpu.held && gpu.turn_takers(part.range.start) < most_turn_takers;
  const auto meet = [&](const Candidate& place, std::size_t count) {
    for (std::size_t i = 0; i < count && place.node == placement.node; ++i) {
      const GpuAssignment& other = place.gpus[i];
      if (other.gpu == part.gpu && (other.range.mask() & part.range.mask()) != 0) {
        alike = alike && other.takes_turns() && other.range == part.range && other.profile == part.profile;
        taken_mib += other.memory_mib;
      }
    }
  };
  for (const PodId pod : nodes_[placement.node.value].pods) {
    const bool leaves = std::find(leaving.begin(), leaving.end(), pod) != leaving.end();
    if (!leaves && (moved == nullptr || moved->pod != pod)) {
      meet(pods_[pod.value].placement, pods_[pod.value].placement.gpus.size());
    }
  }
  for (const auto& [pod, target] : moving_to_) {
    if (moved == nullptr || moved->pod != pod) {
      meet(target, target.gpus.size());
    }
  }
  if (moved != nullptr) {
    meet(moved->to, moved->to.gpus.size());
  }
  // One pod has no two parts of one instance.
  const bool twice = std::any_of(
      placement.gpus.begin(), placement.gpus.begin() + static_cast<std::ptrdiff_t>(index),
      [&](const auto& other) { return other.gpu == part.gpu && (other.range.mask() & part.range.mask()) != 0; });
  return alike && !twice && instance_holds(gpu, part, taken_mib);
}

bool ClusterState::moves_units(NodeId node, const GpuAssignment& part, int direction) const {
  return !part.takes_turns() ||
         nodes_[node.value].state.gpus[part.gpu].turn_takers(part.range.start) == (direction > 0 ? 0 : 1);
}

}  // namespace gpusched
