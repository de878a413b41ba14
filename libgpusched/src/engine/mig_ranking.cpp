#include "engine/mig_ranking.hpp"

#include <algorithm>
#include <tuple>

namespace gpusched {

void MigRanking::update(const ClusterState& state, const GpuIndex& index, RequestFilter& filter, RequestClassId request,
                        const std::vector<std::optional<MigPreference>>& preferences) {
  const auto buckets = index.buckets();
  if (buckets.size() == buckets_seen_ && topology_version_ == state.topology_version()) {
    return;
  }
  buckets_seen_ = buckets.size();
  topology_version_ = state.topology_version();
  entries_.clear();
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    const ResolvedProfile& profile = filter.resolve(state, request, buckets[i].model);
    if (!profile.profile.valid() || (profile.needs_empty_gpu && buckets[i].occupancy != 0)) {
      continue;
    }
    const MigPreference::Option& option = preferences[buckets[i].model]->at(profile.shape, buckets[i].occupancy);
    if (option.start >= 0) {
      entries_.push_back(
          {.cost = option.cost, .tie = option.tie, .bucket = static_cast<std::int32_t>(i), .start = option.start});
    }
  }
  std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
    return std::tuple(a.cost, a.tie, a.bucket) < std::tuple(b.cost, b.tie, b.bucket);
  });
  some_shapes_refuse_ = false;
  for (std::uint32_t shape = 0; shape < state.shapes().size(); ++shape) {
    some_shapes_refuse_ |= filter.static_reason(state, request, shape) != RejectReason::none;
  }
}

}  // namespace gpusched
