#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gpusched/base/result.hpp"
#include "gpusched/extender/cluster_view.hpp"

namespace gpusched::extender {

/// What a snapshot held.
struct SnapshotReport {
  std::int64_t nodes = 0, pods = 0, skipped = 0;
  std::vector<std::string> problems;  ///< the first few
  std::vector<PodObject> pending;     ///< GPU pods without a node, in order
};

/// Feeds a view with a cluster as `kubectl get nodes,pods -A -o json` prints it (a List, or one object). data_loss for
/// what is no JSON, invalid_argument for what is no list of Kubernetes objects; objects that cannot be read are
/// skipped and counted.
Result<SnapshotReport> read_snapshot(std::string_view json, const std::string& file, ClusterView& view);

}  // namespace gpusched::extender
