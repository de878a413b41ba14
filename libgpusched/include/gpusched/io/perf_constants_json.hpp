#pragma once

#include <string>
#include <string_view>

#include "gpusched/base/result.hpp"
#include "gpusched/perf/perf_constants.hpp"

namespace gpusched {

/// Reads {"version": 1, "constants": {NAME: NUMBER, ...}}; constants that the text does not name keep their default.
/// Errors as those of read_job_profiles(), and a constant out of its range.
Result<PerfConstants> read_perf_constants(std::string_view text, const std::string& file);

/// The text of a file with all constants. Contract: check_perf_constants() is ok.
std::string write_perf_constants(const PerfConstants& constants);

}  // namespace gpusched
