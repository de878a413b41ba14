#include "result_context.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "gpusched/sim/readers/csv.hpp"

#include "readers/number_text.hpp"
#include "replay_metrics.hpp"

namespace gpusched::sim {

namespace {

/// Whole millionths: sums are exact, and what leaves is what came.
using MicroGpu = std::int64_t;

struct Demand {
  TimeNs time_ns = 0;
  MicroGpu size = 0;
};

/// Of each job, when it comes and when it would leave if it started at once; each list by time.
struct DemandChanges {
  std::vector<Demand> arrivals, departures;
};

DemandChanges demand_changes(const Trace& trace, const SimulationResult& result, bool given_order) {
  std::vector<MicroGpu> size_of_spec;
  for (const JobSpec& spec : trace.specs) {
    size_of_spec.push_back(std::llround(request_size(spec.request, trace) * spec.replicas * 1e6));
  }
  DemandChanges changes;
  for (std::size_t i = 0; i < result.jobs.size(); ++i) {
    const TraceJob& job = trace.jobs[result.jobs[i].row];
    const MicroGpu size = size_of_spec[job.spec];
    // In a given order jobs come one per second and stay.
    const TimeNs arrival_ns = given_order ? static_cast<TimeNs>(i) * ns_per_s : job.submit_ns;
    changes.arrivals.push_back({arrival_ns, size});
    if (!given_order && job.duration_ns >= 0) {
      changes.departures.push_back({arrival_ns + job.duration_ns, size});
    }
  }
  const auto earlier = [](const Demand& a, const Demand& b) { return a.time_ns < b.time_ns; };
  std::stable_sort(changes.arrivals.begin(), changes.arrivals.end(), earlier);
  std::stable_sort(changes.departures.begin(), changes.departures.end(), earlier);
  return changes;
}

/// Adds what happens up to the time; `next` is where the last call stopped.
MicroGpu sum_until(const std::vector<Demand>& changes, TimeNs time_ns, std::size_t& next) {
  MicroGpu sum = 0;
  for (; next < changes.size() && changes[next].time_ns <= time_ns; ++next) {
    sum += changes[next].size;
  }
  return sum;
}

std::string gpus(MicroGpu size) { return format_decimal(static_cast<double>(size) / 1e6); }

}  // namespace

std::string nodes_csv(const Trace& trace, const RunNote& note) {
  std::string text;
  CsvWriter csv(text);
  if (!note.policy.empty()) {
    csv.metadata("policy", note.policy);
  }
  if (note.given_order) {
    csv.metadata("arrivals", "given order");
  }
  for (const char* key : {"name", "source", "generator", "parameters", "seed", "currency"}) {
    if (const auto found = trace.metadata.find(key); found != trace.metadata.end()) {
      csv.metadata(key, found->second);
    }
  }
  constexpr std::array<std::string_view, 3> header = {"id", "gpu_model", "num_gpu"};
  csv.row(header);
  for (const TraceNode& node : trace.nodes) {
    csv.field(node.id);
    csv.field(node.gpu_model);
    csv.field(std::to_string(node.num_gpu));
    csv.end_row();
  }
  return text;
}

std::vector<DemandRow> demand_rows(const Trace& trace, const SimulationResult& result, bool given_order) {
  const DemandChanges changes = demand_changes(trace, result, given_order);
  std::vector<DemandRow> rows;
  MicroGpu arrived = 0, left = 0;
  std::size_t next_arrival = 0, next_departure = 0;
  for (const TimelineRow& row : result.timeline) {
    arrived += sum_until(changes.arrivals, row.time_ns, next_arrival);
    left += sum_until(changes.departures, row.time_ns, next_departure);
    rows.push_back({row.time_ns, arrived, arrived - left});
  }
  return rows;
}

std::string demand_csv(const Trace& trace, const SimulationResult& result, const RunNote& note) {
  std::string text = "time_s,arrived_gpus,offered_gpus\n";
  for (const DemandRow& row : demand_rows(trace, result, note.given_order)) {
    text +=
        format_seconds(row.time_ns) + "," + gpus(row.arrived_micro_gpus) + "," + gpus(row.offered_micro_gpus) + "\n";
  }
  return text;
}

std::string waits_csv(const SimulationResult& result) {
  std::string text = "reason,jobs,wait_s\n";
  for (std::size_t i = 0; i < result.waits.size(); ++i) {
    if (const WaitCount& count = result.waits[i]; count.jobs > 0) {
      const auto reason = static_cast<RejectReason>(i);
      text += std::string(reason == RejectReason::none ? "" : to_string(reason)) + "," + std::to_string(count.jobs) +
              "," + format_decimal(count.wait_s) + "\n";
    }
  }
  return text;
}

}  // namespace gpusched::sim
