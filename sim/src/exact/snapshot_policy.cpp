#include "gpusched/sim/exact/snapshot_policy.hpp"

#include <algorithm>
#include <numeric>
#include <optional>
#include <vector>

#include "gpusched/engine/engine.hpp"
#include "gpusched/model/gpu_catalog.hpp"

namespace gpusched::sim {

namespace {

/// Thousandths of a GPU that a request takes on a model; nullopt where the model cannot serve it.
std::optional<std::int64_t> size_on(const GpuRequest& request, GpuModelId model) {
  if (request.mig_profile.empty()) {
    return std::int64_t{request.num_gpu} * request.gpu_milli;
  }
  const Result<MigProfileId> profile = find_mig_profile(model, request.mig_profile);
  if (!profile) {
    return std::nullopt;
  }
  const GpuModel& row = gpu_model(model);
  return request.num_gpu * milli_per_unit * row.profiles[profile.value().value].memory_units / row.placement_units;
}

std::int64_t size_of(const SnapshotJob& job, const Snapshot& snapshot) {
  for (const SnapshotAlternative& alternative : job.alternatives) {
    for (const SnapshotNode& node : snapshot.nodes) {
      if (node.spec.gpus.empty()) {
        continue;
      }
      if (const auto size = size_on(alternative.request, node.spec.gpus[0].model)) {
        return *size;
      }
    }
  }
  return 0;
}

/// What the policy may expect: the first alternatives of all jobs.
DemandMix expected_mix(const Snapshot& snapshot) {
  DemandMix mix;
  RequestClassTable seen;
  for (const SnapshotJob& job : snapshot.jobs) {
    const std::uint32_t index = seen.intern(job.alternatives[0].request);
    if (index == mix.classes.size()) {
      mix.classes.push_back({.request = job.alternatives[0].request, .count = 0});
    }
    ++mix.classes[index].count;
  }
  return mix;
}

/// An engine that fills a snapshot job by job.
class PolicyPlanner {
 public:
  PolicyPlanner(const Snapshot& snapshot, Engine engine)
      : snapshot_(snapshot), engine_(std::move(engine)), plan_(plan_of_residents(snapshot)) {
    for (const SnapshotNode& node : snapshot.nodes) {
      observe(NodeAdded{node.spec});
      gpus_.emplace_back(node.spec.gpus.size());
      all_nodes_.push_back(NodeId{static_cast<std::uint32_t>(all_nodes_.size())});
    }
    for (std::uint32_t job = 0; job < snapshot.jobs.size(); ++job) {
      if (const auto& residence = snapshot.jobs[job].residence) {
        submit(job, residence->alternative);
        observe(PodBound{.pod = PodId{job}, .placement = residence->placement, .version = 0});
        observe(PodStarted{.pod = PodId{job}, .version = 0});
        use_gpus(request_of(job, residence->alternative), residence->placement);
      }
    }
  }

  void place(std::uint32_t job) {
    std::optional<Offer> best;
    for (std::uint32_t a = 0; a < snapshot_.jobs[job].alternatives.size(); ++a) {
      const std::optional<Offer> offer = offer_of(job, a);
      if (offer && (!best || offer->cost_milli < best->cost_milli)) {
        best = offer;
      }
    }
    if (!best) {
      return;
    }
    submit(job, best->alternative);
    std::vector<Action> actions;
    const Status committed = engine_.commit(PodId{job}, best->decision, 0, actions);
    GPUSCHED_CHECK(committed.ok(), committed.error().message);
    const Candidate& placement = *candidate_of(best->decision);
    use_gpus(request_of(job, best->alternative), placement);
    plan_.choices[job] = {static_cast<std::int32_t>(best->alternative), placement};
  }

  SnapshotPlan take_plan() { return std::move(plan_); }

 private:
  struct Offer {
    std::uint32_t alternative = 0;
    Decision decision;
    std::int64_t cost_milli = 0;
  };
  struct GpuUse {
    bool in_use = false;
    std::optional<SnapshotSharing> sharing;
  };

