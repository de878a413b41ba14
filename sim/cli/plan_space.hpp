#pragma once

#include <string>
#include <vector>

#include "gpusched/sim/planner.hpp"

#include "arguments.hpp"
#include "replay_inputs.hpp"

namespace gpusched::cli {

/// Clusters that differ in the number of nodes alone: one policy on nodes of one shape.
struct ClusterKind {
  std::string model;
  int gpus_per_node = 0;
  std::string sharing;  ///< with its '@', or empty
  std::string policy;
  double gpu_price = 0;  ///< per hour

  std::string name() const;                       ///< "fgd on H100-80GB-SXM5:8"
  std::string cluster(std::int64_t nodes) const;  ///< as --cluster takes it
};

/// What the arguments ask to search.
struct PlanSpace {
  std::vector<ClusterKind> kinds;
  std::int64_t least_nodes = 1, most_nodes = 1;
  bool priced = false;  ///< else costs count GPUs

  std::vector<sim::PlanKind> planner_kinds() const;
};

Result<PlanSpace> plan_space(const PlanArguments& arguments, bool has_profiles);
/// One cluster of those, to read the trace with.
Result<std::string> any_cluster(const PlanArguments& arguments);

}  // namespace gpusched::cli
