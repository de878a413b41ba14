#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "gpusched/base/ids.hpp"
#include "gpusched/base/inline_vector.hpp"
#include "gpusched/cluster/gpu_request.hpp"
#include "gpusched/cluster/gpu_state.hpp"
#include "gpusched/cluster/node_spec.hpp"

namespace gpusched {

/// What never changes about a node and may matter to a decision. Nodes share few shapes.
struct NodeShape {
  std::int64_t cpu_milli = 0;
  std::int64_t memory_mib = 0;
  std::vector<GpuSpec> gpus;
  NodeSharing sharing = NodeSharing::any;
  std::int32_t replicas = 0;
  std::vector<NodeResource> resources;
  std::vector<std::pair<std::string, std::string>> labels;

  friend bool operator==(const NodeShape&, const NodeShape&) = default;
};

std::uint64_t hash_value(const NodeShape& shape);

using GpuStates = InlineVector<GpuState, 8>;

/// What can be seen of a node: equal values are one NodeClass and share every cached score.
struct NodeState {
  std::int64_t cpu_free_milli = 0;
  std::int64_t memory_free_mib = 0;
  std::uint32_t shape = 0;        ///< into ClusterState::shapes()
  std::int32_t replicas = 0;      ///< most tenants of one shared GPU, as its shape says; 0 = no limit
  bool schedulable = true;        ///< healthy, not cordoned
  std::uint8_t hosted_kinds = 0;  ///< bit i: a pod of request kind i runs here (see request_kind)
  GpuStates gpus;

  friend bool operator==(const NodeState&, const NodeState&) = default;

  /// Milli-GPU that shares and whole requests can still take, over all GPUs.
  std::int64_t free_gpu_milli() const {
    std::int64_t sum = 0;
    for (const GpuState& gpu : gpus) {
      sum += gpu.shareable_milli();
    }
    return sum;
  }
};

std::uint64_t hash_value(const NodeState& state);

/// What clustering policies keep apart: 0 = shares, 1 + log2 of the number of whole GPUs rounded up, at most 6;
/// 7 = CPU only.
int request_kind(const GpuRequest& request);

/// The same node with its GPUs in a fixed order of their states, so that permutations are one class.
NodeState with_sorted_gpus(const NodeState& state);

}  // namespace gpusched
