#include <fstream>
#include <iomanip>
#include <iostream>
#include <iterator>

#include <nlohmann/json.hpp>

#include "gpusched/io/perf_constants_json.hpp"
#include "gpusched/perf/slowdown_models.hpp"
#include "gpusched/sim/fit_plot.hpp"
#include "gpusched/sim/readers/measurements.hpp"

#include "commands.hpp"

namespace gpusched::cli {

namespace {

using Json = nlohmann::ordered_json;

Status write_text(const std::string& path, const std::string& text) {
  if (path == "-") {
    std::cout << text;
    return {};
  }
  std::ofstream out(path, std::ios::binary);
  if (!(out << text) || !out.flush()) {
    return Error{.code = ErrorCode::io, .message = "cannot be written", .file = path, .line = 0, .remedy = {}};
  }
  std::cerr << "wrote " << path << "\n";
  return {};
}

Result<std::vector<Measurement>> load(const FitArguments& arguments) {
  std::vector<Measurement> rows;
  for (const std::string& path : arguments.data) {
    Result<sim::MeasurementTable> table = sim::read_measurements(path);
    if (!table) {
      return table.error();
    }
    std::cerr << path << ": " << table.value().rows.size() << " measurements";
    if (table.value().did_not_run > 0) {
      std::cerr << ", " << table.value().did_not_run << " rows that did not run";
    }
    if (!table.value().other_files.empty()) {
      std::cerr << ", " << table.value().other_files.size() << " files of another kind left out";
    }
    std::cerr << "\n";
    std::copy_if(std::make_move_iterator(table.value().rows.begin()), std::make_move_iterator(table.value().rows.end()),
                 std::back_inserter(rows), [&](const Measurement& row) {
                   return arguments.max_copies == 0 || row.copies <= arguments.max_copies;
                 });
  }
  return rows;
}

Result<PerfConstants> starting_constants(const std::string& path) {
  if (path.empty()) {
    return PerfConstants{};
  }
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    return Error{.code = ErrorCode::not_found, .message = "no such file", .file = path, .line = 0, .remedy = {}};
  }
  return read_perf_constants(std::string(std::istreambuf_iterator<char>(in), {}), path);
}

void print_errors(std::string_view name, const FitErrors& errors) {
  std::cout << "  " << std::left << std::setw(26) << name << std::right << std::setw(6) << errors.points << std::fixed
            << std::setprecision(4) << std::setw(14) << errors.mean_absolute << std::setprecision(2) << std::setw(10)
            << errors.mean_percent << std::setw(9) << errors.p95_percent << std::setw(9) << errors.worst_percent
            << "\n";
}

void print(const SlowdownModelInfo& row, const FitReport& report) {
  std::cout << row.name << ": " << row.description << "\n";
  for (const FittedConstant& change : report.changes) {
    std::cout << "  " << std::left << std::setw(26) << change.name << std::fixed << std::setprecision(4)
              << change.before;
    if (change.determined) {
      std::cout << " -> " << change.after << "\n";
    } else {
      std::cout << " stays: these data say nothing about it\n";
    }
  }
  constexpr std::size_t shown = 20;
  for (std::size_t i = 0; i < std::min(shown, report.demands.size()); ++i) {
    std::cout << "  mps_demand of " << report.demands[i].job << ": " << std::fixed << std::setprecision(3)
              << report.demands[i].mps_demand << "\n";
  }
  if (report.demands.size() > shown) {
    std::cout << "  and " << report.demands.size() - shown << " more; --json prints all\n";
  }
  std::cout << "Errors of " << report.quantity << "\n"
            << "                            points  mean absolute    mean %    p95 %  worst %\n";
  print_errors("fitted to all points", fitted_errors(report.points));
  if (const FitErrors errors = held_out_errors(report.points); errors.points > 0) {
    print_errors("held out", errors);
  }
  std::cout << "Held out: " << report.held_out << "\n";
}

Json errors_json(const FitErrors& errors) {
  return {{"points", errors.points},
          {"mean_absolute", errors.mean_absolute},
          {"mean_percent", errors.mean_percent},
          {"p95_percent", errors.p95_percent},
          {"worst_percent", errors.worst_percent}};
}

Json to_json(const SlowdownModelInfo& row, const FitReport& report) {
  Json json = {{"model", row.name}, {"quantity", report.quantity}, {"held_out_rule", report.held_out}};
  json["constants"] = Json::object();
  for (const FittedConstant& change : report.changes) {
    json["constants"][std::string(change.name)] = {
        {"before", change.before}, {"after", change.after}, {"determined", change.determined}};
  }
  json["mps_demands"] = Json::object();
  for (const FittedDemand& demand : report.demands) {
    json["mps_demands"][demand.job] = demand.mps_demand;
  }
  json["fitted"] = errors_json(fitted_errors(report.points));
  json["held_out"] = errors_json(held_out_errors(report.points));
  json["points"] = Json::array();
  for (const FitPoint& point : report.points) {
    Json entry = {
        {"group", point.group}, {"label", point.label}, {"measured", point.measured}, {"fitted", point.fitted}};
    if (point.held_out) {
      entry["held_out"] = *point.held_out;
    }
    json["points"].push_back(std::move(entry));
  }
  return json;
}

}  // namespace

Status fit(const FitArguments& arguments) {
  const Result<const SlowdownModelInfo*> row = find_slowdown_model(arguments.model);
  if (!row) {
    return row.error();
  }
  const Result<PerfConstants> start = starting_constants(arguments.start);
  if (!start) {
    return start.error();
  }
  const Result<std::vector<Measurement>> measurements = load(arguments);
  if (!measurements) {
    return measurements.error();
  }
  const Result<FitReport> report = row.value()->model->fit(measurements.value(), start.value());
  if (!report) {
    return report.error();
  }
  if (arguments.json) {
    std::cout << to_json(*row.value(), report.value()).dump(2) << "\n";
  } else {
    print(*row.value(), report.value());
  }
  if (!arguments.out.empty()) {
    if (Status written = write_text(arguments.out, write_perf_constants(report.value().constants)); !written) {
      return written;
    }
  }
  if (!arguments.plot.empty()) {
    return write_text(arguments.plot, sim::fit_plot_svg(report.value(), arguments.model));
  }
  return {};
}

}  // namespace gpusched::cli
