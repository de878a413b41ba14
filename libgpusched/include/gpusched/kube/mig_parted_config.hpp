#pragma once

#include <span>
#include <string>
#include <vector>

#include "gpusched/base/result.hpp"
#include "gpusched/reshape/reshape_plan.hpp"

namespace gpusched {

/// One label to set on a node, and the state to wait for before the next step.
struct NodeLabelStep {
  std::string node;
  std::string label;       ///< nvidia.com/mig.config
  std::string value;       ///< name of a configuration
  std::string wait_label;  ///< nvidia.com/mig.config.state
  std::string wait_value;  ///< success; failed ends the plan, and it may stay pending: use a timeout

  friend bool operator==(const NodeLabelStep&, const NodeLabelStep&) = default;
};

/// A plan in the words of NVIDIA's MIG manager.
struct MigPartedChange {
  std::string config_yaml;           ///< a mig-parted file with the new and the old geometry of every node
  std::vector<NodeLabelStep> apply;  ///< one per node
  std::vector<NodeLabelStep> undo;
};

/// Writes a plan as mig-parted configuration and label steps; `node_names` by NodeId. A configuration counts instances:
/// their places are the driver's choice. MIG manager neither cordons a node nor evicts a pod: stop and start pods as
/// the plan's steps say. unsupported: a plan of single instances, which mig-parted cannot carry out. Source: mig-parted
/// README and deployments, gpu-operator-mig.rst.
Result<MigPartedChange> mig_parted_change(const ReshapePlan& plan, std::span<const std::string> node_names);

}  // namespace gpusched
