#include "gpusched/sim/exact/snapshot.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "gpusched/filter/request_filter.hpp"
#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/model/mig_lattice.hpp"

namespace gpusched::sim {

namespace {

constexpr std::int64_t largest_cost_milli = 1'000'000'000'000;  // sums of a million stay below 2^63

Error problem(ErrorCode code, std::string message, std::string remedy = {}) {
  return {.code = code, .message = std::move(message), .file = {}, .line = 0, .remedy = std::move(remedy)};
}

bool is_cost(std::int64_t milli) { return milli >= 0 && milli <= largest_cost_milli; }

bool is_share(const GpuRequest& request) {
  return request.num_gpu > 0 && request.mig_profile.empty() && request.gpu_milli < milli_per_unit;
}

/// A cluster with all the nodes and nothing on them.
Result<ClusterState> empty_cluster(const Snapshot& snapshot) {
  ClusterState state;
  for (const SnapshotNode& node : snapshot.nodes) {
    if (state.find_node(node.spec.name).valid()) {
      return problem(ErrorCode::already_exists, "node '" + node.spec.name + "' occurs twice");
    }
    if (!is_cost(node.price_milli)) {
      return problem(ErrorCode::invalid_argument, "the price of node '" + node.spec.name + "' is out of range");
    }
    for (const GpuSpec& gpu : node.spec.gpus) {
      if (gpu != node.spec.gpus[0]) {
        return problem(ErrorCode::unsupported, "node '" + node.spec.name + "' has GPUs of different memory",
                       "Describe it as one node per size");
      }
    }
    if (Status added = state.apply({0, NodeAdded{node.spec}}); !added) {
      return added.error();
    }
  }
  return state;
}

/// Puts jobs on a cluster, one by one, and looks at everything that a place must be.
class PlanChecker {
 public:
  PlanChecker(const Snapshot& snapshot, ClusterState state) : snapshot_(snapshot), state_(std::move(state)) {}

  Status place(std::uint32_t job, std::uint32_t alternative, const Candidate& placement) {
    const GpuRequest& request = snapshot_.jobs[job].alternatives[alternative].request;
    const RequestClassId kind = state_.intern(request);
    const PodId pod{job};
    Status status = state_.apply({0, PodSubmitted{.pod = pod, .request = kind, .version = 0}});
    if (status.ok()) {
      status = state_.apply({0, Reserved{pod, placement}});
    }
    if (!status) {
      return problem(ErrorCode::invalid_argument, "job '" + snapshot_.jobs[job].id + "': " + status.error().message);
    }
    const Node& node = state_.node(placement.node);
    if (filter_.static_reason(state_, kind, node.state.shape) != RejectReason::none ||
        !serves(request, kind, node, placement)) {
      return problem(ErrorCode::invalid_argument, "job '" + snapshot_.jobs[job].id + "' does not get on node '" +
                                                      node.spec.name + "' what alternative " +
                                                      std::to_string(alternative) + " asks for");
    }
    return count_gpus(job, request, node, placement);
  }

  const std::set<std::pair<std::uint32_t, std::uint16_t>>& gpus_in_use() const { return in_use_; }

 private:
  /// Whether the parts are what the request asks for; that they are free was checked before.
  bool serves(const GpuRequest& request, RequestClassId kind, const Node& node, const Candidate& placement) {
    if (placement.gpus.size() != static_cast<std::size_t>(request.num_gpu)) {
      return false;
    }
    std::set<std::uint16_t> devices;
    for (const GpuAssignment& part : placement.gpus) {
      if (request.mig_profile.empty()) {
        const std::int64_t memory_mib = is_share(request) ? request.gpu_memory_mib : 0;
        if (part.range.size != 0 || part.share_milli != request.gpu_milli || part.memory_mib != memory_mib ||
            !devices.insert(part.gpu).second) {
          return false;
        }
        continue;
      }
      const GpuModelId model = node.spec.gpus[part.gpu].model;
      const ResolvedProfile& profile = filter_.resolve(state_, kind, static_cast<std::uint16_t>(model.value));
      if (part.profile != profile.profile || part.share_milli != 0) {
        return false;
      }
      const MigShape& shape = MigLattice::of(model).shapes()[static_cast<std::size_t>(profile.shape)];
      const auto& starts = shape.starts;
      if (part.range.size != shape.memory_units ||
          std::find(starts.begin(), starts.end(), part.range.start) == starts.end()) {
        return false;
      }
    }
    return true;
  }

