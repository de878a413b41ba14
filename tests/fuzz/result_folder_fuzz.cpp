// Any texts as the files of a folder of results: an error that names one, or a page; never a crash. The input holds the
// texts in the order below, apart by byte 1e; a text that is "-" is a file that is missing.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "gpusched/base/check.hpp"
#include "gpusched/sim/report/report_data.hpp"

#include "temporary_folder.hpp"

namespace {

using namespace gpusched;

constexpr std::array<const char*, 7> names = {"summary.json", "nodes.csv", "timeline.csv",  "demand.csv",
                                              "waits.csv",    "jobs.csv",  "comparison.csv"};

void write_files(const test::TemporaryFolder& folder, std::string_view texts) {
  for (const char* name : names) {
    const std::string_view text = texts.substr(0, texts.find('\x1e'));
    texts.remove_prefix(std::min(text.size() + 1, texts.size()));
    if (text == "-") {
      std::filesystem::remove(folder / name);
    } else {
      std::ofstream(folder / name, std::ios::binary) << text;
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const test::TemporaryFolder folder;
  write_files(folder, {reinterpret_cast<const char*>(data), size});
  const bool compared = std::filesystem::exists(folder / "comparison.csv");
  const sim::ReportOptions options{
      .title = "fuzz", .comparison = compared ? (folder / "comparison.csv").string() : "", .limits = {}};
  const Result<sim::ReportData> read = sim::read_report(folder.path().string(), options);
  if (!read) {
    GPUSCHED_CHECK(!read.error().message.empty(), "an error says nothing");
    return 0;
  }
  const Result<std::string> page = sim::report_page("<script>@DATA@</script>", read.value());
  GPUSCHED_CHECK(page.ok(), "what was read makes no page");
  const std::string json = sim::report_json(read.value());
  GPUSCHED_CHECK(json.find('<') == std::string::npos, "the data can leave its script element");
  GPUSCHED_CHECK(read.value().timeline.time_s.size() == read.value().timeline.queued.size(),
                 "columns differ in length");
  return 0;
}
