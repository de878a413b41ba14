#include "gpusched/model/mig_lattice.hpp"

#include <algorithm>
#include <bit>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "gpusched/base/check.hpp"
#include "gpusched/model/gpu_catalog.hpp"

namespace gpusched {

namespace {

constexpr int max_units = 16;       // occupancy is 16 bits
constexpr int max_placements = 32;  // a state is 32 bits over the placements

auto shape_key(const MigShape& shape) { return std::tie(shape.memory_units, shape.compute_slices, shape.starts); }

MigShape shape_of_profile(const MigProfile& profile) {
  return {.compute_slices = profile.compute_slices, .memory_units = profile.memory_units, .starts = profile.starts};
}

std::vector<MigShape> shapes_of_model(const GpuModel& model) {
  GPUSCHED_CHECK(model.has_lattice(), std::string(model.name) + ": " + std::string(model.mig_refusal));
  std::vector<MigShape> shapes;
  for (const MigProfile& profile : model.profiles) {
    shapes.push_back(shape_of_profile(profile));
  }
  return shapes;
}

std::vector<std::optional<MigLattice>> lattices_of_catalog() {
  std::vector<std::optional<MigLattice>> lattices;
  for (const GpuModel& model : gpu_catalog()) {
    lattices.push_back(model.has_lattice() ? std::optional<MigLattice>(model) : std::nullopt);
  }
  return lattices;
}

}  // namespace

MigLattice::MigLattice(std::vector<MigShape> shapes, int units, int compute_slices)
    : units_(units), compute_slices_(compute_slices), shapes_(std::move(shapes)) {
  std::sort(shapes_.begin(), shapes_.end(),
            [](const MigShape& a, const MigShape& b) { return shape_key(a) < shape_key(b); });
  const auto same = [](const MigShape& a, const MigShape& b) { return shape_key(a) == shape_key(b); };
  shapes_.erase(std::unique(shapes_.begin(), shapes_.end(), same), shapes_.end());
  list_placements();
  enumerate_states();
  mark_suboptimal();
}

MigLattice::MigLattice(const GpuModel& model)
    : MigLattice(shapes_of_model(model), model.placement_units, model.compute_slices) {
  for (const MigProfile& profile : model.profiles) {
    const MigShape wanted = shape_of_profile(profile);
    const auto found = std::find_if(shapes_.begin(), shapes_.end(),
                                    [&](const MigShape& shape) { return shape_key(shape) == shape_key(wanted); });
    shape_of_profile_.push_back(static_cast<int>(found - shapes_.begin()));
  }
}

const MigLattice& MigLattice::of(GpuModelId id) {
  static const std::vector<std::optional<MigLattice>> lattices = lattices_of_catalog();
  const GpuModel& model = gpu_model(id);
  GPUSCHED_CHECK(model.has_lattice(), std::string(model.name) + ": " + std::string(model.mig_refusal));
  return *lattices[id.value];
}

std::span<const MigPlacement> MigLattice::placements_of(int shape) const {
  const auto s = static_cast<std::size_t>(shape);
  const auto first = static_cast<std::size_t>(first_placement_.at(s));
  const auto end = static_cast<std::size_t>(first_placement_.at(s + 1));
  return std::span<const MigPlacement>(placements_).subspan(first, end - first);
}

MigLattice::StateId MigLattice::after_create(StateId state, int index) const {
  return create_[state * placements_.size() + static_cast<std::size_t>(index)];
}

MigLattice::StateId MigLattice::after_destroy(StateId state, int index) const {
  return destroy_[state * placements_.size() + static_cast<std::size_t>(index)];
}

int MigLattice::creatable_count(StateId state) const {
  const auto row = create_.begin() + static_cast<std::ptrdiff_t>(state * placements_.size());
  const auto end = row + static_cast<std::ptrdiff_t>(placements_.size());
  return static_cast<int>(std::count_if(row, end, [](StateId next) { return next != no_state; }));
}

bool MigLattice::is_maximal(StateId state) const { return creatable_count(state) == 0; }

bool MigLattice::is_suboptimal(StateId state) const { return suboptimal_[state] != 0; }

std::uint32_t MigLattice::mask_count() const {
  return static_cast<std::uint32_t>(std::set<std::uint16_t>(occupancy_.begin(), occupancy_.end()).size());
}

void MigLattice::list_placements() {
  GPUSCHED_CHECK(units_ > 0 && units_ <= max_units, "a lattice has 1 to 16 placement units");
  for (std::size_t s = 0; s < shapes_.size(); ++s) {
    first_placement_.push_back(static_cast<int>(placements_.size()));
    for (const std::int16_t start : shapes_[s].starts) {
      const auto size = static_cast<std::int16_t>(shapes_[s].memory_units);
      GPUSCHED_CHECK(size > 0 && start >= 0 && start + size <= units_, "a placement leaves the GPU");
      placements_.push_back({.shape = static_cast<int>(s), .range = {.start = start, .size = size}});
    }
  }
  first_placement_.push_back(static_cast<int>(placements_.size()));
  GPUSCHED_CHECK(placements_.size() <= max_placements, "a lattice has at most 32 placements");
}

void MigLattice::enumerate_states() {
  std::map<std::uint32_t, StateId> id_of{{0U, StateId{0}}};
  std::vector<int> compute{0};
  occupancy_ = {0};
  placed_ = {0};
  // Breadth first, placements in index order: this is what makes the ids stable.
  for (StateId state = 0; state < occupancy_.size(); ++state) {
    for (std::size_t p = 0; p < placements_.size(); ++p) {
      const std::uint16_t mask = placements_[p].range.mask();
      const int slices = compute[state] + shapes_[static_cast<std::size_t>(placements_[p].shape)].compute_slices;
      if ((occupancy_[state] & mask) != 0 || slices > compute_slices_) {
        create_.push_back(no_state);
        continue;
      }
      const std::uint32_t placed = placed_[state] | (1U << p);
      const auto [entry, is_new] = id_of.try_emplace(placed, static_cast<StateId>(occupancy_.size()));
      if (is_new) {
        occupancy_.push_back(static_cast<std::uint16_t>(occupancy_[state] | mask));
        placed_.push_back(placed);
        compute.push_back(slices);
      }
      create_.push_back(entry->second);
    }
  }
  destroy_.assign(create_.size(), no_state);
  for (StateId state = 0; state < occupancy_.size(); ++state) {
    for (std::size_t p = 0; p < placements_.size(); ++p) {
      const StateId next = create_[state * placements_.size() + p];
      if (next != no_state) {
        destroy_[next * placements_.size() + p] = state;
      }
    }
  }
}

void MigLattice::mark_suboptimal() {
  std::vector<std::vector<int>> instances(state_count(), std::vector<int>(shapes_.size(), 0));
  std::map<std::vector<int>, int> best;
  for (StateId state = 0; state < state_count(); ++state) {
    for (std::size_t p = 0; p < placements_.size(); ++p) {
      instances[state][static_cast<std::size_t>(placements_[p].shape)] += static_cast<int>((placed_[state] >> p) & 1U);
    }
    int& most = best[instances[state]];
    most = std::max(most, creatable_count(state));
  }
  for (StateId state = 0; state < state_count(); ++state) {
    suboptimal_.push_back(creatable_count(state) < best[instances[state]] ? 1 : 0);
  }
}

}  // namespace gpusched
