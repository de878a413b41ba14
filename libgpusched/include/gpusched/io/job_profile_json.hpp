#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gpusched/base/result.hpp"
#include "gpusched/model/job_profile.hpp"

namespace gpusched {

/// Reads the profiles of a file's text: docs/formats/job-profile.md. Names of GPU and MIG profiles may be any that the
/// catalogue knows; slice speeds come out in the order of their names.
/// Errors name file, profile, field, value and remedy: what is no JSON (with its line), another version, a missing or
/// unknown field, a field of another type, whatever check_job_profile() refuses, a name that occurs twice.
Result<std::vector<JobProfile>> read_job_profiles(std::string_view text, const std::string& file);

/// The text of a file with these profiles. Contract: each one passes check_job_profile().
std::string write_job_profiles(std::span<const JobProfile> profiles);

}  // namespace gpusched
