#include "report/run_results.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <span>

#include <nlohmann/json.hpp>

#include "gpusched/filter/reject_reason.hpp"
#include "gpusched/model/gpu_catalog.hpp"

#include "readers/file_text.hpp"
#include "report/result_table.hpp"

namespace gpusched::sim {

namespace {

constexpr const char* run_writes = "run --out DIR";
constexpr double most = 1e15;
constexpr std::size_t models_named = 12;

std::int32_t placement_units(const std::string& model) {
  const Result<GpuModelId> found = find_gpu_model(model);
  return found && gpu_model(found.value()).has_lattice() ? gpu_model(found.value()).placement_units : 0;
}

Error summary_error(const std::string& path, int line, std::string message) {
  return {.code = ErrorCode::data_loss, .message = std::move(message), .file = path, .line = line, .remedy = run_again};
}

/// The models with the most GPUs; the rest in one row.
std::vector<std::pair<std::string, std::int64_t>> largest_models(const std::map<std::string, std::int64_t>& gpus) {
  std::vector<std::pair<std::string, std::int64_t>> rows(gpus.begin(), gpus.end());
  std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  while (rows.size() > models_named) {
    const std::int64_t last = rows.back().second;
    rows.pop_back();
    rows.back() = {"other models", rows.back().second + last};
  }
  return rows;
}

void take_metadata(const ResultTable& table, ReportData& data) {
  for (const auto& [key, value] : table.metadata()) {
    if (key == "currency") {
      data.currency = value;
    } else if (key == "arrivals") {
      data.given_order = true;
    } else {
      data.about.emplace_back(key, value);
    }
  }
}

/// Keeps every k-th row, and the last one.
void thin_out(std::vector<double>& column, std::size_t most_rows) {
  const std::size_t step = (column.size() + most_rows - 1) / most_rows;
  std::vector<double> kept;
  for (std::size_t i = 0; i < column.size(); ++i) {
    if (i % step == step - 1 || i + 1 == column.size()) {
      kept.push_back(column[i]);
    }
  }
  column = std::move(kept);
}

using Columns = std::span<std::vector<double>* const>;

void append_row(ResultTable& table, Columns values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i]->push_back(table.required_number(i, -most, most));
  }
}

/// Two files with one row for each time. The first column of `state` is its time, the one behind the values of
/// `demand`.
Status read_side_by_side(ResultTable& state, Columns state_values, ResultTable& demand, Columns demand_values) {
  const std::vector<double>& times = *state_values[0];
  while (state.next() && demand.next()) {
    if (const std::string_view time = demand.text(demand_values.size()); time != state.text(0)) {
      demand.fail(
          "time_s is '" + std::string(time) + "', timeline.csv has '" + std::string(state.text(0)) + "' in this row",
          run_again);
    }
    append_row(state, state_values);
    append_row(demand, demand_values);
    if (times.size() > 1 && times.back() < times[times.size() - 2]) {
      state.fail("time_s goes back to " + std::string(state.text(0)));
    }
  }
  if (state.status() && demand.status() && (state.rows() != demand.rows() || demand.next())) {
    demand.fail("the file has other rows than timeline.csv", run_again);
  }
  return state.status() ? demand.status() : state.status();
}

Result<nlohmann::json> parse_summary(const std::string& text, const std::string& path) {
  constexpr int deepest = 16;
  bool too_deep = false;
  const auto limit_depth = [&too_deep](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    too_deep = too_deep || depth > deepest;
    return depth <= deepest;
  };
  try {
    nlohmann::json json = nlohmann::json::parse(text, limit_depth);
    return too_deep ? Result<nlohmann::json>(summary_error(path, 0, "nested deeper than any summary"))
                    : std::move(json);
  } catch (const nlohmann::json::parse_error& problem) {
    const auto read = text.begin() + static_cast<std::ptrdiff_t>(std::min(problem.byte, text.size()));
    const auto lines = std::count(text.begin(), read, '\n');
    return summary_error(path, static_cast<int>(lines) + 1, "no JSON, or cut off");
  } catch (const nlohmann::json::out_of_range&) {
    return summary_error(path, 0, "a number is out of range");
  }
}

}  // namespace

