#pragma once

#include <cstdint>
#include <vector>

#include "gpusched/model/mig_lattice.hpp"

namespace gpusched::reshape {

/// Where an instance of each shape goes on a GPU with these occupied units, and what it breaks: the start with the
/// least loss of the buddy potential, then the lowest.
class MaskLosses {
 public:
  struct Fit {
    int placement = -1;  ///< -1: no legal start is free
    std::int64_t loss = 0;
  };

  explicit MaskLosses(const MigLattice& lattice);

  const MigLattice& lattice() const { return *lattice_; }
  const Fit& best(std::uint16_t mask, int shape) const {
    return fits_[static_cast<std::size_t>(row_of_mask_[mask]) * shapes_ + static_cast<std::size_t>(shape)];
  }
  std::uint16_t after(std::uint16_t mask, int placement) const {
    return static_cast<std::uint16_t>(mask | lattice_->placements()[static_cast<std::size_t>(placement)].range.mask());
  }

 private:
  const MigLattice* lattice_;
  std::size_t shapes_;
  std::vector<int> row_of_mask_;
  std::vector<Fit> fits_;
};

}  // namespace gpusched::reshape
