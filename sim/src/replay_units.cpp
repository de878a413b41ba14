#include <algorithm>
#include <map>

#include "replay.hpp"

namespace gpusched::sim {

void Replay::build_units() {
  for (const JobSpec& spec : trace_.specs) {
    class_of_spec_.push_back(engine_.intern(spec.request));
  }
  const bool ordered = !options_.arrival_order.empty();
  row_of_job_ = options_.arrival_order;
  for (std::uint32_t row = 0; row < trace_.jobs.size() && !ordered; ++row) {
    row_of_job_.push_back(row);
  }
  const std::size_t rows = row_of_job_.size();
  result_.jobs.resize(rows);
  std::map<std::int32_t, std::vector<PodId>> gangs;
  std::map<std::int32_t, TimeNs> gang_submit;
  units_.reserve(rows);
  unit_pods_.reserve(rows);
  job_of_pod_.reserve(rows);
  spec_of_pod_.reserve(rows);
  const auto add_unit = [&](std::span<const PodId> pods, TimeNs submit_ns) {
    units_.push_back({.first_pod = static_cast<std::uint32_t>(unit_pods_.size()),
                      .pod_count = static_cast<std::uint32_t>(pods.size()),
                      .submit_ns = submit_ns,
                      .run = 0,
                      .running_pods = 0,
                      .counts = true});
    unit_pods_.insert(unit_pods_.end(), pods.begin(), pods.end());
  };
  std::vector<PodId> replicas;
  for (std::size_t row = 0; row < rows; ++row) {
    const TraceJob& job = trace_.jobs[row_of_job_[row]];
    result_.jobs[row].row = row_of_job_[row];
    const JobSpec& spec = trace_.specs[job.spec];
    const TimeNs submit_ns = ordered ? static_cast<TimeNs>(row) * ns_per_s : job.submit_ns;
    replicas.clear();
    for (std::int32_t i = 0; i < spec.replicas; ++i) {
      replicas.push_back(PodId{static_cast<std::uint32_t>(job_of_pod_.size())});
      job_of_pod_.push_back(static_cast<std::uint32_t>(row));
      spec_of_pod_.push_back(job.spec);
    }
    if (job.gang >= 0) {
      // Rows of one gang start together, once the last has been submitted.
      auto& members = gangs[job.gang];
      members.insert(members.end(), replicas.begin(), replicas.end());
      gang_submit[job.gang] = std::max(gang_submit[job.gang], submit_ns);
      continue;
    }
    const auto together = static_cast<std::size_t>(spec.gang_min > 0 ? std::min(spec.gang_min, spec.replicas) : 1);
    add_unit(std::span(replicas).first(together), submit_ns);
    for (std::size_t i = together; i < replicas.size(); ++i) {
      add_unit(std::span(replicas).subspan(i, 1), submit_ns);
    }
  }
  for (const auto& [gang, members] : gangs) {
    add_unit(members, gang_submit[gang]);
  }
  unit_of_pod_.resize(job_of_pod_.size());
  for (std::uint32_t unit = 0; unit < units_.size(); ++unit) {
    for (const PodId pod : pods_of(unit)) {
      unit_of_pod_[pod.value] = unit;
    }
    arrivals_.push_back(unit);
  }
  std::stable_sort(arrivals_.begin(), arrivals_.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return units_[a].submit_ns < units_[b].submit_ns; });
}

void Replay::build_health_steps() {
  const auto add = [&](TimeNs time_ns, NodeId node, NodeHealth health) {
    if (node.valid()) {
      health_steps_.push_back({.time_ns = time_ns, .node = node, .health = health});
    }
  };
  for (const TraceNode& node : trace_.nodes) {
    const NodeId id = engine_.state().find_node(node.id);
    if (node.available_from_ns) {
      add(0, id, NodeHealth::down);
      add(*node.available_from_ns, id, NodeHealth::ready);
    }
    if (node.available_to_ns) {
      add(*node.available_to_ns, id, NodeHealth::down);
    }
  }
  for (const TraceEvent& event : trace_.events) {
    const NodeId id = engine_.state().find_node(event.target_id);
    const NodeHealth health = event.event == "up"      ? NodeHealth::ready
                              : event.event == "drain" ? NodeHealth::draining
                                                       : NodeHealth::down;
    add(event.time_ns, id, health);
    if (event.duration_ns >= 0) {
      add(event.time_ns + event.duration_ns, id, NodeHealth::ready);
    }
  }
  for (std::uint32_t i = 0; i < health_steps_.size(); ++i) {
    schedule(health_steps_[i].time_ns, Kind::health, i, 0);
  }
}

}  // namespace gpusched::sim
