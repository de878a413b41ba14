#pragma once

#include <cstdint>
#include <vector>

#include "gpusched/base/ids.hpp"
#include "gpusched/model/mig_lattice.hpp"

namespace gpusched {

/// How a request for one more instance stands with the layout of one GPU.
enum class RepairVerdict : std::uint8_t {
  fits,         ///< there is a legal place now
  repairable,   ///< fragmented: moving instances inside the GPU makes a place
  fragmented,   ///< enough is free, but no other layout of the same instances has a place
  no_capacity,  ///< too few units are free
};

/// One instance changes its place. Both index MigLattice::placements() and are of one shape.
struct InstanceMove {
  int from = 0;
  int to = 0;

  friend bool operator==(const InstanceMove&, const InstanceMove&) = default;
};

/// The cheapest relocation inside the GPU that makes a place: fewest instances moved, then fewest placement units
/// moved, then one that exchanges alone can make, then the lowest target state.
struct Repair {
  MigLattice::StateId target = MigLattice::no_state;  ///< the layout afterwards; the layout itself where it fits
  RepairVerdict verdict = RepairVerdict::no_capacity;
  std::uint8_t moves = 0;
  std::uint8_t units = 0;  ///< sum of the sizes of the instances moved
  /// An order of the moves exists in which each instance is created at its new place before the old one is destroyed.
  /// False: some instance must be without a place for a while.
  bool by_exchange = false;
};

/// For every layout of one GPU model and every shape: the cheapest relocation that makes room. Built once; a lookup is
/// one load. Counts and their source: docs/models/repair-table.md.
class RepairTable {
 public:
  /// Contract: the lattice outlives the table.
  explicit RepairTable(const MigLattice& lattice);

  /// The shared table of a catalogue model. Contract: gpu_model(id).has_lattice().
  static const RepairTable& of(GpuModelId id);

  /// Shape: an index into MigLattice::shapes().
  const Repair& at(MigLattice::StateId state, int shape) const {
    return repairs_[state * shape_count_ + static_cast<std::size_t>(shape)];
  }
  /// Which instance goes where, empty where nothing needs to move or nothing helps. Where `by_exchange` holds, every
  /// layout on the way is legal in this order.
  std::vector<InstanceMove> moves(MigLattice::StateId state, int shape) const;

 private:
  Repair cheapest(MigLattice::StateId state, int shape, const std::vector<MigLattice::StateId>& layouts) const;

  const MigLattice* lattice_;
  std::size_t shape_count_;
  std::vector<Repair> repairs_;  // [state][shape]
};

}  // namespace gpusched
