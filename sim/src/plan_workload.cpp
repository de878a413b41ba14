#include "gpusched/sim/plan_workload.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "gpusched/base/philox.hpp"

namespace gpusched::sim {

namespace {

constexpr TimeNs most_shift_ns = 1800 * ns_per_s;

/// What one job, or one gang, becomes: how often it is there, and when the copies come.
struct Draws {
  int times = 0;
  std::vector<TimeNs> shifts;       ///< of the second, third, ... of them
  std::vector<std::int32_t> gangs;  ///< likewise
};

}  // namespace

void scale_load(Trace& trace, double factor, std::uint64_t seed) {
  const TimeNs last = trace.jobs.empty() ? 0 : trace.jobs.back().submit_ns;
  std::map<std::int32_t, Draws> of_gang;
  std::vector<TraceJob> jobs;
  for (std::size_t row = 0; row < trace.jobs.size(); ++row) {
    const TraceJob& job = trace.jobs[row];
    Draws alone;
    const auto [known, first] = job.gang < 0 ? std::pair(of_gang.end(), true) : of_gang.try_emplace(job.gang);
    Draws& draws = job.gang < 0 ? alone : known->second;
    if (first) {
      // Streams by row: the same jobs are copied at every larger factor.
      Philox random(seed, StreamPurpose::load_scale, row);
      draws.times = static_cast<int>(factor) + (random.next_unit() < factor - std::floor(factor) ? 1 : 0);
      for (int copy = 1; copy < draws.times; ++copy) {
        draws.shifts.push_back(static_cast<TimeNs>((2 * random.next_unit() - 1) * static_cast<double>(most_shift_ns)));
        draws.gangs.push_back(job.gang < 0 ? -1 : static_cast<std::int32_t>(trace.gangs.size()));
        if (job.gang >= 0) {
          trace.gangs.push_back(trace.gangs[static_cast<std::size_t>(job.gang)] + "+" + std::to_string(copy));
        }
      }
    }
    for (int copy = 0; copy < draws.times; ++copy) {
      TraceJob made = job;
      if (copy > 0) {
        const auto index = static_cast<std::size_t>(copy - 1);
        made.id += "+" + std::to_string(copy);
        made.submit_ns = std::clamp<TimeNs>(job.submit_ns + draws.shifts[index], 0, last);
        made.gang = draws.gangs[index];
      }
      jobs.push_back(std::move(made));
    }
  }
  std::stable_sort(jobs.begin(), jobs.end(),
                   [](const TraceJob& a, const TraceJob& b) { return a.submit_ns < b.submit_ns; });
  trace.jobs = std::move(jobs);
}

void drop_node_labels(Trace& trace) {
  for (JobSpec& spec : trace.specs) {
    spec.request.node_labels.clear();
  }
}

}  // namespace gpusched::sim
