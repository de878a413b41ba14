#include "gpusched/sim/exact/snapshot_recorder.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "gpusched/base/check.hpp"
#include "gpusched/sim/pod_names.hpp"

#include "replay_metrics.hpp"

namespace gpusched::sim {

namespace {

constexpr double least_reject = 2;  // prices of a GPU: above one, or a lone small job would rather not run

Error refusal(std::string message, std::string remedy) {
  return {.code = ErrorCode::unsupported,
          .message = std::move(message),
          .file = {},
          .line = 0,
          .remedy = std::move(remedy)};
}

}  // namespace

SnapshotRecorder::SnapshotRecorder(const Trace& trace, const SimulationOptions& options, TimeNs at_ns)
    : trace_(trace), names_(pod_names(trace, options)), at_ns_(at_ns) {}

void SnapshotRecorder::on_event(const Engine& engine, const Event& event) {
  if (event.time_ns > at_ns_) {
    return;
  }
  Event own = event;
  if (auto* submitted = std::get_if<PodSubmitted>(&own.what)) {
    submitted->request = state_.intern(engine.state().request(submitted->request));
  }
  const Status applied = state_.apply(own);
  GPUSCHED_CHECK(applied.ok(), applied.error().to_string());
}

Result<std::vector<NodeId>> SnapshotRecorder::add_nodes(Snapshot& snapshot) const {
  std::map<std::string, double> prices;
  for (const TraceNode& node : trace_.nodes) {
    prices[node.id] = node.price_per_hour.value_or(1);
  }
  std::vector<NodeId> index(state_.nodes().size());
  for (std::size_t i = 0; i < index.size(); ++i) {
    const Node& node = state_.nodes()[i];
    if (node.removed || (node.health != NodeHealth::ready && node.pods.size() == 0)) {
      continue;
    }
    if (node.health != NodeHealth::ready) {
      return refusal("node '" + node.spec.name + "' is down or draining, and jobs run there",
                     "Take a moment at which all nodes that hold jobs are ready");
    }
    index[i] = NodeId{static_cast<std::uint32_t>(snapshot.nodes.size())};
    snapshot.nodes.push_back({node.spec, std::llround(prices[node.spec.name] * 1000)});
  }
  return index;
}

Result<SnapshotJob> SnapshotRecorder::job_of(std::uint32_t pod, std::span<const NodeId> nodes) const {
  const PodRecord& record = state_.pods()[pod];
  GpuRequest request = state_.request(record.request);
  if (states_intent(request)) {
    if (record.holds_resources() && record.placement.gpus[0].share_milli != milli_per_unit) {
      return refusal("job '" + names_[pod] + "' left its mode open and did not get a whole GPU",
                     "The exact model takes explicit requests; replay under a policy that does not choose modes");
    }
    request.job_class = JobClass::unknown;
    request.job_profile.clear();
    request.max_slowdown = 0;
  }
  SnapshotJob job{.id = names_[pod], .alternatives = {{request, 0}}};
  if (record.holds_resources()) {
    job.residence = SnapshotResidence{.alternative = 0, .placement = record.placement};
    job.residence->placement.node = nodes[record.placement.node.value];
  }
  return job;
}

Result<Snapshot> SnapshotRecorder::snapshot(const SnapshotPricing& pricing) const {
  Snapshot snapshot;
  const Result<std::vector<NodeId>> nodes = add_nodes(snapshot);
  if (!nodes) {
    return nodes.error();
  }
  std::int64_t dearest_milli = 0;
  for (const SnapshotNode& node : snapshot.nodes) {
    dearest_milli = std::max(dearest_milli, node.price_milli);
  }
  const auto cost_milli = [&](double prices) {
    return std::llround(prices * static_cast<double>(std::max<std::int64_t>(dearest_milli, 1)));
  };
  for (std::uint32_t pod = 0; pod < state_.pods().size(); ++pod) {
    if (state_.pods()[pod].phase == PodPhase::absent) {
      continue;
    }
    Result<SnapshotJob> job = job_of(pod, nodes.value());
    if (!job) {
      return job.error();
    }
    const double size = request_size(job.value().alternatives[0].request, trace_);
    job.value().reject_cost_milli = cost_milli(std::max(pricing.reject_per_gpu * size, least_reject));
    if (job.value().residence) {
      job.value().residence->move_cost_milli = cost_milli(pricing.move_per_gpu * size);
    }
    snapshot.jobs.push_back(std::move(job).value());
  }
  return snapshot;
}

}  // namespace gpusched::sim
