#include <array>
#include <charconv>
#include <cmath>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "gpusched/base/version.hpp"
#include "gpusched/sim/report/report_data.hpp"

namespace gpusched::sim {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view data_mark = "@DATA@";

/// Enough digits for a chart, in as few bytes as they take.
Json short_number(double value, int digits = 5) {
  std::array<char, 40> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::general, digits).ptr;
  double rounded = 0;
  std::from_chars(text.data(), end, rounded);
  // Whole numbers without ".0".
  return rounded == std::trunc(rounded) && std::abs(rounded) < 1e15 ? Json(static_cast<std::int64_t>(rounded))
                                                                    : Json(rounded);
}

Json numbers(const std::vector<double>& values, int digits = 5) {
  Json array = Json::array();
  for (const double value : values) {
    array.push_back(short_number(value, digits));
  }
  return array;
}

Json timeline_json(const ReportTimeline& timeline) {
  return {{"time_s", numbers(timeline.time_s, 9)},        {"allocated", numbers(timeline.gpu_allocated)},
          {"mig", numbers(timeline.mig_allocated)},       {"active", numbers(timeline.active_gpus)},
          {"fragment", numbers(timeline.fragment_gpus)},  {"unusable", numbers(timeline.unusable_slices)},
          {"queued", numbers(timeline.queued, 9)},        {"running", numbers(timeline.running, 9)},
          {"arrived", numbers(timeline.arrived_gpus, 7)}, {"offered", numbers(timeline.offered_gpus, 7)}};
}

Json waiting_json(const WaitingTimes& waiting) {
  Json curves = Json::array();
  for (const WaitCurve& curve : waiting.curves) {
    curves.push_back({{"kind", curve.kind}, {"jobs", curve.jobs}, {"share", numbers(curve.share)}});
  }
  return {{"wait_s", numbers(waiting.wait_s, 6)}, {"curves", curves}};
}

Json reasons_json(const std::vector<ReasonRow>& reasons) {
  Json rows = Json::array();
  for (const ReasonRow& row : reasons) {
    rows.push_back({{"name", row.name},
                    {"sentence", row.sentence},
                    {"started", row.started},
                    {"wait_s", short_number(row.wait_s, 9)},
                    {"without_place", row.without_place}});
  }
  return rows;
}

Json map_json(const GpuMap& map) {
  Json nodes = Json::array();
  for (const GpuMap::Node& node : map.nodes) {
    nodes.push_back({node.name, node.model, node.gpus, node.units});
  }
  // Columns; first steps as differences, which are mostly 0, and ends as lengths.
  std::array<Json, 9> columns;
  columns.fill(Json::array());
  std::uint32_t last_step = 0;
  for (const GpuMap::Part& part : map.parts) {
    const bool ends = std::isfinite(part.end_s);
    columns[0].push_back(part.gpu);
    columns[1].push_back(part.first_step - last_step);
    columns[2].push_back(part.end_step - part.first_step);
    columns[3].push_back(short_number(part.start_s, 7));
    columns[4].push_back(ends ? short_number(part.end_s - part.start_s, 5) : Json(-1));
    columns[5].push_back(part.start);
    columns[6].push_back(part.size);
    columns[7].push_back(part.mode);
    columns[8].push_back(part.job);
    last_step = part.first_step;
  }
  return {{"nodes", nodes},           {"all_nodes", map.all_nodes}, {"all_gpus", map.all_gpus}, {"steps", map.steps},
          {"left_out", map.left_out}, {"modes", map.modes},         {"gpu", columns[0]},        {"step", columns[1]},
          {"steps_long", columns[2]}, {"start_s", columns[3]},      {"long_s", columns[4]},     {"start", columns[5]},
          {"size", columns[6]},       {"mode", columns[7]},         {"job", columns[8]}};
}

Json comparison_json(const PolicyComparison& comparison) {
  Json policies = Json::array();
  for (std::size_t i = 0; i < comparison.policies.size(); ++i) {
    Json means = Json::array(), half_widths = Json::array();
    for (const Estimate& cell : comparison.cells[i]) {
      means.push_back(short_number(cell.mean, 7));
      half_widths.push_back(short_number(cell.half_width));
    }
    policies.push_back({{"name", comparison.policies[i]}, {"mean", means}, {"half_width", half_widths}});
  }
  return {{"seeds", comparison.seeds}, {"metrics", comparison.metrics}, {"policies", policies}};
}

Json pairs(const auto& rows) {
  Json array = Json::array();
  for (const auto& [name, value] : rows) {
    array.push_back({name, value});
  }
  return array;
}

}  // namespace

std::string report_json(const ReportData& data) {
  Json json;
  json["title"] = data.title;
  json["version"] = std::string(version()) + " (" + std::string(git_commit()) + ")";
  json["about"] = pairs(data.about);
  json["currency"] = data.currency;
  json["given_order"] = data.given_order;
  json["summary"] = Json::parse(data.summary_json);
  json["models"] = pairs(data.gpus_by_model);
  json["timeline"] = timeline_json(data.timeline);
  json["waiting"] = waiting_json(data.waiting);
  json["reasons"] = reasons_json(data.reasons);
  json["map"] = map_json(data.map);
  json["comparison"] = data.comparison.has_value() ? comparison_json(*data.comparison) : Json();
  const std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  // Names come from anybody: without '<' no "</script" or "<!--" can end the element that the text is in.
  std::string safe;
  safe.reserve(text.size());
  for (const char c : text) {
    if (c == '<') {
      safe += "\\u003c";
    } else {
      safe += c;
    }
  }
  return safe;
}

Result<std::string> report_page(std::string_view page, const ReportData& data) {
  const std::size_t mark = page.find(data_mark);
  if (mark == std::string_view::npos) {
    return Error{.code = ErrorCode::invalid_argument,
                 .message = "the page has no " + std::string(data_mark),
                 .file = {},
                 .line = 0,
                 .remedy = {}};
  }
  std::string text(page.substr(0, mark));
  text += report_json(data);
  return text.append(page.substr(mark + data_mark.size()));
}

}  // namespace gpusched::sim
