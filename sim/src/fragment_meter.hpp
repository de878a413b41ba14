#pragma once

#include <cstdint>
#include <vector>

#include "gpusched/cluster/cluster_state.hpp"
#include "gpusched/score/fragmentation.hpp"

namespace gpusched::sim {

/// Fragmentation of the whole cluster, kept up to date node by node: after a change only that node is valued anew.
class FragmentMeter {
 public:
  explicit FragmentMeter(const DemandMix& target, int percent);

  /// Values every node; call after nodes came or went.
  void reset(const ClusterState& state);
  /// Values one node anew.
  void update(const ClusterState& state, NodeId node);

  std::int64_t weighted_fragment() const { return weighted_fragment_; }
  std::int64_t weight() const { return model_.total_weight() > 0 ? model_.total_weight() : 1; }
  /// Free milli-GPU of the nodes that take shares and whole requests.
  std::int64_t free_gpu_milli() const { return free_gpu_milli_; }
  std::int64_t total_gpu_milli() const { return total_gpu_milli_; }
  /// Expected free placement units that the mix cannot use.
  double unusable_slices() const;

 private:
  struct NodeValue {
    std::int64_t fragment = 0;
    std::int64_t free_milli = 0;
    std::int64_t unusable = 0;
  };
  const std::vector<std::int64_t>& unusable_table(std::uint16_t model);

  FragmentationModel model_;
  const DemandMix& target_;
  std::vector<NodeValue> values_;
  std::vector<std::vector<std::int64_t>> unusable_;  // by model, then occupancy; weight x units
  std::vector<std::int64_t> mig_weight_;             // by model
  std::int64_t weighted_fragment_ = 0;
  std::int64_t free_gpu_milli_ = 0;
  std::int64_t total_gpu_milli_ = 0;
  std::vector<std::int64_t> unusable_sum_;  // by model
};

}  // namespace gpusched::sim
