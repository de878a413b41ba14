#include "gpusched/policy/mig_loss.hpp"
#include "gpusched/policy/policies.hpp"
#include "gpusched/score/mig_scores.hpp"

namespace gpusched {

/// Least loss of free laminar blocks, large ones first. Needs no forecast. docs/policies/buddy.md
const PolicyInfo buddy_policy = {
    .name = "buddy",
    .description = "MIG: breaks the least free blocks, large ones first; other requests: best fit",
    .parameters = {},
    .make = [](const PolicyParameters&, std::uint64_t) { return make_mig_loss_policy(buddy_potential); }};

}  // namespace gpusched
