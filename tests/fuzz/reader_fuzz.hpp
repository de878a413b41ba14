#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "gpusched/base/check.hpp"
#include "gpusched/sim/readers/gtf.hpp"

namespace gpusched::sim {

/// What was read sums up, and written as JSON lines it is read again without a loss.
inline void check_outcome(ReadOutcome& outcome) {
  std::int64_t dropped = 0;
  for (const auto& [reason, count] : outcome.report.dropped) {
    dropped += count;
  }
  GPUSCHED_CHECK(outcome.report.read == outcome.report.kept + dropped, "rows are lost");
  finish_gtf(outcome);
  const std::string lines = write_gtf_jsonl(outcome.trace);
  ReadOutcome again;
  const Status status = read_gtf_jsonl(lines, "again", again);
  GPUSCHED_CHECK(status.ok(), status.ok() ? "" : status.error().to_string());
  finish_gtf(again);
  GPUSCHED_CHECK(again.trace.nodes.size() == outcome.trace.nodes.size(), "nodes are lost");
  GPUSCHED_CHECK(again.trace.jobs.size() == outcome.trace.jobs.size(), "jobs are lost");
  GPUSCHED_CHECK(again.trace.events.size() == outcome.trace.events.size(), "events are lost");
  GPUSCHED_CHECK(again.trace.profiles == outcome.trace.profiles, "profiles are lost or changed");
  GPUSCHED_CHECK(write_gtf_jsonl(again.trace) == lines, "the second writing differs");
}

/// One input of a reader's fuzz program: `read(text, file, outcome)` takes any text.
template <typename Read>
int fuzz_reader(const std::uint8_t* data, std::size_t size, Read read) {
  ReadOutcome outcome;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (read(text, std::string("fuzz"), outcome).ok()) {
    check_outcome(outcome);
  }
  return 0;
}

}  // namespace gpusched::sim
