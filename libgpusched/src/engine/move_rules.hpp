#pragma once

#include "gpusched/engine/engine.hpp"

namespace gpusched {

/// Whether a pod may be moved now, whatever it is moved for: see Engine::may_move. `chosen_too`: also from an instance
/// that a choice of mode gave it.
bool pod_may_move(const ClusterState& state, const ReshapeOptions& options, bool chosen_too, PodId pod, TimeNs now);

}  // namespace gpusched
