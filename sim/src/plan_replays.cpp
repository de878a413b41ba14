#include "gpusched/sim/plan_replays.hpp"

#include "gpusched/sim/cluster_builder.hpp"
#include "gpusched/sim/comparison.hpp"
#include "gpusched/sim/compat.hpp"
#include "gpusched/sim/plan_metrics.hpp"
#include "gpusched/sim/plan_workload.hpp"

namespace gpusched::sim {

Result<std::vector<double>> run_plan_candidate(const PlanSpace& space, const PlanWorkload& workload,
                                               const PlanCandidate& candidate, std::uint64_t seed) {
  const ClusterKind& kind = space.kinds[candidate.kind];
  Result<Trace> jobs = workload.generate ? workload.generate(seed) : Result<Trace>(workload.recorded);
  if (!jobs) {
    return jobs.error();
  }
  Trace& trace = jobs.value();
  Result<std::vector<TraceNode>> nodes = parse_cluster_shorthand(kind.cluster(candidate.size));
  if (!nodes) {
    return nodes.error();
  }
  trace.nodes = std::move(nodes).value();
  SimulationOptions options = workload.options;
  options.seed = seed;
  if (!workload.generate) {
    shuffle_nodes(options, trace.nodes.size());
  }
  Result<PolicyChoice> policy = choose_policy(kind.policy, workload.compat);
  if (!policy) {
    return policy.error();
  }
  drop_node_labels(trace);
  if (!options.target.classes.empty()) {
    options.target = demand_of(trace);
  }
  options.policy = std::move(policy).value();
  if (workload.scale != 1) {
    scale_load(trace, workload.scale, seed);
  }
  const Result<SimulationResult> result = simulate(trace, options);
  return result ? Result<std::vector<double>>(plan_values(trace, result.value())) : result.error();
}

}  // namespace gpusched::sim
