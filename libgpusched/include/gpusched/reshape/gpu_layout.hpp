#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "gpusched/base/ids.hpp"
#include "gpusched/base/result.hpp"
#include "gpusched/cluster/cluster_state.hpp"
#include "gpusched/model/gpu_model.hpp"
#include "gpusched/model/mig_lattice.hpp"

namespace gpusched {

/// What a reshape may do with a partition.
enum class PartitionUse : std::uint8_t {
  idle,     ///< nobody runs in it: it may be destroyed
  movable,  ///< its pod may be stopped and started elsewhere
  pinned,   ///< stays as it is
};

/// An instance that exists, or (range of size 0, no profile) a tenant of a device whose MIG mode is off.
struct PlacedPartition {
  MigProfileId profile;
  SliceRange range;
  PartitionUse use = PartitionUse::idle;
  PodId pod;  ///< invalid when idle; may be invalid for a pinned one

  friend bool operator==(const PlacedPartition&, const PlacedPartition&) = default;
};

/// One GPU as a reshape sees it. Partitions by ascending start, tenants of a device by pod: equal GPUs are equal
/// values.
struct GpuLayout {
  NodeId node;
  std::uint16_t gpu = 0;
  GpuModelId model;
  bool mig_enabled = true;
  bool drained = false;  ///< takes no newcomers
  std::vector<PlacedPartition> partitions;

  friend bool operator==(const GpuLayout&, const GpuLayout&) = default;

  /// Whether a pod holds a part of it.
  bool has_pods() const;
  void sort();
};

/// The lattice state of its instances. unsupported: a model without lattice, or MIG off. invalid_argument names an
/// instance whose place is illegal or overlaps another one.
Result<MigLattice::StateId> lattice_state(const GpuLayout& layout);

/// Placement index (MigLattice::placements) of an instance, or -1 where its shape has no such start.
int placement_index(const MigLattice& lattice, int shape, SliceRange range);

/// The profile of a shape that carries no label.
MigProfileId plain_profile(GpuModelId model, int shape);

/// "1g.10gb@4": profile and first placement unit.
std::string partition_name(GpuModelId model, MigProfileId profile, SliceRange range);

/// A number that differs, for all practical purposes, between any two different lists of layouts. Same on every
/// compiler.
std::uint64_t fingerprint(std::span<const GpuLayout> layouts);
/// As 16 hexadecimal digits.
std::string fingerprint_text(std::uint64_t fingerprint);

/// One GPU of the cluster. The cluster state knows no idle instances: they come and go with their pods. `may_move`
/// says of a pod whether it is movable. A GPU that is kept free, or with units that no pod's placement explains (they
/// are held for a pod that is on its way), comes out as drained.
GpuLayout layout_of(const ClusterState& cluster, NodeId node, std::uint16_t gpu,
                    const std::function<bool(PodId)>& may_move);

}  // namespace gpusched
