#include "generators/trace_builder.hpp"

#include <algorithm>
#include <utility>

namespace gpusched::sim {

std::uint32_t TraceBuilder::intern(const JobSpec& spec) {
  const std::uint64_t hash = hash_value(spec.request);
  const auto [begin, end] = specs_.equal_range(hash);
  for (auto place = begin; place != end; ++place) {
    if (trace_.specs[place->second] == spec) {
      return place->second;
    }
  }
  const auto index = static_cast<std::uint32_t>(trace_.specs.size());
  trace_.specs.push_back(spec);
  specs_.emplace(hash, index);
  return index;
}

TraceJob& TraceBuilder::add(std::string id, const JobSpec& spec, TimeNs submit_ns, TimeNs duration_ns) {
  TraceJob& job = trace_.jobs.emplace_back();
  job.id = std::move(id);
  job.submit_ns = submit_ns;
  job.duration_ns = duration_ns;
  job.spec = intern(spec);
  return job;
}

void TraceBuilder::finish() {
  std::stable_sort(trace_.jobs.begin(), trace_.jobs.end(),
                   [](const TraceJob& a, const TraceJob& b) { return a.submit_ns < b.submit_ns; });
  std::stable_sort(trace_.events.begin(), trace_.events.end(),
                   [](const TraceEvent& a, const TraceEvent& b) { return a.time_ns < b.time_ns; });
}

std::string numbered(std::string_view prefix, std::size_t number, std::size_t digits) {
  const std::string text = std::to_string(number);
  return std::string(prefix) + std::string(text.size() < digits ? digits - text.size() : 0, '0') + text;
}

}  // namespace gpusched::sim
