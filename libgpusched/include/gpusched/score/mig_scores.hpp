#pragma once

#include <cstdint>
#include <vector>

#include "gpusched/model/mig_lattice.hpp"

namespace gpusched {

/// Scores of one MIG GPU by its occupied units, for one lattice. All are plain functions of the occupancy.

/// Free placement units that count as slices (a unit that only the whole GPU uses is none's loss; it still counts).
int free_units(const MigLattice& lattice, std::uint16_t occupancy);

/// CC of GRMU: how many (shape, start) can still be created.
std::int64_t creatable_count(const MigLattice& lattice, std::uint16_t occupancy);

/// MFI of Zambianco et al. (arXiv 2511.18906): for every shape no larger than the free units, its size for every legal
/// start that is not entirely free.
std::int64_t mfi_fragmentation(const MigLattice& lattice, std::uint16_t occupancy);

/// BUDDY potential: free laminar blocks, the large ones first; its loss is what a placement breaks.
/// A block of level l weighs 10^l, less a tenth for each shape of its size that may not start there.
std::int64_t buddy_potential(const MigLattice& lattice, std::uint16_t occupancy);

/// Most instances of one shape that fit beside what is there.
int max_copies(const MigLattice& lattice, int shape, std::uint16_t occupancy);

/// FGD for MIG: expected free units that the mix cannot use: sum of weight x (free - size x max_copies).
/// Shape of `weights`: one per lattice shape.
std::int64_t fgd_mig_fragmentation(const MigLattice& lattice, const std::vector<std::int64_t>& weights,
                                   std::uint16_t occupancy);

}  // namespace gpusched
