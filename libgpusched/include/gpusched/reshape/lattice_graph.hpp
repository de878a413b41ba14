#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "gpusched/base/ids.hpp"
#include "gpusched/model/mig_lattice.hpp"

namespace gpusched {

/// What a step of a path costs; any unit. Contract: none is negative, interruption <= move. A pod is then moved at most
/// once: waiting for the place where it ends is never dearer than a second move. The defaults compare paths by moves,
/// then by the units moved, then by interruptions, then by steps.
struct LatticeCosts {
  std::int64_t create = 1;
  std::int64_t destroy = 1;
  std::int64_t move = 100'000;      ///< a pod starts in another instance
  std::int64_t move_unit = 1000;    ///< more per placement unit of that instance
  std::int64_t interruption = 100;  ///< more, when its old instance had to go before the new one was there
};

/// Instances that hold a pod, as bits over MigLattice::placements(). All others of a state are idle.
struct BusyInstances {
  std::uint32_t movable = 0;
  std::uint32_t pinned = 0;
};

struct LatticeStep {
  bool create = false;  ///< else destroy
  int placement = 0;    ///< into MigLattice::placements()

  friend bool operator==(const LatticeStep&, const LatticeStep&) = default;
};

/// A cheapest way between two states.
struct LatticePath {
  MigLattice::StateId target = 0;
  std::vector<LatticeStep> steps;
  int moves = 0;          ///< pods that start in another instance
  int interruptions = 0;  ///< of these, pods whose old instance goes before their new one exists
  std::int64_t cost = 0;
};

/// The states of one GPU model as a graph whose edges create or destroy one instance. Moving a pod is no edge: its new
/// instance is created, its old one destroyed, in this order where there is room. Built once per model; immutable.
class LatticeGraph {
 public:
  using StateId = MigLattice::StateId;

  explicit LatticeGraph(const MigLattice& lattice);
  ~LatticeGraph();
  LatticeGraph(LatticeGraph&&) noexcept;
  LatticeGraph& operator=(LatticeGraph&&) noexcept;

  /// The shared graph of a catalogue model. Contract: gpu_model(id).has_lattice().
  static const LatticeGraph& of(GpuModelId id);

  const MigLattice& lattice() const { return *lattice_; }
  std::uint32_t edge_count() const;
  /// The fewest steps between two states where nobody runs.
  int distance(StateId from, StateId to) const;

  /// The cheapest path to a layout. nullopt: it lacks a pinned instance, or has too few instances for the pods.
  /// Contract: busy instances are in `from`.
  std::optional<LatticePath> to_layout(StateId from, BusyInstances busy, StateId to, const LatticeCosts& costs) const;

  /// The cheapest path to a layout with an idle instance of `shape`, all pods kept, at most `most_moves` of them moved;
  /// of equally cheap layouts the one on which most can still be created. nullopt: there is none on this GPU.
  std::optional<LatticePath> to_room(StateId from, BusyInstances busy, int shape, int most_moves,
                                     const LatticeCosts& costs) const;

 private:
  struct Graph;
  struct Target;

  std::vector<Target> targets(StateId from, BusyInstances busy, int shape, int most_moves,
                              const LatticeCosts& costs) const;
  bool holds(StateId state, BusyInstances busy, int shape) const;

  const MigLattice* lattice_;
  std::unique_ptr<Graph> graph_;
  std::vector<std::uint32_t> shape_bits_;  // by shape: its placements as bits
};

}  // namespace gpusched
