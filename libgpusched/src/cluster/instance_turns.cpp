// MIG instances whose tenants take turns. A GPU state counts their tenants; who they are lies apart from it, so that
// nobody reads the records of a node's pods for it.
#include "cluster/instance_turns.hpp"

#include <algorithm>

#include "gpusched/cluster/cluster_state.hpp"
#include "gpusched/model/gpu_catalog.hpp"

namespace gpusched {

namespace {

TurnTaker turn_taker(const GpuAssignment& part, RequestClassId request) {
  return {.request = request,
          .memory_mib = part.memory_mib,
          .start = part.range.start,
          .profile = static_cast<std::uint16_t>(part.profile.value)};
}

}  // namespace

bool instance_holds(const GpuState& gpu, const GpuAssignment& part, std::int64_t taken_mib) {
  const std::vector<MigProfile>& profiles = gpu_model(GpuModelId{gpu.model}).profiles;
  return part.range.start < time_sliced_starts && part.profile.value < profiles.size() && part.memory_mib >= 0 &&
         taken_mib + part.memory_mib <= profiles[part.profile.value].memory_mib.value_or(0);
}

std::span<const TurnTaker> ClusterState::turn_takers(NodeId id, std::uint16_t gpu) const {
  const std::size_t index = gpu_base_[id.value] + std::size_t{gpu};
  return index < turn_takers_.size() ? std::span(turn_takers_[index].data(), turn_takers_[index].size())
                                     : std::span<const TurnTaker>();
}

void ClusterState::move_turn_taker(NodeId node, const GpuAssignment& part, RequestClassId request, int direction) {
  if (turn_takers_.size() < gpus_added_) {
    turn_takers_.resize(gpus_added_);
  }
  auto& list = turn_takers_[gpu_base_[node.value] + std::size_t{part.gpu}];
  const TurnTaker own = turn_taker(part, request);
  if (direction > 0) {
    list.push_back(own);
    return;
  }
  list.swap_remove(static_cast<std::size_t>(std::find(list.begin(), list.end(), own) - list.begin()));
}

bool ClusterState::joins_instance(const Candidate& placement, std::size_t index, const GpuState& gpu,
                                  std::span<const PodId> leaving, const PodMove* moved) const {
  const GpuAssignment& part = placement.gpus[index];
  bool alike = !gpu.held && gpu.turn_takers(part.range.start) < most_turn_takers;
  std::int64_t taken_mib = 0;
  for (const TurnTaker& tenant : turn_takers(placement.node, part.gpu)) {
    if (tenant.start == part.range.start) {  // one profile starts there: its tenants are alike
      alike = alike && tenant.profile == part.profile.value;
      taken_mib += tenant.memory_mib;
    }
  }
  const auto leaves = [&](PodId pod) {
    const Candidate& place = pods_[pod.value].placement;
    for (const GpuAssignment& other : place.gpus) {
      const bool is_there = place.node == placement.node && other.gpu == part.gpu && other.takes_turns();
      taken_mib -= is_there && other.range.start == part.range.start ? other.memory_mib : 0;
    }
  };
  std::for_each(leaving.begin(), leaving.end(), leaves);
  if (moved != nullptr) {
    leaves(moved->pod);
    for (const GpuAssignment& other : moved->to.gpus) {
      const bool meets = moved->to.node == placement.node && other.gpu == part.gpu;
      if (meets && (other.range.mask() & part.range.mask()) != 0) {
        alike = alike && other.takes_turns() && other.range == part.range && other.profile == part.profile;
        taken_mib += other.memory_mib;
      }
    }
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
