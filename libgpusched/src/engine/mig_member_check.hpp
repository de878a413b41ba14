#pragma once

#include <cstdint>
#include <vector>

#include "gpusched/cluster/cluster_state.hpp"
#include "gpusched/cluster/gpu_index.hpp"
#include "gpusched/filter/request_filter.hpp"
#include "gpusched/model/mig_lattice.hpp"

#include "engine/mig_ranking.hpp"

namespace gpusched {

/// Checks of one GPU that its class does not answer.
class MigMemberCheck {
 public:
  MigMemberCheck(const ClusterState& state, const GpuRequest& request, RequestClassId id, RequestFilter& filter,
                 const MigRanking& ranking, const std::vector<char>* in_scope)
      : state_(state),
        request_(request),
        id_(id),
        filter_(filter),
        in_scope_(in_scope),
        check_node_(request.cpu_milli > 0 || request.memory_mib > 0 || ranking.some_shapes_refuse() ||
                    in_scope != nullptr) {}

  RejectReason operator()(std::uint32_t ordinal) const {
    const auto [id, device] = state_.gpu_at(ordinal);
    const NodeState& node = state_.node(id).state;
    if (check_node_) {
      if (in_scope_ != nullptr && (*in_scope_)[id.value] == 0) {
        return RejectReason::out_of_scope;
      }
      const RejectReason fixed = filter_.static_reason(state_, id_, node.shape);
      if (fixed != RejectReason::none) {
        return fixed;
      }
      if (node.cpu_free_milli < request_.cpu_milli) {
        return RejectReason::insufficient_cpu;
      }
      if (node.memory_free_mib < request_.memory_mib) {
        return RejectReason::insufficient_memory;
      }
    }
    const GpuState& gpu = node.gpus[device];
    return (gpu.mig_labels & filter_.resolve(state_, id_, gpu.model).conflicts) != 0 ? RejectReason::mig_label_taken
                                                                                     : RejectReason::none;
  }

 private:
  const ClusterState& state_;
  const GpuRequest& request_;
  RequestClassId id_;
  RequestFilter& filter_;
  const std::vector<char>* in_scope_;
  bool check_node_;
};

/// The first member from `from` on that passes the check, or none.
inline std::uint32_t first_fitting(const GpuIndex& index, std::size_t bucket, std::uint32_t from,
                                   const MigMemberCheck& check) {
  std::uint32_t ordinal = index.next_member(bucket, from);
  while (ordinal != GpuIndex::none && check(ordinal) != RejectReason::none) {
    ordinal = index.next_member(bucket, ordinal + 1);
  }
  return ordinal;
}

/// The part of a candidate that an instance of the profile is.
inline GpuAssignment instance_on(std::uint16_t device, std::int16_t start, const ResolvedProfile& profile,
                                 const MigLattice& lattice) {
  const MigShape& shape = lattice.shapes()[static_cast<std::size_t>(profile.shape)];
  return {.gpu = device,
          .share_milli = 0,
          .range = {start, static_cast<std::int16_t>(shape.memory_units)},
          .profile = profile.profile,
          .mig_labels = profile.mig_labels,
          .memory_mib = 0};
}

}  // namespace gpusched