  Status count_gpus(std::uint32_t job, const GpuRequest& request, const Node& node, const Candidate& placement) {
    for (const GpuAssignment& part : placement.gpus) {
      const std::pair gpu(placement.node.value, part.gpu);
      in_use_.insert(gpu);
      if (is_share(request)) {
        const SnapshotSharing sharing = sharing_of(request, node.spec.sharing);
        if (sharing_.try_emplace(gpu, sharing).first->second != sharing) {
          return problem(ErrorCode::invalid_argument, "job '" + snapshot_.jobs[job].id + "' shares GPU " +
                                                          std::to_string(part.gpu) + " of node '" + node.spec.name +
                                                          "' otherwise than its neighbours");
        }
      }
    }
    return {};
  }

  const Snapshot& snapshot_;
  ClusterState state_;
  RequestFilter filter_;
  std::set<std::pair<std::uint32_t, std::uint16_t>> in_use_;
  std::map<std::pair<std::uint32_t, std::uint16_t>, SnapshotSharing> sharing_;
};

/// What the model covers of what a request can say.
Status check_request(const GpuRequest& request, const std::string& job) {
  if (request.num_gpu < 0 || request.cpu_milli < 0 || request.memory_mib < 0 || request.gpu_memory_mib < 0 ||
      (request.num_gpu > 0 && (request.gpu_milli < 1 || request.gpu_milli > milli_per_unit))) {
    return problem(ErrorCode::invalid_argument, "job '" + job + "' asks for an amount out of range");
  }
  if (is_share(request) && request.num_gpu > 1) {
    return problem(ErrorCode::unsupported,
                   "job '" + job + "' asks for shares of " + std::to_string(request.num_gpu) + " GPUs",
                   "Give one share per job");
  }
  return {};
}

/// Capped labels (+me) are not part of the model. Every spelling of every model is looked at.
Status check_profiles(const Snapshot& snapshot) {
  std::set<std::string> profiles;
  for (const SnapshotJob& job : snapshot.jobs) {
    for (const SnapshotAlternative& alternative : job.alternatives) {
      profiles.insert(alternative.request.mig_profile);
    }
  }
  for (const std::string& name : profiles) {
    for (std::uint32_t i = 0; i < gpu_catalog().size() && !name.empty(); ++i) {
      const Result<MigProfileId> found = find_mig_profile(GpuModelId{i}, name);
      if (found.ok() && mig_label_bits(gpu_catalog()[i].profiles[found.value().value]) != 0) {
        return problem(ErrorCode::unsupported, "a job asks for " + name + ", of which a GPU has one at most",
                       "The exact model knows no capped labels: name the profile without +me");
      }
    }
  }
  return {};
}

Status check_job(const SnapshotJob& job) {
  if (job.alternatives.empty()) {
    return problem(ErrorCode::invalid_argument, "job '" + job.id + "' has no alternative");
  }
  if (!is_cost(job.reject_cost_milli)) {
    return problem(ErrorCode::invalid_argument, "the cost of rejecting job '" + job.id + "' is out of range");
  }
  for (const SnapshotAlternative& alternative : job.alternatives) {
    if (!is_cost(alternative.penalty_milli)) {
      return problem(ErrorCode::invalid_argument, "a penalty of job '" + job.id + "' is out of range");
    }
    if (Status covered = check_request(alternative.request, job.id); !covered) {
      return covered;
    }
  }
  if (job.residence &&
      (job.residence->alternative >= job.alternatives.size() || !is_cost(job.residence->move_cost_milli))) {
    return problem(ErrorCode::invalid_argument,
                   "job '" + job.id + "' runs in an alternative that it does not have, or its move costs too much");
  }
  return {};
}

}  // namespace

SnapshotSharing sharing_of(const GpuRequest& request, NodeSharing node) {
  const bool mps = node == NodeSharing::mps || (node != NodeSharing::time_slice && request.mode == SharingMode::mps);
  return mps ? SnapshotSharing::mps : SnapshotSharing::time_slice;
}

Status check_snapshot(const Snapshot& snapshot) {
  if (Status covered = check_profiles(snapshot); !covered) {
    return covered;
  }
  std::set<std::string> ids;
  for (const SnapshotJob& job : snapshot.jobs) {
    if (!ids.insert(job.id).second) {
      return problem(ErrorCode::already_exists, "job '" + job.id + "' occurs twice");
    }
    if (Status good = check_job(job); !good) {
      return good;
    }
  }
  Result<ClusterState> empty = empty_cluster(snapshot);
  if (!empty) {
    return empty.error();
  }
  PlanChecker checker(snapshot, std::move(empty).value());
  for (std::uint32_t i = 0; i < snapshot.jobs.size(); ++i) {
    if (const auto& residence = snapshot.jobs[i].residence) {
      if (Status placed = checker.place(i, residence->alternative, residence->placement); !placed) {
        return placed;
      }
    }
  }
  return {};
}

Result<SnapshotCost> check_plan(const Snapshot& snapshot, const SnapshotPlan& plan) {
  if (plan.choices.size() != snapshot.jobs.size()) {
    return problem(ErrorCode::invalid_argument, "the plan is for " + std::to_string(plan.choices.size()) +
                                                    " jobs, there are " + std::to_string(snapshot.jobs.size()));
  }
  PlanChecker checker(snapshot, std::move(empty_cluster(snapshot)).value());
  SnapshotCost cost;
  for (std::uint32_t i = 0; i < snapshot.jobs.size(); ++i) {
    const SnapshotJob& job = snapshot.jobs[i];
    const SnapshotPlan::Choice& choice = plan.choices[i];
    const bool runs = choice.alternative != SnapshotPlan::rejected;
    if (runs && static_cast<std::size_t>(choice.alternative) >= job.alternatives.size()) {
      return problem(ErrorCode::invalid_argument, "job '" + job.id + "' has no such alternative");
    }
    const auto alternative = static_cast<std::uint32_t>(choice.alternative);
    if (job.residence) {
      const bool stays =
          runs && alternative == job.residence->alternative && choice.placement == job.residence->placement;
      if (!stays && job.residence->pinned) {
        return problem(ErrorCode::invalid_argument, "job '" + job.id + "' is pinned, but does not stay");
      }
      cost.moves_milli += stays ? 0 : job.residence->move_cost_milli;
      cost.moved += runs && !stays ? 1 : 0;
    }
    if (!runs) {
      cost.rejections_milli += job.reject_cost_milli;
      ++cost.rejected;
      continue;
    }
    if (Status placed = checker.place(i, alternative, choice.placement); !placed) {
      return placed.error();
    }
    cost.penalties_milli += job.alternatives[alternative].penalty_milli;
  }
  for (const auto& [node, gpu] : checker.gpus_in_use()) {
    cost.gpus_milli += snapshot.nodes[node].price_milli;
    ++cost.gpus;
  }
  return cost;
}

SnapshotPlan plan_of_residents(const Snapshot& snapshot) {
  SnapshotPlan plan;
  for (const SnapshotJob& job : snapshot.jobs) {
    plan.choices.push_back(job.residence ? SnapshotPlan::Choice{static_cast<std::int32_t>(job.residence->alternative),
                                                                job.residence->placement}
                                         : SnapshotPlan::Choice{});
  }
  return plan;
}

}  // namespace gpusched::sim
