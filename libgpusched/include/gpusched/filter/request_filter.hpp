#pragma once

#include <cstdint>
#include <vector>

#include "gpusched/base/ids.hpp"
#include "gpusched/cluster/cluster_state.hpp"
#include "gpusched/filter/reject_reason.hpp"

namespace gpusched {

/// A MIG profile resolved on one GPU model.
struct ResolvedProfile {
  MigProfileId profile;          ///< invalid: the model cannot serve the request
  int shape = -1;                ///< into MigLattice::shapes()
  std::uint8_t mig_labels = 0;   ///< MigLabel bits that an instance takes
  std::uint8_t conflicts = 0;    ///< MigLabel bits that must not be in use
  bool needs_empty_gpu = false;  ///< +me.all: placed first, before anything else
};

/// What holds between a request class and a node shape whatever runs there, found once per pair.
class RequestFilter {
 public:
  /// Reasons that never change: labels, model, sharing, size of the empty node. `none` where it may fit.
  RejectReason static_reason(const ClusterState& state, RequestClassId request, std::uint32_t shape) {
    if (request.value < classes_.size() && shape < classes_[request.value].by_shape.size() &&
        classes_[request.value].by_shape[shape] != 0) {
      return static_cast<RejectReason>(classes_[request.value].by_shape[shape] - 1);
    }
    return learn_static_reason(state, request, shape);
  }
  /// The whole answer for a node state, capacity included. Contract: static_reason(...) == none for its shape.
  static RejectReason capacity_reason(const GpuRequest& request, const NodeState& node);
  /// The profile of a MIG request on a model; invalid profile where the model cannot serve it.
  const ResolvedProfile& resolve(const ClusterState& state, RequestClassId request, std::uint16_t model);

 private:
  struct PerClass {
    std::vector<std::uint8_t> by_shape;  // RejectReason + 1; 0 = not known yet
    std::vector<ResolvedProfile> by_model;
    std::vector<char> model_known;
  };
  PerClass& of(RequestClassId request);
  RejectReason learn_static_reason(const ClusterState& state, RequestClassId request, std::uint32_t shape);
  RejectReason find_static_reason(const ClusterState& state, RequestClassId request, const NodeShape& shape);

  std::vector<PerClass> classes_;
};

/// True when one share of the request fits on this GPU of the node: milli, device memory, number of tenants.
inline bool share_fits(const GpuRequest& request, const NodeState& node, const GpuState& gpu) {
  return gpu.shareable_milli() >= request.gpu_milli &&
         (request.gpu_memory_mib == 0 || gpu.free_memory_mib >= request.gpu_memory_mib) &&
         (node.replicas == 0 || request.gpu_milli == milli_per_unit || gpu.tenants < node.replicas);
}

/// True when one of the allowed model names (any spelling the catalogue knows) is this model. Empty allows all.
bool model_allowed(const std::vector<std::string>& allowed, GpuModelId model);

}  // namespace gpusched
