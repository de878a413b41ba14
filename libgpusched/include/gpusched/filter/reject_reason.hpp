#pragma once

#include <array>
#include <cstdint>

namespace gpusched {

/// Why a node cannot take a request now: the first that applies, in this order, except that host memory is looked at
/// last (rankings are shared by requests that differ in memory only), so a node too small says insufficient_memory.
enum class RejectReason : std::uint8_t {
  none,
  node_unavailable,      ///< down, draining or cordoned
  label_mismatch,        ///< a required node label is absent or has another value
  gpu_model_mismatch,    ///< no GPU of an allowed model
  sharing_mismatch,      ///< the node does not share its GPUs the way the request asks
  mig_unsupported,       ///< the model has no such MIG profile, or no known placements
  resource_not_offered,  ///< the kubelet offers no resource of that name, or the pod names none
  too_large,             ///< more than the empty node has
  insufficient_cpu,
  insufficient_memory,
  insufficient_gpus,        ///< fewer idle GPUs than asked for
  insufficient_gpu_share,   ///< no GPU has that much of itself left
  insufficient_gpu_memory,  ///< the share fits, the device memory does not
  insufficient_mig_slices,  ///< too few free slices on every GPU
  mig_fragmented,           ///< free slices enough, but no legal placement
  mig_label_taken,          ///< the capped label (+me, +gfx) is in use on every GPU that has room
  insufficient_resource,    ///< fewer units left of what the kubelet counts
  trust_domain_mismatch,    ///< the MPS server there belongs to another trust domain
  slowdown_exceeded,        ///< somebody would be slowed down more than it tolerates
  class_over_share,         ///< held back for a class of jobs that waits and got less of what it asked for
  out_of_scope,             ///< the caller did not offer the node
};

inline constexpr std::size_t reject_reason_count = 21;

/// Constant name, as in logs and metrics ("insufficient_cpu").
const char* to_string(RejectReason reason);
/// Constant sentence for people, kube-scheduler style ("Insufficient cpu").
const char* describe(RejectReason reason);

/// True for reasons that hold whatever leaves the node: only another node, or another shape of it, helps.
bool is_final(RejectReason reason);

/// How many nodes each reason holds for.
using RejectCounts = std::array<std::uint32_t, reject_reason_count>;

}  // namespace gpusched
