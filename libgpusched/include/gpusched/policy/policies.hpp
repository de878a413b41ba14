#pragma once

#include "gpusched/policy/registry.hpp"

namespace gpusched {

// One row per policy, each defined in its own file; registry.cpp puts them in order.
extern const PolicyInfo random_policy;
extern const PolicyInfo first_fit_policy;
extern const PolicyInfo round_robin_policy;
extern const PolicyInfo best_fit_policy;
extern const PolicyInfo worst_fit_policy;
extern const PolicyInfo dot_prod_policy;
extern const PolicyInfo gpu_clustering_policy;
extern const PolicyInfo gpu_packing_policy;
extern const PolicyInfo fgd_policy;
extern const PolicyInfo mfi_policy;
extern const PolicyInfo mcc_policy;
extern const PolicyInfo buddy_policy;
extern const PolicyInfo placeable_policy;
extern const PolicyInfo placeable_online_policy;
extern const PolicyInfo auto_policy;
extern const PolicyInfo all_whole_policy;
extern const PolicyInfo mig_static_policy;
extern const PolicyInfo mig_dynamic_policy;
extern const PolicyInfo time_slice_policy;
extern const PolicyInfo mps_policy;
extern const PolicyInfo pools_policy;

}  // namespace gpusched
