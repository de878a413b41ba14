#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <vector>

#include "gpusched/filter/request_filter.hpp"
#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/sim/exact/snapshot.hpp"

namespace gpusched::sim::test {

/// The least cost of a snapshot by trying every place for every job. It knows nothing of classes, groups or rows: jobs
/// one by one, GPUs one by one, every start of every profile.
class SnapshotBruteForce {
 public:
  explicit SnapshotBruteForce(const Snapshot& snapshot) : snapshot_(snapshot) {
    for (const SnapshotNode& node : snapshot.nodes) {
      if (!state_.apply({0, NodeAdded{node.spec}}).ok()) {
        throw std::runtime_error("bad node");
      }
      in_use_.emplace_back(node.spec.gpus.size(), 0);
      sharing_.emplace_back(node.spec.gpus.size(), SnapshotSharing::time_slice);
    }
  }

  std::int64_t least_cost_milli() {
    try_job(0, 0);
    return best_;
  }

 private:
  /// The order of the parts does not matter.
  static bool same_parts(const Candidate& a, const Candidate& b) {
    return a.node == b.node && a.gpus.size() == b.gpus.size() &&
           std::is_permutation(a.gpus.begin(), a.gpus.end(), b.gpus.begin());
  }

  void try_job(std::uint32_t index, std::int64_t cost_milli) {
    if (cost_milli >= best_) {
      return;  // costs only grow
    }
    if (index == snapshot_.jobs.size()) {
      best_ = cost_milli;
      return;
    }
    const SnapshotJob& job = snapshot_.jobs[index];
    const std::int64_t leaving = job.residence ? job.residence->move_cost_milli : 0;
    const bool pinned = job.residence && job.residence->pinned;
    for (std::uint32_t a = 0; a < job.alternatives.size(); ++a) {
      for (std::uint32_t node = 0; node < snapshot_.nodes.size(); ++node) {
        Candidate place;
        place.node = NodeId{node};
        try_parts(index, a, place, 0, 0, [&](const Candidate& candidate) {
          const bool stays =
              job.residence && job.residence->alternative == a && same_parts(job.residence->placement, candidate);
          if (!pinned || stays) {
            put(index, a, candidate, cost_milli + job.alternatives[a].penalty_milli + (stays ? 0 : leaving));
          }
        });
      }
    }
    if (!pinned) {
      try_job(index + 1, cost_milli + job.reject_cost_milli + leaving);
    }
  }

  /// Every way to choose the parts of a job on a node, the order of its parts apart; a resident's own parts in theirs.
  template <typename Visit>
  void try_parts(std::uint32_t job, std::uint32_t a, const Candidate& place, std::uint16_t gpu, int start,
                 const Visit& visit) {
    const GpuRequest& request = snapshot_.jobs[job].alternatives[a].request;
    if (place.gpus.size() == static_cast<std::size_t>(request.num_gpu)) {
      visit(place);
      return;
    }
    const NodeSpec& spec = snapshot_.nodes[place.node.value].spec;
    for (; gpu < spec.gpus.size(); ++gpu, start = 0) {
      if (request.mig_profile.empty()) {
        GpuAssignment part;
        part.gpu = gpu;
        part.share_milli = static_cast<std::uint16_t>(request.gpu_milli);
        part.memory_mib = request.gpu_milli < 1000 ? static_cast<std::int32_t>(request.gpu_memory_mib) : 0;
        Candidate more = place;
        more.gpus.push_back(part);
        try_parts(job, a, more, static_cast<std::uint16_t>(gpu + 1), 0, visit);
        continue;
      }
      const Result<MigProfileId> profile = find_mig_profile(spec.gpus[gpu].model, request.mig_profile);
      if (!profile) {
        return;
      }
      const MigProfile& row = gpu_model(spec.gpus[gpu].model).profiles[profile.value().value];
      for (const std::int16_t at : row.starts) {
        if (at < start) {
          continue;
        }
        GpuAssignment part;
        part.gpu = gpu;
        part.profile = profile.value();
        part.range = {at, static_cast<std::int16_t>(row.memory_units)};
        Candidate more = place;
        more.gpus.push_back(part);
        try_parts(job, a, more, gpu, at + row.memory_units, visit);
      }
    }
  }

  void put(std::uint32_t index, std::uint32_t a, const Candidate& place, std::int64_t cost_milli) {
    const GpuRequest& request = snapshot_.jobs[index].alternatives[a].request;
    const RequestClassId kind = state_.intern(request);
    const NodeSpec& spec = snapshot_.nodes[place.node.value].spec;
    if (filter_.static_reason(state_, kind, state_.node(place.node).state.shape) != RejectReason::none) {
      return;
    }
    const bool share = request.num_gpu == 1 && request.mig_profile.empty() && request.gpu_milli < 1000;
    const SnapshotSharing sharing = sharing_of(request, spec.sharing);
    auto& in_use = in_use_[place.node.value];
    auto& kinds = sharing_[place.node.value];
    if (share && in_use[place.gpus[0].gpu] > 0 && kinds[place.gpus[0].gpu] != sharing) {
      return;
    }
    const PodId pod{index};
    if (!state_.apply({0, PodSubmitted{.pod = pod, .request = kind, .version = 0}}).ok()) {
      return;
    }
    if (state_.apply({0, Reserved{pod, place}}).ok()) {
      const auto kinds_before = kinds;
      for (const GpuAssignment& part : place.gpus) {
        cost_milli += in_use[part.gpu]++ == 0 ? snapshot_.nodes[place.node.value].price_milli : 0;
        kinds[part.gpu] = sharing;
      }
      try_job(index + 1, cost_milli);
      for (const GpuAssignment& part : place.gpus) {
        --in_use[part.gpu];
      }
      kinds = kinds_before;
    }
    if (!state_.apply({0, PodFinished{.pod = pod, .version = 0}}).ok()) {
      throw std::runtime_error("cannot take back");
    }
  }

  const Snapshot& snapshot_;
  ClusterState state_;
  RequestFilter filter_;
  std::vector<std::vector<int>> in_use_;               // by node and GPU: parts
  std::vector<std::vector<SnapshotSharing>> sharing_;  // by node and GPU
  std::int64_t best_ = std::numeric_limits<std::int64_t>::max();
};

}  // namespace gpusched::sim::test
