#include "gpusched/policy/mig_loss.hpp"
#include "gpusched/policy/policies.hpp"
#include "gpusched/score/mig_scores.hpp"

namespace gpusched {

/// Least growth of the MFI fragmentation of the GPU (Zambianco et al., arXiv 2511.18906). docs/policies/mfi.md
const PolicyInfo mfi_policy = {
    .name = "mfi",
    .description = "MIG: least growth of the fragmentation score MFI; other requests: best fit",
    .parameters = {},
    .make = [](const PolicyParameters&, std::uint64_t) {
      return make_mig_loss_policy(
          [](const MigLattice& lattice, std::uint16_t occupancy) { return -mfi_fragmentation(lattice, occupancy); });
    }};

}  // namespace gpusched
