#include "gpusched/sim/report/report_data.hpp"

#include <algorithm>
#include <filesystem>

#include "report/run_results.hpp"

namespace gpusched::sim {

namespace {

std::string folder_name(const std::string& directory) {
  const std::filesystem::path path = std::filesystem::path(directory).lexically_normal();
  return (path.has_filename() ? path : path.parent_path()).filename().string();
}

}  // namespace

Result<ReportData> read_report(const std::string& directory, const ReportOptions& options) {
  ReportData data;
  data.title = options.title.empty() ? folder_name(directory) : options.title;
  const Result<SummaryFigures> summary = read_summary(directory + "/summary.json");
  if (!summary) {
    return summary.error();
  }
  data.summary_json = summary.value().json;
  const Result<std::vector<GpuMap::Node>> nodes = read_nodes(directory + "/nodes.csv", data);
  if (!nodes) {
    return nodes.error();
  }
  Result<ReportTimeline> timeline =
      read_timeline(directory + "/timeline.csv", directory + "/demand.csv", options.limits.timeline_rows);
  if (!timeline) {
    return timeline.error();
  }
  data.timeline = std::move(timeline).value();
  if (Status read = read_waits(directory + "/waits.csv", data); !read) {
    return read.error();
  }
  if (Status read = read_jobs(directory + "/jobs.csv", nodes.value(), summary.value(), options.limits, data); !read) {
    return read.error();
  }
  // Those whose jobs never started come first, then the longest waits.
  std::stable_sort(data.reasons.begin(), data.reasons.end(), [](const ReasonRow& a, const ReasonRow& b) {
    return std::pair(a.without_place, a.wait_s) > std::pair(b.without_place, b.wait_s);
  });
  if (!options.comparison.empty()) {
    Result<PolicyComparison> comparison = read_comparison(options.comparison);
    if (!comparison) {
      return comparison.error();
    }
    data.comparison = std::move(comparison).value();
  }
  return data;
}

}  // namespace gpusched::sim
