// Any text as a file of job profiles: an error that names the file, or profiles that are written and read the same.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "gpusched/base/check.hpp"
#include "gpusched/io/job_profile_json.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gpusched;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Result<std::vector<JobProfile>> read = read_job_profiles(text, "fuzz.json");
  if (!read) {
    GPUSCHED_CHECK(read.error().file == "fuzz.json" && !read.error().message.empty(), "an error that says nothing");
    return 0;
  }
  const Result<std::vector<JobProfile>> again = read_job_profiles(write_job_profiles(read.value()), "again.json");
  GPUSCHED_CHECK(again.ok(), again.error().to_string());
  GPUSCHED_CHECK(again.value() == read.value(), "profiles changed on their way");
  return 0;
}
