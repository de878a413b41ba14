#include "replay_metrics.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "gpusched/model/gpu_catalog.hpp"

namespace gpusched::sim {

namespace {

constexpr std::size_t timeline_rows = 1000;

double seconds(TimeNs ns) { return static_cast<double>(ns) / static_cast<double>(ns_per_s); }

/// Nearest-rank quantile of sorted values; 0 for none.
double quantile(const std::vector<double>& sorted, double q) {
  if (sorted.empty()) {
    return 0;
  }
  const auto rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(sorted.size())));
  return sorted[std::min(sorted.size() - 1, rank > 0 ? rank - 1 : 0)];
}

double ratio(double part, double whole) { return whole > 0 ? part / whole : 0; }

}  // namespace

double allocated_fraction(const ClusterState& state) {
  // One model per MIG node, so units over total units is the fraction of those nodes' GPUs.
  double gpus = static_cast<double>(state.used_gpu_milli()) / 1000.0;
  if (state.used_mig_units() > 0) {
    gpus += static_cast<double>(state.used_mig_units()) *
            ratio(static_cast<double>(state.mig_gpus()), static_cast<double>(state.total_mig_units()));
  }
  return ratio(gpus, static_cast<double>(state.total_gpus()));
}

std::string kind_name(const GpuRequest& request) {
  if (!request.mig_profile.empty()) {
    return request.mig_profile;
  }
  if (request.num_gpu == 0) {
    return "cpu";
  }
  return request.gpu_milli < milli_per_unit ? "share" : std::to_string(request.num_gpu);
}

double request_size(const GpuRequest& request, const Trace& trace) {
  if (request.mig_profile.empty()) {
    return static_cast<double>(request.num_gpu) * request.gpu_milli / 1000.0;
  }
  // One name is another share of another model: the first model of this cluster that has the profile counts.
  const std::string* last_seen = nullptr;
  for (const TraceNode& node : trace.nodes) {
    if (last_seen != nullptr && *last_seen == node.gpu_model) {
      continue;
    }
    last_seen = &node.gpu_model;
    const Result<GpuModelId> model = find_gpu_model(node.gpu_model);
    if (!model || !gpu_model(model.value()).has_lattice()) {
      continue;
    }
    const Result<MigProfileId> profile = find_mig_profile(model.value(), request.mig_profile);
    if (profile.ok()) {
      return static_cast<double>(request.num_gpu) *
             gpu_model(model.value()).profiles[profile.value().value].memory_units /
             gpu_model(model.value()).placement_units;
    }
  }
  return request.num_gpu;
}

ReplayMetrics::ReplayMetrics(const Trace& trace, const SimulationOptions& options)
    : trace_(trace), counts_(trace.specs.size()) {
  TimeNs last = 1;
  for (const TraceJob& job : trace.jobs) {
    last = std::max(last, job.submit_ns);
  }
  if (!options.arrival_order.empty()) {
    last = static_cast<TimeNs>(options.arrival_order.size()) * ns_per_s;
  }
  timeline_step_ = std::max<TimeNs>(1, last / static_cast<TimeNs>(timeline_rows));
  if (last > 1) {
    window_end_ = last;
  }
}

void ReplayMetrics::advance(TimeNs now, const ClusterState& state, const FragmentMeter& meter, std::int64_t queued,
                            std::int64_t running) {
  now_.gpu_allocated = allocated_fraction(state);
  now_.mig_allocated = ratio(static_cast<double>(state.used_mig_units()), static_cast<double>(state.total_mig_units()));
  now_.active_gpus = static_cast<double>(state.active_gpus());
  const double fragment_milli = static_cast<double>(meter.weighted_fragment()) / static_cast<double>(meter.weight());
  now_.fragment_gpus = fragment_milli / 1000.0;
  now_.unusable_slices = meter.unusable_slices();
  now_.queued = queued;
  now_.running = running;
  if (now > now_.time_ns) {
    const double dt = seconds(std::max<TimeNs>(0, std::min(now, window_end_) - now_.time_ns));
    integrals_.seconds += dt;
    integrals_.gpu_allocated += dt * now_.gpu_allocated;
    integrals_.mig_allocated += dt * now_.mig_allocated;
    integrals_.active_gpus += dt * now_.active_gpus;
    integrals_.fragment_gpus += dt * now_.fragment_gpus;
    integrals_.unusable_slices += dt * now_.unusable_slices;
    integrals_.fragment_ratio += dt * ratio(fragment_milli, static_cast<double>(meter.free_gpu_milli()));
    integrals_.utilisation_active +=
        dt * ratio(now_.gpu_allocated * static_cast<double>(state.total_gpus()), now_.active_gpus);
    if (timeline_.empty() || now >= timeline_.back().time_ns + timeline_step_) {
      timeline_.push_back(now_);
      timeline_.back().time_ns = now;
    }
  }
  now_.time_ns = now;
}

void ReplayMetrics::count_arrival(std::uint32_t spec, std::int64_t pods) { counts_[spec].arrived += pods; }

void ReplayMetrics::count_accepted(std::uint32_t spec, std::int64_t pods) { counts_[spec].accepted += pods; }

void ReplayMetrics::restart_acceptance() { counts_.assign(counts_.size(), {}); }

void ReplayMetrics::fill(Summary& summary, std::vector<TimelineRow>& timeline, std::vector<double> waits_s) const {
  const double span = integrals_.seconds;
  summary.span_s = seconds(now_.time_ns);
  summary.gpu_allocation = ratio(integrals_.gpu_allocated, span);
  summary.mig_allocation = ratio(integrals_.mig_allocated, span);
  summary.active_gpus = ratio(integrals_.active_gpus, span);
  summary.fragment_gpus = ratio(integrals_.fragment_gpus, span);
  summary.fragment_ratio = ratio(integrals_.fragment_ratio, span);
  summary.unusable_slices = ratio(integrals_.unusable_slices, span);
  summary.utilisation_active = ratio(integrals_.utilisation_active, span);
  summary.final_gpu_allocation = now_.gpu_allocated;
  std::map<std::string, AcceptanceRow> kinds;
  double arrived = 0, accepted = 0, arrived_size = 0, accepted_size = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i].arrived == 0) {
      continue;
    }
    const GpuRequest& request = trace_.specs[i].request;
    AcceptanceRow& row = kinds[kind_name(request)];
    row.kind = kind_name(request);
    row.arrived += counts_[i].arrived;
    row.accepted += counts_[i].accepted;
    const double size = request_size(request, trace_);
    arrived += static_cast<double>(counts_[i].arrived);
    accepted += static_cast<double>(counts_[i].accepted);
    arrived_size += size * static_cast<double>(counts_[i].arrived);
    accepted_size += size * static_cast<double>(counts_[i].accepted);
  }
  for (const auto& [name, row] : kinds) {
    summary.acceptance_by_kind.push_back(row);
  }
  summary.acceptance = ratio(accepted, arrived);
  summary.acceptance_by_size = ratio(accepted_size, arrived_size);
  std::sort(waits_s.begin(), waits_s.end());
  summary.wait_s_p50 = quantile(waits_s, 0.50);
  summary.wait_s_p95 = quantile(waits_s, 0.95);
  summary.wait_s_p99 = quantile(waits_s, 0.99);
  double total_wait = 0;
  for (const double wait : waits_s) {
    total_wait += wait;
  }
  summary.wait_s_mean = ratio(total_wait, static_cast<double>(waits_s.size()));
  timeline = timeline_;
  timeline.push_back(now_);
}

}  // namespace gpusched::sim
