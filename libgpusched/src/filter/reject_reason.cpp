#include "gpusched/filter/reject_reason.hpp"

namespace gpusched {

namespace {

struct Row {
  const char* name;
  const char* sentence;
};

constexpr std::array<Row, reject_reason_count> rows = {{
    {"none", "fits"},
    {"node_unavailable", "node is down, draining or cordoned"},
    {"label_mismatch", "node labels do not match"},
    {"gpu_model_mismatch", "GPU model not allowed"},
    {"sharing_mismatch", "node does not share its GPUs this way"},
    {"mig_unsupported", "GPU model has no such MIG profile"},
    {"resource_not_offered", "node does not offer the resource"},
    {"too_large", "request is larger than the node"},
    {"insufficient_cpu", "Insufficient cpu"},
    {"insufficient_memory", "Insufficient memory"},
    {"insufficient_gpus", "Insufficient idle GPUs"},
    {"insufficient_gpu_share", "Insufficient GPU share"},
    {"insufficient_gpu_memory", "Insufficient GPU memory"},
    {"insufficient_mig_slices", "Insufficient MIG slices"},
    {"mig_fragmented", "MIG slices are free but no placement is legal"},
    {"mig_label_taken", "MIG media or graphics instance already in use"},
    {"insufficient_resource", "Insufficient units of the resource"},
    {"trust_domain_mismatch", "MPS server there belongs to another trust domain"},
    {"slowdown_exceeded", "a tolerated slowdown would be exceeded"},
    {"class_over_share", "its class got more of what it asked for than a class that waits"},
    {"out_of_scope", "node not offered"},
}};

}  // namespace

const char* to_string(RejectReason reason) { return rows[static_cast<std::size_t>(reason)].name; }

const char* describe(RejectReason reason) { return rows[static_cast<std::size_t>(reason)].sentence; }

bool is_final(RejectReason reason) {
  switch (reason) {
    case RejectReason::label_mismatch:
    case RejectReason::gpu_model_mismatch:
    case RejectReason::sharing_mismatch:
    case RejectReason::mig_unsupported:
    case RejectReason::resource_not_offered:
    case RejectReason::too_large:
    case RejectReason::out_of_scope:
      return true;
    default:
      return false;
  }
}

}  // namespace gpusched
