#include "gpusched/sim/pod_names.hpp"

#include <map>

namespace gpusched::sim {

std::vector<std::string> pod_names(const Trace& trace, const SimulationOptions& options) {
  std::vector<std::string> names;
  std::map<std::uint32_t, int> seen;
  const auto add = [&](std::uint32_t row) {
    const TraceJob& job = trace.jobs[row];
    for (std::int32_t replica = 0; replica < trace.specs[job.spec].replicas; ++replica) {
      const int number = seen[row]++;
      names.push_back(number == 0 ? job.id : job.id + "#" + std::to_string(number));
    }
  };
  for (const std::uint32_t row : options.arrival_order) {
    add(row);
  }
  for (std::uint32_t row = 0; row < trace.jobs.size() && options.arrival_order.empty(); ++row) {
    add(row);
  }
  return names;
}

}  // namespace gpusched::sim
