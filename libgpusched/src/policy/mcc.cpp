#include "gpusched/policy/mig_loss.hpp"
#include "gpusched/policy/policies.hpp"
#include "gpusched/score/mig_scores.hpp"

namespace gpusched {

/// Least loss of configuration capability CC (GRMU, arXiv 2502.01909). docs/policies/mcc.md
const PolicyInfo mcc_policy = {
    .name = "mcc",
    .description = "MIG: keeps the most creatable placements (CC); other requests: best fit",
    .parameters = {},
    .make = [](const PolicyParameters&, std::uint64_t) { return make_mig_loss_policy(creatable_count); }};

}  // namespace gpusched
