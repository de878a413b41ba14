#include "gpusched/reshape/repair_table.hpp"

#include <bit>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "gpusched/base/check.hpp"
#include "gpusched/model/gpu_catalog.hpp"

namespace gpusched {

namespace {

using StateId = MigLattice::StateId;

/// Placement indexes of one shape: [first, end).
std::pair<int, int> indexes_of(const MigLattice& lattice, int shape) {
  const auto first = static_cast<int>(lattice.placements_of(shape).data() - lattice.placements().data());
  return {first, first + static_cast<int>(lattice.placements_of(shape).size())};
}

bool fits(const MigLattice& lattice, StateId state, int shape) {
  const auto [first, end] = indexes_of(lattice, shape);
  for (int p = first; p < end; ++p) {
    if (lattice.after_create(state, p) != MigLattice::no_state) {
      return true;
    }
  }
  return false;
}

/// On every model of the catalogue the units alone decide: the compute limit never binds (docs/models/mig-lattice.md).
bool has_capacity(const MigLattice& lattice, StateId state, int shape) {
  return lattice.units() - std::popcount(lattice.occupancy(state)) >=
         lattice.shapes()[static_cast<std::size_t>(shape)].memory_units;
}

/// How many instances of each shape a state has: layouts of the same instances have equal keys.
std::vector<int> instances_of(const MigLattice& lattice, StateId state) {
  std::vector<int> counts(lattice.shapes().size(), 0);
  for (std::size_t p = 0; p < lattice.placements().size(); ++p) {
    counts[static_cast<std::size_t>(lattice.placements()[p].shape)] +=
        static_cast<int>((lattice.placed(state) >> p) & 1U);
  }
  return counts;
}

/// Finds an order of exchanges from `state` to `target`: every instance of `leaving` goes to a place of its shape in
/// `arriving` that is free at that moment. Few instances move, so all orders are tried.
bool order_exchanges(const MigLattice& lattice, StateId state, std::uint32_t leaving, std::uint32_t arriving,
                     std::vector<InstanceMove>& moves) {
  if (leaving == 0) {
    return true;
  }
  for (std::uint32_t rest = leaving; rest != 0; rest &= rest - 1) {
    const int from = std::countr_zero(rest);
    for (std::uint32_t places = arriving; places != 0; places &= places - 1) {
      const int to = std::countr_zero(places);
      const bool same_shape = lattice.placements()[static_cast<std::size_t>(from)].shape ==
                              lattice.placements()[static_cast<std::size_t>(to)].shape;
      const StateId both = same_shape ? lattice.after_create(state, to) : MigLattice::no_state;
      if (both == MigLattice::no_state) {
        continue;
      }
      moves.push_back({.from = from, .to = to});
      if (order_exchanges(lattice, lattice.after_destroy(both, from), leaving & ~(1U << from), arriving & ~(1U << to),
                          moves)) {
        return true;
      }
      moves.pop_back();
    }
  }
  return false;
}

std::vector<std::optional<RepairTable>> tables_of_catalog() {
  std::vector<std::optional<RepairTable>> tables;
  for (std::uint32_t id = 0; id < gpu_catalog().size(); ++id) {
    const bool known = gpu_catalog()[id].has_lattice();
    tables.push_back(known ? std::optional<RepairTable>(MigLattice::of(GpuModelId{id})) : std::nullopt);
  }
  return tables;
}

}  // namespace

RepairTable::RepairTable(const MigLattice& lattice)
    : lattice_(&lattice),
      shape_count_(lattice.shapes().size()),
      repairs_(std::size_t{lattice.state_count()} * lattice.shapes().size()) {
  std::map<std::vector<int>, std::vector<StateId>> layouts;  // of the same instances
  for (StateId state = 0; state < lattice.state_count(); ++state) {
    layouts[instances_of(lattice, state)].push_back(state);
  }
  for (const auto& [instances, states] : layouts) {
    for (const StateId state : states) {
      for (int shape = 0; shape < static_cast<int>(shape_count_); ++shape) {
        repairs_[state * shape_count_ + static_cast<std::size_t>(shape)] = cheapest(state, shape, states);
      }
    }
  }
}

const RepairTable& RepairTable::of(GpuModelId id) {
  static const std::vector<std::optional<RepairTable>> tables = tables_of_catalog();
  const GpuModel& model = gpu_model(id);
  GPUSCHED_CHECK(model.has_lattice(), std::string(model.name) + ": " + std::string(model.mig_refusal));
  return *tables[id.value];
}

Repair RepairTable::cheapest(StateId state, int shape, const std::vector<StateId>& layouts) const {
  if (fits(*lattice_, state, shape)) {
    return {.target = state, .verdict = RepairVerdict::fits, .moves = 0, .units = 0, .by_exchange = true};
  }
  Repair best;
  if (!has_capacity(*lattice_, state, shape)) {
    return best;
  }
  best.verdict = RepairVerdict::fragmented;
  const auto key = [](const Repair& repair) { return std::tuple(repair.moves, repair.units, !repair.by_exchange); };
  for (const StateId target : layouts) {
    if (!fits(*lattice_, target, shape)) {
      continue;
    }
    const std::uint32_t leaving = lattice_->placed(state) & ~lattice_->placed(target);
    const std::uint32_t arriving = lattice_->placed(target) & ~lattice_->placed(state);
    int units = 0;
    for (std::uint32_t rest = leaving; rest != 0; rest &= rest - 1) {
      units += lattice_->placements()[static_cast<std::size_t>(std::countr_zero(rest))].range.size;
    }
    std::vector<InstanceMove> moves;
    const Repair repair{.target = target,
                        .verdict = RepairVerdict::repairable,
                        .moves = static_cast<std::uint8_t>(std::popcount(leaving)),
                        .units = static_cast<std::uint8_t>(units),
                        .by_exchange = order_exchanges(*lattice_, state, leaving, arriving, moves)};
    if (best.verdict == RepairVerdict::fragmented || key(repair) < key(best)) {
      best = repair;
    }
  }
  return best;
}

std::vector<InstanceMove> RepairTable::moves(MigLattice::StateId state, int shape) const {
  std::vector<InstanceMove> moves;
  const Repair& repair = at(state, shape);
  if (repair.verdict != RepairVerdict::repairable) {
    return moves;
  }
  const std::uint32_t leaving = lattice_->placed(state) & ~lattice_->placed(repair.target);
  std::uint32_t arriving = lattice_->placed(repair.target) & ~lattice_->placed(state);
  if (order_exchanges(*lattice_, state, leaving, arriving, moves)) {
    return moves;
  }
  for (std::uint32_t rest = leaving; rest != 0; rest &= rest - 1) {
    const int from = std::countr_zero(rest);
    int to = std::countr_zero(arriving);
    while (((arriving >> to) & 1U) == 0 || lattice_->placements()[static_cast<std::size_t>(to)].shape !=
                                               lattice_->placements()[static_cast<std::size_t>(from)].shape) {
      ++to;
    }
    arriving &= ~(1U << to);
    moves.push_back({.from = from, .to = to});
  }
  return moves;
}

}  // namespace gpusched
