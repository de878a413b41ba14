#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "gpusched/base/ids.hpp"

namespace gpusched {

/// How the GPUs of a node may be used. `any`: an idle GPU takes whatever comes first and returns to idle when empty.
enum class NodeSharing : std::uint8_t { any, exclusive, time_slice, mps, mig };

/// One GPU as a node reports it.
struct GpuSpec {
  GpuModelId model;
  std::int64_t memory_mib = 0;  ///< 0 = unknown

  friend bool operator==(const GpuSpec&, const GpuSpec&) = default;
};

/// What a node is, apart from what runs on it.
struct NodeSpec {
  std::string name;
  std::int64_t cpu_milli = 0;
  std::int64_t memory_mib = 0;
  std::vector<GpuSpec> gpus;
  NodeSharing sharing = NodeSharing::any;
  std::int32_t replicas = 0;                                ///< most tenants of one shared GPU; 0 = no limit
  std::vector<std::pair<std::string, std::string>> labels;  ///< sorted by key
  /// Place of the node in the order that breaks ties; empty orders by name. All nodes of a cluster give one, or none.
  std::int64_t rank = -1;
};

}  // namespace gpusched
