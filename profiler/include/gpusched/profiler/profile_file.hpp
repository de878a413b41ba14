#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gpusched/base/result.hpp"
#include "gpusched/profiler/measured_job.hpp"

namespace gpusched::profiler {

/// The text of a profile file, version 2 of docs/formats/job-profile.md: complete jobs under "profiles", where
/// everything reads them, the others under "partial" with what is known and why it is not enough. Names that occur
/// twice get a number; bytes that are not UTF-8 become U+FFFD. Contract: judge() was called for each, and none has an
/// empty name.
std::string write_profile_file(std::span<const MeasuredJob> jobs);

/// One line of what a profile file holds.
struct ProfileRow {
  std::string name{}, kind{}, gpu{};
  std::optional<double> engine_active{}, sm_active{}, dram_active{}, tensor_active{};  ///< means
  std::optional<double> duty_cycle{}, power_w{};
  std::optional<std::int64_t> memory_peak_mib{};
  std::vector<Missing> missing{};  ///< empty: complete
  std::vector<std::string> notes{};
};

/// Reads a profile file of either version for people to look at, partial jobs included. Errors as those of
/// read_job_profiles().
Result<std::vector<ProfileRow>> read_profile_rows(std::string_view text, const std::string& file);

/// The text of a file, or of standard input for "-". not_found, io; invalid_argument beyond `most_bytes`.
Result<std::string> read_text_file(const std::string& path, std::uint64_t most_bytes);

/// Writes a file whole or not at all: a reader sees the old one or the new one. "-" is standard output.
Status write_text_file(const std::string& path, const std::string& text);

/// io where write_text_file() could not write now: no such folder, no right to.
Status check_writable(const std::string& path);

}  // namespace gpusched::profiler
