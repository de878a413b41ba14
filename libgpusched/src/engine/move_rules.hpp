#pragma once

#include "gpusched/engine/engine.hpp"

namespace gpusched {

/// Whether a pod may be moved now, whatever it is moved for: see Engine::may_move.
bool pod_may_move(const ClusterState& state, const ReshapeOptions& options, PodId pod, TimeNs now);

}  // namespace gpusched
