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
  /// Cut by MIG or shared through the device plugin: it hands out counted resources only.
  bool fixed = false;

  friend bool operator==(const GpuSpec&, const GpuSpec&) = default;
};

/// One resource name of a node, and what a unit of it is there.
struct NodeResource {
  std::string mig_profile;       ///< of the name, NVIDIA's spelling ("1g.10gb"); empty = nvidia.com/gpu
  bool shared = false;           ///< the name ends in .shared
  bool whole_devices = false;    ///< a unit is one whole GPU of `gpus` that is not fixed
  std::int32_t replicas = 1;     ///< units that share one device or instance
  std::int64_t allocatable = 0;  ///< as the kubelet counts: the truth
  std::string unit_profile;      ///< what a unit, or what it is a replica of, is: a MIG profile; empty = a device

  friend bool operator==(const NodeResource&, const NodeResource&) = default;
};

/// What a node is, apart from what runs on it.
struct NodeSpec {
  std::string name;
  std::int64_t cpu_milli = 0;
  std::int64_t memory_mib = 0;
  std::vector<GpuSpec> gpus;
  std::vector<NodeResource> resources;  ///< what a live node offers by name; empty where only the GPUs are known
  NodeSharing sharing = NodeSharing::any;
  std::int32_t replicas = 0;                                ///< most tenants of one shared GPU; 0 = no limit
  std::vector<std::pair<std::string, std::string>> labels;  ///< sorted by key
  /// Place of the node in the order that breaks ties; empty orders by name. All nodes of a cluster give one, or none.
  std::int64_t rank = -1;
};

}  // namespace gpusched
