#include "gpusched/score/mode_value.hpp"

#include <algorithm>
#include <bit>
#include <map>

#include "gpusched/score/mig_scores.hpp"

namespace gpusched {

namespace {

/// One shape stands for each size: the one that may start in most places.
std::map<int, int> shape_of_size(const MigLattice& lattice) {
  std::map<int, int> chosen;
  for (std::size_t i = 0; i < lattice.shapes().size(); ++i) {
    const MigShape& shape = lattice.shapes()[i];
    const auto [place, is_new] = chosen.try_emplace(shape.memory_units, static_cast<int>(i));
    if (!is_new && shape.starts.size() > lattice.shapes()[static_cast<std::size_t>(place->second)].starts.size()) {
      place->second = static_cast<int>(i);
    }
  }
  return chosen;
}

/// What still fits: `wholeness` for the largest shape, the rest split over the smaller sizes as 3 + log2(size), each by
/// the copies that are left of it.
double still_fits(const MigLattice& lattice, const std::map<int, int>& shapes, double wholeness,
                  std::uint16_t occupancy) {
  double sum = 0;
  double weights = 0;
  const int largest = shapes.rbegin()->first;
  for (const auto& [size, shape] : shapes) {
    const double copies = max_copies(lattice, shape, occupancy);
    if (size == largest) {
      continue;
    }
    const double weight = 2.0 + std::bit_width(static_cast<unsigned>(size / shapes.begin()->first));
    weights += weight;
    sum += weight * copies / max_copies(lattice, shape, 0);
  }
  const double whole = max_copies(lattice, shapes.rbegin()->second, occupancy) > 0 ? 1.0 : 0.0;
  return wholeness * whole + (weights > 0 ? (1.0 - wholeness) * sum / weights : 0.0);
}

}  // namespace

int usable_free_units(const MigLattice& lattice, std::uint16_t occupancy) {
  unsigned usable = 0;
  for (const MigPlacement& placement : lattice.placements()) {
    usable |= (placement.range.mask() & occupancy) == 0 ? placement.range.mask() : 0U;
  }
  return std::popcount(usable);
}

ModeValue::ModeValue(const MigLattice& lattice, double wholeness, double linear) {
  const std::map<int, int> shapes = shape_of_size(lattice);
  of_cut_.push_back(1.0);
  for (std::size_t mask = 1; mask < std::size_t{1} << lattice.units(); ++mask) {
    const auto occupancy = static_cast<std::uint16_t>(mask);
    const double free = static_cast<double>(usable_free_units(lattice, occupancy)) / lattice.units();
    of_cut_.push_back(linear * (1.0 - wholeness) * free +
                      (1.0 - linear) * still_fits(lattice, shapes, wholeness, occupancy));
  }
}

}  // namespace gpusched
