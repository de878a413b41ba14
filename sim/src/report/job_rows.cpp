#include <algorithm>
#include <array>
#include <limits>
#include <string_view>
#include <unordered_map>

#include "gpusched/sim/simulator.hpp"

#include "report/gpu_map_builder.hpp"
#include "report/result_table.hpp"
#include "report/run_results.hpp"
#include "report/waiting_times.hpp"

namespace gpusched::sim {

namespace {

constexpr std::array<std::string_view, 8> columns = {"id",    "submit_s", "first_start_s", "start_s",
                                                     "end_s", "outcome",  "node",          "gpus"};
constexpr std::array<std::string_view, 2> optional_columns = {"reason", "mode"};
enum Column : std::size_t { id, submit_s, first_start_s, start_s, end_s, outcome, node, gpus, reason, mode };
constexpr double most_s = 1e15;

HeldKind kind_of(const std::vector<HeldPart>& parts) {
  if (parts.empty()) {
    return HeldKind::cpu;
  }
  if (parts[0].start >= 0) {
    return HeldKind::mig;
  }
  return parts.size() > 1 ? HeldKind::several : parts[0].size < 1000 ? HeldKind::share : HeldKind::whole;
}

/// Goes through jobs.csv once and hands each row to those who want something of it.
class JobRows {
 public:
  JobRows(ResultTable& table, const std::vector<GpuMap::Node>& nodes, double span_s, const ReportLimits& limits)
      : table_(table), nodes_(nodes), map_(nodes, span_s, limits) {
    for (std::uint32_t i = 0; i < nodes.size(); ++i) {
      node_rows_.emplace(nodes[i].name, i);
    }
  }

  void read_row(ReportData& data) {
    if (table_.text(start_s).empty()) {
      count_without_place(data);
      return;
    }
    if (!parse_held_parts(table_.text(gpus), parts_)) {
      table_.fail("gpus is '" + std::string(table_.text(gpus)) + "'");
    }
    const double first_start = table_.required_number(first_start_s, 0, most_s);
    const double wait = first_start - table_.required_number(submit_s, 0, most_s);
    if (wait < 0 && !data.given_order) {
      table_.fail("first_start_s is before submit_s");
    }
    waits_.add(kind_of(parts_), wait);
    add_to_map();
    if (table_.text(outcome) != to_string(JobOutcome::finished) &&
        table_.text(outcome) != to_string(JobOutcome::running)) {
      count_without_place(data);
    }
  }

  void finish(const ReportLimits& limits, ReportData& data) {
    if (!data.given_order) {
      data.waiting = waits_.curves(limits.wait_points);
    }
    data.map = map_.finish();
  }

 private:
  void count_without_place(ReportData& data) {
    if (ReasonRow* row = reason_row(data.reasons, table_.text(reason)); row != nullptr) {
      ++row->without_place;
    } else {
      table_.fail("unknown reason '" + std::string(table_.text(reason)) + "'");
    }
  }

  void add_to_map() {
    const auto found = node_rows_.find(table_.text(node));
    if (found == node_rows_.end()) {
      table_.fail("nodes.csv has no node '" + std::string(table_.text(node)) + "'", run_again);
      return;
    }
    const GpuMap::Node& place = nodes_[found->second];
    for (const HeldPart& part : parts_) {
      const std::int64_t most_size = part.start < 0 ? 1000 : place.units > 0 ? place.units : 64;
      if (part.gpu >= place.gpus || std::max(part.start, 0) + std::int64_t{part.size} > most_size) {
        table_.fail("node '" + place.name + "' has no '" + std::string(table_.text(gpus)) + "'", run_again);
        return;
      }
    }
    const double start = table_.required_number(start_s, 0, most_s);
    const double end = table_.number(end_s, 0, most_s).value_or(std::numeric_limits<double>::infinity());
    if (end < start) {
      table_.fail("end_s is before start_s");
    } else if (map_.shows(found->second) && !parts_.empty()) {
      map_.add(found->second, parts_, start, end, mode_of_row(), table_.text(id));
    }
  }

  std::uint8_t mode_of_row() {
    const std::string_view word = table_.text(mode);
    if (word.empty()) {
      return static_cast<std::uint8_t>(parts_[0].start >= 0 ? 2 : parts_[0].size < 1000 ? 1 : 0);
    }
    const auto modes = map_modes();
    const auto found = std::find(modes.begin(), modes.end(), word);
    if (found == modes.end()) {
      table_.fail("unknown mode '" + std::string(word) + "'", run_again);
      return 0;
    }
    return static_cast<std::uint8_t>(found - modes.begin());
  }

  ResultTable& table_;
  const std::vector<GpuMap::Node>& nodes_;
  std::unordered_map<std::string_view, std::uint32_t> node_rows_;
  GpuMapBuilder map_;
  WaitCollector waits_;
  std::vector<HeldPart> parts_;
};

}  // namespace

Status read_jobs(const std::string& path, const std::vector<GpuMap::Node>& nodes, const SummaryFigures& summary,
                 const ReportLimits& limits, ReportData& data) {
  auto table = ResultTable::open(path, columns, optional_columns, "run --out DIR");
  if (!table) {
    return table.error();
  }
  JobRows rows(*table.value(), nodes, summary.span_s, limits);
  while (table.value()->next()) {
    rows.read_row(data);
  }
  if (!table.value()->status()) {
    return table.value()->status();
  }
  if (static_cast<double>(table.value()->rows()) != summary.jobs) {
    return Error{.code = ErrorCode::data_loss,
                 .message = std::to_string(table.value()->rows()) + " jobs, summary.json counts " +
                            std::to_string(static_cast<std::int64_t>(summary.jobs)) + ": cut off, or of another run",
                 .file = path,
                 .line = 0,
                 .remedy = run_again};
  }
  rows.finish(limits, data);
  return {};
}

}  // namespace gpusched::sim
