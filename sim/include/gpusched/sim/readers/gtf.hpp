#pragma once

#include <string>
#include <string_view>

#include "gpusched/base/result.hpp"
#include "gpusched/sim/readers/trace_formats.hpp"

namespace gpusched::sim {

/// Adds one CSV table of GTF version 1 to `outcome`; its header says which: nodes (id, num_gpu), jobs (submit_s) or
/// events (time_s). Other tables of GTF are counted as dropped under the reason `<table>_not_read`.
/// Read nodes before events, whose targets are checked against them. Times are not sorted yet: see finish_gtf().
Status read_gtf_csv(std::string_view text, const std::string& file, ReadOutcome& outcome);

/// Adds GTF version 1 as JSON lines: a header object, then one object per row or profile with its table in `type`.
Status read_gtf_jsonl(std::string_view text, const std::string& file, ReadOutcome& outcome);

/// Adds the job profiles of a trace: a file of job profiles (docs/formats/job-profile.md). The first problem is an
/// error, as is a name that `outcome` has already.
Status read_gtf_profiles(std::string_view text, const std::string& file, ReadOutcome& outcome);

/// Once everything is read: brings jobs and events into order of time, and counts jobs that name a profile which the
/// trace does not have as doubtful under `job_profile_unknown` or `true_profile_unknown`.
void finish_gtf(ReadOutcome& outcome);

/// The three tables as CSV texts and the profiles as JSON; empty for a table without rows.
struct GtfCsvText {
  std::string nodes, jobs, events, profiles;
};
GtfCsvText write_gtf_csv(const Trace& trace);

std::string write_gtf_jsonl(const Trace& trace);

}  // namespace gpusched::sim
