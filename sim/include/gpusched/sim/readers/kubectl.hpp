#pragma once

#include <string>
#include <string_view>

#include "gpusched/base/result.hpp"
#include "gpusched/sim/readers/trace_formats.hpp"

namespace gpusched::sim {

/// Adds a cluster as `kubectl get nodes,pods -A -o json` prints it: nodes, down and drain events at time 0 for nodes
/// that are not ready or unschedulable, running pods as jobs submitted at 0, pending pods as jobs submitted at their
/// creation.
Status read_kubectl(std::string_view text, const std::string& file, ReadOutcome& outcome);

}  // namespace gpusched::sim
