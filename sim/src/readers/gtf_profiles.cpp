// The job profiles of a GTF trace, and the jobs that name them.
#include <string>

#include "gpusched/sim/readers/gtf.hpp"

#include "readers/job_collector.hpp"
#include "readers/profile_collector.hpp"

namespace gpusched::sim {

namespace {

constexpr std::int64_t shown_jobs = 3;

/// Counts the jobs whose spec names in this column a profile that is not there.
template <typename NameOf>
void count_unknown(const ProfileCollector& known, std::string_view column, const NameOf& name_of,
                   ReadOutcome& outcome) {
  const Trace& trace = outcome.trace;
  std::vector<bool> unknown;
  for (const JobSpec& spec : trace.specs) {
    unknown.push_back(!name_of(spec).empty() && !known.has(name_of(spec)));
  }
  std::int64_t count = 0;
  std::string examples;
  for (const TraceJob& job : trace.jobs) {
    if (unknown[job.spec] && ++count <= shown_jobs) {
      examples += (count == 1 ? "" : ", ") + job.id + " names '" + name_of(trace.specs[job.spec]) + "'";
    }
  }
  if (count > 0) {
    outcome.report.doubtful[std::string(column) + "_unknown"] += count;
    outcome.report.examples.push_back(std::string(column) + " is none of the trace's " +
                                      std::to_string(trace.profiles.size()) + " profiles: " + examples +
                                      (count > shown_jobs ? ", ..." : ""));
  }
}

}  // namespace

Status read_gtf_profiles(std::string_view text, const std::string& file, ReadOutcome& outcome) {
  return ProfileCollector(outcome).add(text, file);
}

void finish_gtf(ReadOutcome& outcome) {
  sort_by_time(outcome.trace);
  const ProfileCollector known(outcome);
  const auto told = [](const JobSpec& spec) -> const std::string& { return spec.request.job_profile; };
  const auto real = [](const JobSpec& spec) -> const std::string& { return spec.true_profile; };
  count_unknown(known, "job_profile", told, outcome);
  count_unknown(known, "true_profile", real, outcome);
}

}  // namespace gpusched::sim
