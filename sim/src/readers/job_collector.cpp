#include "readers/job_collector.hpp"

#include <algorithm>

namespace gpusched::sim {

namespace {

auto job_id_of(const Trace& trace) {
  return [&trace](std::uint32_t number) -> std::string_view { return trace.jobs[number].id; };
}

auto gang_of(const Trace& trace) {
  return [&trace](std::uint32_t number) -> std::string_view { return trace.gangs[number]; };
}

bool equal_extra(const ExtraValues& stored, std::span<const std::string_view> values) {
  return std::equal(stored.begin(), stored.end(), values.begin(), values.end());
}

}  // namespace

std::uint64_t hash_value(const JobSpec& spec) {
  std::uint64_t hash = gpusched::hash_value(spec.request);
  for (const std::string* text : {&spec.kind, &spec.true_profile, &spec.tenant, &spec.user, &spec.queue, &spec.qos}) {
    hash = mix_bits(hash ^ hash_text(*text));
  }
  const auto counts = static_cast<std::uint64_t>(spec.replicas) << 32 | static_cast<std::uint32_t>(spec.gang_min);
  return mix_bits(hash ^ counts);
}

JobCollector::JobCollector(Trace& trace) : trace_(trace) {
  for (std::uint32_t i = 0; i < trace_.jobs.size(); ++i) {
    ids_.find_or_add(trace_.jobs[i].id, i, job_id_of(trace_));
  }
  for (std::uint32_t i = 0; i < trace_.gangs.size(); ++i) {
    gangs_.find_or_add(trace_.gangs[i], i, gang_of(trace_));
  }
}

bool JobCollector::add(TraceJob job) {
  const auto number = static_cast<std::uint32_t>(trace_.jobs.size());
  if (ids_.find_or_add(job.id, number, job_id_of(trace_)) != IdIndex::none) {
    return false;
  }
  trace_.jobs.push_back(std::move(job));
  return true;
}

void JobCollector::grow_spec_slots() {
  spec_slots_.assign(std::max<std::size_t>(64, spec_slots_.size() * 2), IdIndex::none);
  for (std::uint32_t i = 0; i < trace_.specs.size(); ++i) {
    std::size_t at = hash_value(trace_.specs[i]) & (spec_slots_.size() - 1);
    while (spec_slots_[at] != IdIndex::none) {
      at = (at + 1) & (spec_slots_.size() - 1);
    }
    spec_slots_[at] = i;
  }
}

std::uint32_t JobCollector::intern_spec(const JobSpec& spec) {
  while (trace_.specs.size() * 2 >= spec_slots_.size()) {
    grow_spec_slots();
  }
  std::size_t at = hash_value(spec) & (spec_slots_.size() - 1);
  while (spec_slots_[at] != IdIndex::none && !(trace_.specs[spec_slots_[at]] == spec)) {
    at = (at + 1) & (spec_slots_.size() - 1);
  }
  if (spec_slots_[at] == IdIndex::none) {
    spec_slots_[at] = static_cast<std::uint32_t>(trace_.specs.size());
    trace_.specs.push_back(spec);
  }
  return spec_slots_[at];
}

std::int32_t JobCollector::intern_gang(std::string_view name) {
  const auto number = static_cast<std::uint32_t>(trace_.gangs.size());
  const std::uint32_t known = gangs_.find_or_add(name, number, gang_of(trace_));
  if (known != IdIndex::none) {
    return static_cast<std::int32_t>(known);
  }
  trace_.gangs.emplace_back(name);
  return static_cast<std::int32_t>(number);
}

std::uint32_t JobCollector::add_extra(std::span<const std::string_view> values) {
  while (!values.empty() && values.back().empty()) {
    values = values.first(values.size() - 1);
  }
  if (values.empty()) {
    return TraceJob::no_extra;
  }
  if (trace_.job_extra.empty() || !equal_extra(trace_.job_extra.back(), values)) {
    trace_.job_extra.emplace_back(values.begin(), values.end());
  }
  return static_cast<std::uint32_t>(trace_.job_extra.size() - 1);
}

void sort_by_time(Trace& trace) {
  const auto job_before = [](const TraceJob& a, const TraceJob& b) { return a.submit_ns < b.submit_ns; };
  if (!std::is_sorted(trace.jobs.begin(), trace.jobs.end(), job_before)) {
    std::stable_sort(trace.jobs.begin(), trace.jobs.end(), job_before);
  }
  const auto event_before = [](const TraceEvent& a, const TraceEvent& b) { return a.time_ns < b.time_ns; };
  std::stable_sort(trace.events.begin(), trace.events.end(), event_before);
}

}  // namespace gpusched::sim
