#pragma once

#include <string>
#include <vector>

#include "gpusched/sim/report/report_data.hpp"

namespace gpusched::sim {

/// What the page needs of summary.json.
struct SummaryFigures {
  std::string json;  ///< all of it, on one line
  double jobs = 0;
  double span_s = 0;
};

/// One reader per file of results; errors name file, line and remedy.
Result<SummaryFigures> read_summary(const std::string& path);
/// Fills `about`, `currency`, `given_order` and `gpus_by_model`; the rows come back.
Result<std::vector<GpuMap::Node>> read_nodes(const std::string& path, ReportData& data);
Result<ReportTimeline> read_timeline(const std::string& timeline_path, const std::string& demand_path,
                                     std::size_t most_rows);
/// Fills `waiting`, `map` and how many never got a place of `reasons`. `jobs` is how many rows there must be.
Status read_jobs(const std::string& path, const std::vector<GpuMap::Node>& nodes, const SummaryFigures& summary,
                 const ReportLimits& limits, ReportData& data);
/// Fills the rest of `reasons`.
Status read_waits(const std::string& path, ReportData& data);
Result<PolicyComparison> read_comparison(const std::string& path);

/// The row of a reason by its name, made where it is missing; nullptr for a name that is no reason. Empty: not tried.
ReasonRow* reason_row(std::vector<ReasonRow>& rows, std::string_view name);

}  // namespace gpusched::sim
