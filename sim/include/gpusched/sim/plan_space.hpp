#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "gpusched/base/result.hpp"
#include "gpusched/sim/planner.hpp"

namespace gpusched::sim {

/// What is to be searched, as people write it; docs/plan.md.
struct PlanQuery {
  std::string shapes;                           ///< of a node, "MODEL xGPUS" or MODEL:GPUS[@SHARING], joined by commas
  std::string nodes = "1..64";                  ///< LO..HI, or one number
  std::vector<std::string> search = {"nodes"};  ///< what may vary: nodes, model, policy, sharing, layout
  std::vector<std::string> models;              ///< GPU models to search; empty: the shapes', or all with a price
  std::vector<std::string> policies;            ///< POLICY[:NAME=VALUE,...]; empty: what suits `search`
  std::map<std::string, double> prices;         ///< of a GPU-hour by catalogue name; empty: GPUs are counted
};

/// Clusters that differ in the number of nodes alone: one policy on nodes of one shape.
struct ClusterKind {
  std::string model;
  int gpus_per_node = 0;
  std::string sharing;  ///< with its '@', or empty
  std::string policy;
  double gpu_price = 0;  ///< per hour

  std::string name() const;                       ///< "fgd on H100-80GB-SXM5:8"
  std::string cluster(std::int64_t nodes) const;  ///< a cluster shorthand
};

/// What a query asks to search.
struct PlanSpace {
  std::vector<ClusterKind> kinds;
  std::int64_t least_nodes = 1, most_nodes = 1;
  bool priced = false;  ///< else costs count GPUs

  std::vector<PlanKind> planner_kinds() const;
};

/// The kinds of a query. `has_profiles`: of the trace; it decides on the policy where none is named.
/// invalid_argument or not_found name what is wrong with the query, and what to write instead.
Result<PlanSpace> plan_space(const PlanQuery& query, bool has_profiles);
/// One cluster of those, to read a trace with.
Result<std::string> any_cluster(const PlanQuery& query);

}  // namespace gpusched::sim
