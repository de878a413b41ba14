#pragma once

#include <cstdint>
#include <vector>

#include "gpusched/model/mig_lattice.hpp"

namespace gpusched {

/// What a GPU that is cut, or opened for sharing, can still take, on one scale for all modes. An idle GPU is worth 1,
/// one that is held whole nothing. Formula and origin: docs/policies/auto.md.
class ModeValue {
 public:
  /// `wholeness`: what an idle GPU loses as soon as it is used in part. `linear`: share of a cut GPU's value that
  /// counts its free slices; the rest counts the instances that still fit.
  ModeValue(const MigLattice& lattice, double wholeness, double linear);

  /// Of a GPU cut by MIG, by its occupied units; 1 for an idle one.
  double of_cut(std::uint16_t occupancy) const { return of_cut_[occupancy]; }
  /// Of a GPU opened for time slicing or MPS that has this share of its room left, 0..1.
  static double of_shared(double headroom, double wholeness) { return (1.0 - wholeness) * headroom; }

 private:
  std::vector<double> of_cut_;
};

/// Free units that some instance could still use: a unit beside an occupied one may be nobody's.
int usable_free_units(const MigLattice& lattice, std::uint16_t occupancy);

}  // namespace gpusched