Result<SummaryFigures> read_summary(const std::string& path) {
  const Result<std::string> text = read_file(path);
  if (!text) {
    Error error = text.error();
    error.remedy = "Name a folder that `gpusched-sim run --out DIR` wrote";
    return error;
  }
  Result<nlohmann::json> parsed = parse_summary(text.value(), path);
  if (!parsed) {
    return parsed.error();
  }
  nlohmann::json& json = parsed.value();
  for (const char* key : {"jobs",
                          "accepted",
                          "finished",
                          "running",
                          "waiting",
                          "rejected",
                          "infeasible",
                          "abandoned",
                          "lost",
                          "evictions",
                          "preemptions",
                          "decisions",
                          "acceptance",
                          "acceptance_by_size",
                          "gpu_allocation",
                          "mig_allocation",
                          "fragment_gpus",
                          "fragment_ratio",
                          "unusable_slices",
                          "active_gpus",
                          "utilisation_active",
                          "span_s",
                          "cluster_cost",
                          "allocated_cost"}) {
    if (!json.is_object() || !json.contains(key) || !json[key].is_number()) {
      return summary_error(path, 0, "number '" + std::string(key) + "' is missing");
    }
  }
  for (const char* key : {"wait_s", "acceptance_by_kind"}) {
    if (json.contains(key) && !json[key].is_object()) {
      return summary_error(path, 0, "'" + std::string(key) + "' is no object");
    }
  }
  if (!(json["span_s"].get<double>() >= 0 && json["span_s"].get<double>() <= most)) {
    return summary_error(path, 0, "'span_s' is out of range");
  }
  using ErrorHandler = nlohmann::json::error_handler_t;
  return SummaryFigures{.json = json.dump(-1, ' ', false, ErrorHandler::replace),
                        .jobs = json["jobs"].get<double>(),
                        .span_s = json["span_s"].get<double>()};
}

Result<std::vector<GpuMap::Node>> read_nodes(const std::string& path, ReportData& data) {
  constexpr std::array<std::string_view, 3> columns = {"id", "gpu_model", "num_gpu"};
  auto table = ResultTable::open(path, columns, {}, run_writes);
  if (!table) {
    return table.error();
  }
  std::vector<GpuMap::Node> nodes;
  std::map<std::string, std::int64_t> gpus_by_model;
  std::map<std::string, std::int32_t> units_by_model;
  while (table.value()->next()) {
    GpuMap::Node node;
    node.name = table.value()->text(0);
    node.model = table.value()->text(1);
    node.gpus = static_cast<std::int32_t>(table.value()->required_number(2, 0, 65536));
    if (node.gpus > 0) {
      gpus_by_model[node.model] += node.gpus;
      const auto [units, first_seen] = units_by_model.try_emplace(node.model, 0);
      units->second = first_seen ? placement_units(node.model) : units->second;
      node.units = units->second;
    }
    nodes.push_back(std::move(node));
  }
  if (!table.value()->status()) {
    return table.value()->status().error();
  }
  take_metadata(*table.value(), data);
  data.gpus_by_model = largest_models(gpus_by_model);
  return nodes;
}

Result<ReportTimeline> read_timeline(const std::string& timeline_path, const std::string& demand_path,
                                     std::size_t most_rows) {
  constexpr std::array<std::string_view, 8> state_columns = {"time_s",      "gpu_allocated", "mig_allocated",
                                                             "active_gpus", "fragment_gpus", "unusable_slices",
                                                             "queued",      "running"};
  constexpr std::array<std::string_view, 3> demand_columns = {"arrived_gpus", "offered_gpus", "time_s"};
  auto state = ResultTable::open(timeline_path, state_columns, {}, run_writes);
  if (!state) {
    return state.error();
  }
  auto demand = ResultTable::open(demand_path, demand_columns, {}, run_writes);
  if (!demand) {
    return demand.error();
  }
  ReportTimeline result;
  const std::array<std::vector<double>*, 8> state_values = {
      &result.time_s,        &result.gpu_allocated,   &result.mig_allocated, &result.active_gpus,
      &result.fragment_gpus, &result.unusable_slices, &result.queued,        &result.running};
  const std::array<std::vector<double>*, 2> demand_values = {&result.arrived_gpus, &result.offered_gpus};
  if (Status read = read_side_by_side(*state.value(), state_values, *demand.value(), demand_values); !read) {
    return read.error();
  }
  for (std::vector<double>* column : state_values) {
    thin_out(*column, most_rows);
  }
  for (std::vector<double>* column : demand_values) {
    thin_out(*column, most_rows);
  }
  return result;
}

Status read_waits(const std::string& path, ReportData& data) {
  constexpr std::array<std::string_view, 3> columns = {"reason", "jobs", "wait_s"};
  auto table = ResultTable::open(path, columns, {}, run_writes);
  if (!table) {
    return table.error();
  }
  while (table.value()->next()) {
    ReasonRow* row = reason_row(data.reasons, table.value()->text(0));
    if (row == nullptr) {
      table.value()->fail("unknown reason '" + std::string(table.value()->text(0)) + "'", run_again);
      break;
    }
    row->started += static_cast<std::int64_t>(table.value()->required_number(1, 0, most));
    row->wait_s += table.value()->required_number(2, 0, 1e18);
  }
  return table.value()->status();
}

ReasonRow* reason_row(std::vector<ReasonRow>& rows, std::string_view name) {
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const ReasonRow& row) { return row.name == name; });
  if (found != rows.end()) {
    return &*found;
  }
  if (name.empty()) {
    return &rows.emplace_back(
        ReasonRow{.name = "", .sentence = "not tried: others were first in the queue, or the run ended before"});
  }
  for (std::size_t i = 1; i < reject_reason_count; ++i) {
    if (const auto reason = static_cast<RejectReason>(i); name == to_string(reason)) {
      return &rows.emplace_back(ReasonRow{.name = std::string(name), .sentence = describe(reason)});
    }
  }
  return nullptr;
}

}  // namespace gpusched::sim
