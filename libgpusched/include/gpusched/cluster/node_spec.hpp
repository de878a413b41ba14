#pragma once

#include <cstdint>
#include <optional>
#include <span>
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
  bool fixed = false;           ///< cut or shared by the device plugin: it only hands out what `resources` counts

  friend bool operator==(const GpuSpec&, const GpuSpec&) = default;
};

/// An extended resource as the kubelet offers it. What a unit is depends on the node; the name does not.
struct NodeResource {
  std::string mig_profile;     ///< of the name, NVIDIA's spelling ("1g.10gb+me"); empty for nvidia.com/gpu
  bool shared = false;         ///< the name ends in .shared
  bool whole_devices = false;  ///< a unit is one of the GPUs that are not fixed
  std::int32_t replicas = 1;   ///< units per device or instance
  std::int64_t allocatable = 0;
  std::string unit_profile{};  ///< MIG profile of a unit where the name does not tell (MIG strategy single)

  friend bool operator==(const NodeResource&, const NodeResource&) = default;
};

/// What a node is, apart from what runs on it.
struct NodeSpec {
  std::string name;
  std::int64_t cpu_milli = 0;
  std::int64_t memory_mib = 0;
  std::vector<GpuSpec> gpus;
  NodeSharing sharing = NodeSharing::any;
  std::int32_t replicas = 0;  ///< most tenants of one shared GPU; 0 = no limit
  /// Where Kubernetes counts: what the kubelet offers is the truth, which GPU serves a pod is the kubelet's choice.
  /// Empty: the engine chooses GPU and position itself.
  std::vector<NodeResource> resources;
  std::vector<std::pair<std::string, std::string>> labels;  ///< sorted by key
  /// Place of the node in the order that breaks ties; empty orders by name. All nodes of a cluster give one, or none.
  std::int64_t rank = -1;

  friend bool operator==(const NodeSpec&, const NodeSpec&) = default;
};

struct GpuRequest;

/// The resource that a pod with this request names, as an index; nullopt: it names none, or the node does not offer it.
std::optional<std::size_t> find_resource(std::span<const NodeResource> resources, const GpuRequest& request);

}  // namespace gpusched
