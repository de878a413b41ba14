#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "gpusched/base/check.hpp"
#include "gpusched/io/job_profile_json.hpp"
#include "gpusched/profiler/dcgm_import.hpp"
#include "gpusched/profiler/profile_file.hpp"

namespace gpusched::profiler {

/// One input of an import's fuzz program: no line is lost, and what comes out is a file of profiles that is read again.
inline int fuzz_import(const std::uint8_t* data, std::size_t size, DcgmFormat format) {
  DcgmImport import;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (!import.add(text, "fuzz", format)) {
    return 0;
  }
  const ImportReport& report = import.report();
  std::int64_t counted = report.used + report.other;
  for (const auto& [reason, entry] : report.bad) {
    counted += entry.count;
    GPUSCHED_CHECK(entry.file == "fuzz" && entry.line >= 1, "a bad line without its place");
  }
  GPUSCHED_CHECK(counted == report.lines, "lines are lost");
  const auto jobs = import.finish({}, std::nullopt, {});
  const auto read = read_job_profiles(write_profile_file(jobs), "again");
  GPUSCHED_CHECK(read.ok(), read.error().to_string());
  return 0;
}

}  // namespace gpusched::profiler