  const GpuRequest& request_of(std::uint32_t job, std::uint32_t alternative) const {
    return snapshot_.jobs[job].alternatives[alternative].request;
  }
  void observe(decltype(Event::what) what) {
    const Status applied = engine_.observe({0, std::move(what)});
    GPUSCHED_CHECK(applied.ok(), applied.error().message);
  }
  void submit(std::uint32_t job, std::uint32_t alternative) {
    observe(PodSubmitted{.pod = PodId{job}, .request = engine_.intern(request_of(job, alternative)), .version = 0});
  }

  std::optional<SnapshotSharing> sharing_on(const GpuRequest& request, NodeId node) const {
    const bool share = request.num_gpu > 0 && request.mig_profile.empty() && request.gpu_milli < milli_per_unit;
    return share ? std::optional(sharing_of(request, snapshot_.nodes[node.value].spec.sharing)) : std::nullopt;
  }

  void use_gpus(const GpuRequest& request, const Candidate& placement) {
    for (const GpuAssignment& part : placement.gpus) {
      gpus_[placement.node.value][part.gpu] = {true, sharing_on(request, placement.node)};
    }
  }

  /// The place that the policy gives an alternative. The engine does not know how a device is shared: a node where it
  /// would mix time slices and MPS is not offered to it again.
  std::optional<Offer> offer_of(std::uint32_t job, std::uint32_t alternative) {
    const GpuRequest& request = request_of(job, alternative);
    const RequestClassId kind = engine_.intern(request);
    std::vector<NodeId> scope = all_nodes_;
    for (;;) {
      Decision decision = engine_.decide(kind, 0, scope);
      const Candidate* const place = candidate_of(decision);
      if (place == nullptr) {
        return std::nullopt;
      }
      std::int64_t cost_milli = snapshot_.jobs[job].alternatives[alternative].penalty_milli;
      bool mixes = false;
      const auto sharing = sharing_on(request, place->node);
      std::vector<std::uint16_t> opened;
      for (const GpuAssignment& part : place->gpus) {
        const GpuUse& gpu = gpus_[place->node.value][part.gpu];
        mixes |= gpu.in_use && sharing && gpu.sharing != sharing;
        if (!gpu.in_use && std::find(opened.begin(), opened.end(), part.gpu) == opened.end()) {
          opened.push_back(part.gpu);
          cost_milli += snapshot_.nodes[place->node.value].price_milli;
        }
      }
      if (!mixes) {
        return Offer{alternative, std::move(decision), cost_milli};
      }
      scope.erase(std::find(scope.begin(), scope.end(), place->node));
    }
  }

  const Snapshot& snapshot_;
  Engine engine_;
  SnapshotPlan plan_;
  std::vector<std::vector<GpuUse>> gpus_;  // by node
  std::vector<NodeId> all_nodes_;
};

}  // namespace

Result<SnapshotOrder> find_snapshot_order(std::string_view text) {
  if (text == "arrival" || text == "size") {
    return text == "size" ? SnapshotOrder::decreasing_size : SnapshotOrder::arrival;
  }
  return Error{.code = ErrorCode::not_found,
               .message = "no order is called '" + std::string(text) + "'",
               .file = {},
               .line = 0,
               .remedy = "Known: arrival, size"};
}

Result<SnapshotPlan> plan_by_policy(const Snapshot& snapshot, const PolicyChoice& policy, SnapshotOrder order,
                                    std::uint64_t seed) {
  Result<Engine> engine =
      Engine::create({.policy = policy, .seed = seed, .target = expected_mix(snapshot), .preemption = false});
  if (!engine) {
    return engine.error();
  }
  std::vector<std::uint32_t> jobs(snapshot.jobs.size());
  std::iota(jobs.begin(), jobs.end(), 0U);
  if (order == SnapshotOrder::decreasing_size) {
    std::stable_sort(jobs.begin(), jobs.end(), [&](std::uint32_t a, std::uint32_t b) {
      return size_of(snapshot.jobs[a], snapshot) > size_of(snapshot.jobs[b], snapshot);
    });
  }
  PolicyPlanner planner(snapshot, std::move(engine).value());
  for (const std::uint32_t job : jobs) {
    if (!snapshot.jobs[job].residence) {
      planner.place(job);
    }
  }
  return planner.take_plan();
}

}  // namespace gpusched::sim
