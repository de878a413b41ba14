#pragma once

#include <cstdint>

#include "gpusched/engine/engine.hpp"

namespace gpusched {

/// What of a GPU a pod may be moved from.
enum class Movable : std::uint8_t {
  asked_for_instances,  ///< MIG instances that were asked for by profile
  instances,            ///< also those that a choice of mode made
  any_part,             ///< also shares and whole GPUs
};

/// Whether a pod may be moved now, whatever it is moved for: see Engine::may_move. Nobody is moved from an instance
/// whose tenants take turns.
bool pod_may_move(const ClusterState& state, const ReshapeOptions& options, Movable movable, PodId pod, TimeNs now);

}  // namespace gpusched
