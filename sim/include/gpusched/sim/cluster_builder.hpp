#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "gpusched/base/result.hpp"
#include "gpusched/cluster/node_spec.hpp"
#include "gpusched/score/demand_mix.hpp"
#include "gpusched/sim/trace.hpp"

namespace gpusched::sim {

/// CPU and memory that the shorthand gives a node for each GPU: about what vendors' 8-GPU servers have.
inline constexpr std::int64_t shorthand_cpu_milli_per_gpu = 28'000;
inline constexpr std::int64_t shorthand_memory_mib_per_gpu = 262'144;

/// Nodes from a shorthand such as "16xH100-80GB-SXM5:8" (16 nodes of 8), parts joined by commas. A part may end in
/// "@mig", "@exclusive", "@time_slice" or "@mps".
Result<std::vector<TraceNode>> parse_cluster_shorthand(std::string_view text);

/// The node as the engine wants it; unknown GPU models are errors that list the known names.
Result<NodeSpec> to_node_spec(const TraceNode& node);

/// Gives the nodes of each named GPU model their price per GPU-hour; others keep theirs. The errors of
/// find_gpu_model().
Status set_prices(std::vector<TraceNode>& nodes, const std::map<std::string, double>& price_by_model);

/// How often each distinct request of the trace occurs, replicas counted: the target mix of a policy that knows the
/// list of classes.
DemandMix demand_of(const Trace& trace);

}  // namespace gpusched::sim
