#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "gpusched/base/ids.hpp"
#include "gpusched/model/gpu_model.hpp"

namespace gpusched {

/// A hardware shape: profiles of one size and the same legal starts are one shape; labels (+me, +gfx) add none.
struct MigShape {
  int compute_slices = 0;
  int memory_units = 0;
  std::vector<std::int16_t> starts{};  ///< ascending
};

/// A legal place for a shape.
struct MigPlacement {
  int shape = 0;
  SliceRange range{};
};

/// The geometry of one GPU model: every state (set of placed instances) and what leads from one to the next.
/// Built once per model; immutable. Counts and their source: docs/models/mig-lattice.md.
class MigLattice {
 public:
  using StateId = std::uint32_t;  ///< 0 is the empty GPU
  static constexpr StateId no_state = 0xffffffffU;

  explicit MigLattice(const GpuModel& model);
  /// For tests and what-ifs: any shapes over `units` placement units and `compute_slices`.
  MigLattice(std::vector<MigShape> shapes, int units, int compute_slices);

  /// The shared lattice of a catalogue model. Contract: gpu_model(id).has_lattice().
  static const MigLattice& of(GpuModelId id);

  int units() const { return units_; }
  /// Shapes in ascending (memory_units, compute_slices): on seven-slice models 1g, 1g double memory, 2g, 3g, 4g, 7g.
  std::span<const MigShape> shapes() const { return shapes_; }
  /// Shape of each profile of the model, by MigProfileId (empty for the shape constructor).
  int shape_of(MigProfileId profile) const { return shape_of_profile_[profile.value]; }
  /// All placements, grouped by shape, ascending start.
  std::span<const MigPlacement> placements() const { return placements_; }
  /// Placements of one shape, ascending start.
  std::span<const MigPlacement> placements_of(int shape) const;

  std::uint32_t state_count() const { return static_cast<std::uint32_t>(occupancy_.size()); }
  /// Occupied units of a state as bits.
  std::uint16_t occupancy(StateId state) const { return occupancy_[state]; }
  /// The instances of a state as bits over placements().
  std::uint32_t placed(StateId state) const { return placed_[state]; }
  /// The state after creating placement `index` (into placements()), or no_state where it does not fit.
  StateId after_create(StateId state, int index) const;
  /// The state after destroying placement `index`, or no_state where it is not there.
  StateId after_destroy(StateId state, int index) const;
  /// True when nothing more can be created.
  bool is_maximal(StateId state) const;
  /// How many (shape, start) can still be created: the configuration capability CC of GRMU.
  int creatable_count(StateId state) const;
  /// True when another layout of the same instances leaves more creatable placements.
  bool is_suboptimal(StateId state) const;
  /// Number of distinct occupancy masks over all states.
  std::uint32_t mask_count() const;

 private:
  void list_placements();
  void enumerate_states();
  void mark_suboptimal();

  int units_ = 0;
  int compute_slices_ = 0;
  std::vector<MigShape> shapes_;
  std::vector<int> shape_of_profile_;
  std::vector<MigPlacement> placements_;
  std::vector<int> first_placement_;       // by shape, plus end
  std::vector<std::uint16_t> occupancy_;   // by state
  std::vector<std::uint32_t> placed_;      // by state: bits over placements_
  std::vector<StateId> create_, destroy_;  // [state][placement]
  std::vector<std::uint8_t> suboptimal_;   // by state
};

}  // namespace gpusched
