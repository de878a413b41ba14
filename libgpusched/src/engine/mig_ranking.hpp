#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "gpusched/cluster/cluster_state.hpp"
#include "gpusched/filter/request_filter.hpp"
#include "gpusched/policy/placement_policy.hpp"

namespace gpusched {

/// The classes of MIG GPUs in the order in which one kind of request prefers them. A decision takes the first class
/// that has a member, so it does not look at GPUs one by one.
class MigRanking {
 public:
  struct Entry {
    std::int64_t cost = 0;
    std::int32_t tie = 0;
    std::int32_t bucket = 0;  ///< of the GpuIndex
    std::int16_t start = 0;   ///< where the instance goes
  };

  /// Rebuilds the order when buckets were added or nodes came. `preferences` is by GpuModelId.
  void update(const ClusterState& state, const GpuIndex& index, RequestFilter& filter, RequestClassId request,
              const std::vector<std::optional<MigPreference>>& preferences);

  const std::vector<Entry>& entries() const { return entries_; }
  /// True when some node shape refuses the request for good, so that members must be checked one by one.
  bool some_shapes_refuse() const { return some_shapes_refuse_; }

 private:
  std::vector<Entry> entries_;  // by (cost, tie)
  std::size_t buckets_seen_ = 0;
  std::uint64_t topology_version_ = ~std::uint64_t{0};
  bool some_shapes_refuse_ = false;
};

}  // namespace gpusched
