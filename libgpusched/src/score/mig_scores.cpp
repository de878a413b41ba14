#include "gpusched/score/mig_scores.hpp"

#include <algorithm>
#include <bit>
#include <map>

namespace gpusched {

namespace {

bool is_free(SliceRange range, std::uint16_t occupancy) { return (range.mask() & occupancy) == 0; }

}  // namespace

int free_units(const MigLattice& lattice, std::uint16_t occupancy) {
  return lattice.units() - std::popcount(occupancy);
}

std::int64_t creatable_count(const MigLattice& lattice, std::uint16_t occupancy) {
  return std::count_if(lattice.placements().begin(), lattice.placements().end(),
                       [&](const MigPlacement& placement) { return is_free(placement.range, occupancy); });
}

std::int64_t mfi_fragmentation(const MigLattice& lattice, std::uint16_t occupancy) {
  const int free = free_units(lattice, occupancy);
  std::int64_t sum = 0;
  for (const MigPlacement& placement : lattice.placements()) {
    if (placement.range.size <= free && !is_free(placement.range, occupancy)) {
      sum += placement.range.size;
    }
  }
  return sum;
}

std::int64_t buddy_potential(const MigLattice& lattice, std::uint16_t occupancy) {
  std::map<int, int> shapes_of_size;             // by size: how many shapes
  std::map<std::pair<int, int>, int> shapes_at;  // by (size, start): how many shapes may start there
  for (const MigShape& shape : lattice.shapes()) {
    ++shapes_of_size[shape.memory_units];
    for (const std::int16_t start : shape.starts) {
      ++shapes_at[{shape.memory_units, start}];
    }
  }
  std::map<int, std::int64_t> level_weight;
  std::int64_t weight = 10;  // tenfold, so that a tenth is an integer
  for (const auto& [size, count] : shapes_of_size) {
    level_weight[size] = weight;
    weight *= 10;
  }
  std::int64_t sum = 0;
  for (const auto& [block, count] : shapes_at) {
    const auto& [size, start] = block;
    const SliceRange range{static_cast<std::int16_t>(start), static_cast<std::int16_t>(size)};
    if (is_free(range, occupancy)) {
      sum += level_weight[size] - (shapes_of_size[size] - count) * (level_weight[size] / 10);
    }
  }
  return sum;
}

int max_copies(const MigLattice& lattice, int shape, std::uint16_t occupancy) {
  // Windows of one shape never overlap each other, so every free one counts.
  const auto placements = lattice.placements_of(shape);
  return static_cast<int>(std::count_if(placements.begin(), placements.end(), [&](const MigPlacement& placement) {
    return is_free(placement.range, occupancy);
  }));
}

std::int64_t fgd_mig_fragmentation(const MigLattice& lattice, const std::vector<std::int64_t>& weights,
                                   std::uint16_t occupancy) {
  const int free = free_units(lattice, occupancy);
  std::int64_t sum = 0;
  for (std::size_t shape = 0; shape < lattice.shapes().size(); ++shape) {
    const int used = lattice.shapes()[shape].memory_units * max_copies(lattice, static_cast<int>(shape), occupancy);
    sum += weights[shape] * (free - used);
  }
  return sum;
}

}  // namespace gpusched
