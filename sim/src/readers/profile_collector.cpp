#include "readers/profile_collector.hpp"

#include <utility>

#include "gpusched/io/job_profile_json.hpp"

namespace gpusched::sim {

namespace {

auto name_of(const Trace& trace) {
  return [&trace](std::uint32_t number) -> std::string_view { return trace.profiles[number].name; };
}

}  // namespace

ProfileCollector::ProfileCollector(ReadOutcome& outcome) : outcome_(outcome) {
  const std::vector<JobProfile>& profiles = outcome.trace.profiles;
  for (std::uint32_t i = 0; i < profiles.size(); ++i) {
    names_.find_or_add(profiles[i].name, i, name_of(outcome.trace));
  }
}

bool ProfileCollector::has(std::string_view name) const {
  return names_.find(name, name_of(outcome_.trace)) != IdIndex::none;
}

Status ProfileCollector::add(std::string_view text, const std::string& file) {
  Result<std::vector<JobProfile>> read = read_job_profiles(text, file);
  if (!read) {
    return read.error();
  }
  for (const JobProfile& profile : read.value()) {
    if (has(profile.name)) {
      return Error{.code = ErrorCode::already_exists,
                   .message = "job profile '" + profile.name + "' is in the trace already",
                   .file = file,
                   .line = 0,
                   .remedy = "Rename one, or keep the newer revision only"};
    }
  }
  std::vector<JobProfile>& profiles = outcome_.trace.profiles;
  for (JobProfile& profile : read.value()) {
    profiles.push_back(std::move(profile));
    names_.find_or_add(profiles.back().name, static_cast<std::uint32_t>(profiles.size() - 1), name_of(outcome_.trace));
  }
  const auto count = static_cast<std::int64_t>(read.value().size());
  outcome_.report.read += count;
  outcome_.report.kept += count;
  return {};
}

}  // namespace gpusched::sim
