#pragma once

#include <cstdint>
#include <vector>

#include "gpusched/cluster/node_state.hpp"
#include "gpusched/score/demand_mix.hpp"

namespace gpusched {

/// FGD's fragmentation of a node against a target mix: the milli-GPU that a random request of the mix cannot use.
/// f(m) = all free GPU where m does not fit (CPU, model, shares) or asks for no GPU; else the free GPU on devices too
/// small for m. Exact integers: values are sums of (class weight x milli-GPU); divide by total_weight() for milli-GPU.
/// Source: Weng et al., USENIX ATC'23; docs/policies/fgd.md.
class FragmentationModel {
 public:
  explicit FragmentationModel(const DemandMix& mix);

  /// Sum over the classes of weight x f. Shape: one node. Cost: O(distinct shares x GPUs).
  std::int64_t weighted_fragment(const NodeState& node) const;
  std::int64_t total_weight() const { return total_weight_; }
  /// How many of the distinct CPU requests of the mix fit into the free CPU. Nodes that agree in this, in the GPU model
  /// and in the shares free on their GPUs are equally fragmented, to the last bit.
  std::int32_t cpu_step(std::int64_t cpu_free_milli) const;
  /// The same in milli-GPU, summed in the published simulator's order of double additions: its scores are cut to
  /// integers, and where fragmentation does not change the last bit of this sum decides between 49 and 50.
  double fragment_as_published(const NodeState& node) const;

 private:
  struct OrderedClass {  // of the mix, in its order
    std::int64_t cpu_milli = 0;
    std::int32_t group = -1;  // into groups_; -1 = CPU only
    double frequency = 0;
  };
  struct ShareGroup {  // classes that differ in CPU only
    std::int32_t num_gpu = 0;
    std::int32_t gpu_milli = 0;
    std::vector<char> model_allowed;  // by GpuModelId; empty = any
    std::int64_t weight = 0;
    std::vector<std::int64_t> weight_within;  // [i]: classes whose CPU is at most cpu_steps_[i - 1]; [0] = 0
  };

  std::vector<std::int64_t> cpu_steps_;  // distinct CPU requests, ascending
  std::vector<ShareGroup> groups_;
  std::vector<OrderedClass> classes_;
  std::int64_t cpu_only_weight_ = 0;
  std::int64_t total_weight_ = 0;
};

}  // namespace gpusched
