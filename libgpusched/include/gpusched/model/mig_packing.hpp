#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "gpusched/base/result.hpp"
#include "gpusched/model/mig_lattice.hpp"

namespace gpusched {

// Exact answers to "do these instances fit on those GPUs?" in constant time, without search. They hold for the
// seven-slice lattice alone (A100, H100, H200, B200, ... ; check_seven_slice). Formula, proof and verification:
// docs/models/mig-packing.md.

/// Numbers of instances by shape, in the order of MigLattice::shapes(): 1g, 1g double memory, 2g, 3g, 4g, 7g.
/// Contract of every function here: none is negative, none exceeds 2^50.
using MigCounts = std::array<std::int64_t, 6>;

/// unsupported where the lattice is not the seven-slice one.
Status check_seven_slice(const MigLattice& lattice);

/// The least number of empty seven-slice GPUs that hold the instances: the offline optimum.
std::int64_t min_gpus(const MigCounts& counts);

/// Whether the instances fit on `gpus` empty seven-slice GPUs.
bool packs(const MigCounts& counts, std::int64_t gpus);

/// The free windows of a set of partly occupied seven-slice GPUs, as six counters: what is running stays where it is.
class MigFreeBlocks {
 public:
  /// No GPU yet. unsupported where the lattice is not the seven-slice one.
  static Result<MigFreeBlocks> create(const MigLattice& lattice);
  /// One GPU per mask of occupied units (MigLattice::occupancy).
  static Result<MigFreeBlocks> from_masks(const MigLattice& lattice, std::span<const std::uint16_t> masks);

  /// Adds `count` GPUs with these occupied units; a negative count takes GPUs back that were added before.
  void add_gpu(std::uint16_t mask, std::int64_t count = 1);

  /// Whether all the instances fit together beside what is running, without moving any of it.
  bool fits(const MigCounts& counts) const;

 private:
  MigFreeBlocks() = default;

  std::int64_t whole_ = 0;       // empty GPUs
  std::int64_t left_ = 0;        // free {0,1,2,3} of other GPUs
  std::int64_t right_ = 0;       // free {4,5,6,7} of other GPUs
  std::int64_t pairs_ = 0;       // free {0,1}, {2,3}, {4,5} outside free halves
  std::int64_t last_pairs_ = 0;  // free {6,7} outside free halves: a pair with one compute slice
  std::int64_t singles_ = 0;     // free units among 0 to 6 outside free pairs
};

}  // namespace gpusched
