#pragma once

#include <span>

#include "gpusched/reshape/lattice_graph.hpp"
#include "gpusched/reshape/reshape_plan.hpp"
#include "gpusched/reshape/reshape_planner.hpp"

namespace gpusched::reshape {

/// The way of one GPU through its lattice; from the empty state where its MIG mode is off.
struct GpuPath {
  MigLattice::StateId from = 0;
  BusyInstances busy;
  LatticePath way;
};

/// The steps that take the GPU along its way, by the options' actuation.
ReshapePlan make_plan(std::span<const GpuLayout> node_gpus, std::size_t gpu, const GpuPath& path,
                      const ReshapePlanOptions& options);

/// Whether two states have the same instances, wherever they are.
bool same_counts(const MigLattice& lattice, MigLattice::StateId a, MigLattice::StateId b);

}  // namespace gpusched::reshape
