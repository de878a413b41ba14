#include "reshape/mask_losses.hpp"

#include <set>

#include "gpusched/score/mig_scores.hpp"

namespace gpusched::reshape {

MaskLosses::MaskLosses(const MigLattice& lattice) : lattice_(&lattice), shapes_(lattice.shapes().size()) {
  std::set<std::uint16_t> masks;
  for (MigLattice::StateId state = 0; state < lattice.state_count(); ++state) {
    masks.insert(lattice.occupancy(state));
  }
  const std::size_t numbers = std::size_t{1} << lattice.units();
  row_of_mask_.assign(numbers, 0);
  std::vector<std::int64_t> potential(numbers, 0);
  for (const std::uint16_t mask : masks) {
    potential[mask] = buddy_potential(lattice, mask);
  }
  for (const std::uint16_t mask : masks) {
    row_of_mask_[mask] = static_cast<int>(fits_.size() / shapes_);
    fits_.resize(fits_.size() + shapes_);
    Fit* row = &fits_[fits_.size() - shapes_];
    for (std::size_t p = 0; p < lattice.placements().size(); ++p) {
      const MigPlacement& placement = lattice.placements()[p];
      if ((placement.range.mask() & mask) != 0) {
        continue;
      }
      const std::int64_t loss = potential[mask] - potential[after(mask, static_cast<int>(p))];
      Fit& fit = row[placement.shape];
      if (fit.placement < 0 || loss < fit.loss) {
        fit = {.placement = static_cast<int>(p), .loss = loss};
      }
    }
  }
}

}  // namespace gpusched::reshape
