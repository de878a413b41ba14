#pragma once

#include <cstdint>
#include <vector>

#include "gpusched/base/ids.hpp"
#include "gpusched/cluster/allocation.hpp"
#include "gpusched/cluster/node_spec.hpp"
#include "gpusched/perf/perf_constants.hpp"
#include "gpusched/perf/tenant_demand.hpp"

namespace gpusched::sim {

/// A job on one partition.
struct PartitionTenant {
  std::uint32_t job = 0;
  std::int64_t slice_slowdown_milli = milli_per_unit;  ///< K
  TenantDemand demand{};                               ///< at this moment, on this partition
  double slowdown = 1;                                 ///< as the laws give it
};

/// One MIG instance, or one device with MIG off, and who runs there.
struct Partition {
  bool whole_device = true;
  PartitionSharing sharing = PartitionSharing::exclusive;  ///< of its tenants
  std::int64_t memory_mib = 0;                             ///< 0 = unknown
  std::vector<PartitionTenant> tenants;                    ///< in the order in which they came

  /// Puts the slowdown of each tenant into its place.
  void update_slowdowns(const PerfConstants& constants);
  /// Whether somebody else than this tenant has work at this moment.
  bool others_work(const PartitionTenant& tenant) const;
};

/// All partitions of a cluster that may come to exist, numbered.
class PartitionTable {
 public:
  /// Nodes in order of their NodeId.
  void add_node(const NodeSpec& node);
  /// The partition that the assignment is a part of.
  std::uint32_t slot(NodeId node, const GpuAssignment& part) const;
  /// How the tenants of the assignment's partition take turns. Shares that the request stated itself do as the node
  /// says, by time slicing where it does not say.
  PartitionSharing sharing(NodeId node, const GpuAssignment& part) const;
  GpuModelId model(NodeId node, std::uint16_t gpu) const { return nodes_[node.value].gpus[gpu].model; }
  std::int64_t gpu_count() const { return gpu_count_; }

  Partition& operator[](std::uint32_t slot) { return partitions_[slot]; }
  const Partition& operator[](std::uint32_t slot) const { return partitions_[slot]; }

  /// Adds a tenant; the first decides how the partition is shared.
  void join(std::uint32_t slot, NodeId node, const GpuAssignment& part, const PartitionTenant& tenant);
  void leave(std::uint32_t slot, std::uint32_t job);

 private:
  struct NodeGpus {
    NodeSharing sharing = NodeSharing::any;
    std::vector<GpuSpec> gpus;
    std::vector<std::uint32_t> first_slot;  // by GPU: the device, then an instance per start
  };

  std::vector<NodeGpus> nodes_;
  std::vector<Partition> partitions_;
  std::int64_t gpu_count_ = 0;
};

}  // namespace gpusched::sim
