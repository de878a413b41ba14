#include <iomanip>
#include <iostream>

#include <nlohmann/json.hpp>

#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/model/mig_lattice.hpp"
#include "gpusched/perf/slowdown_models.hpp"
#include "gpusched/policy/registry.hpp"
#include "gpusched/sim/generators/trace_generators.hpp"
#include "gpusched/sim/readers/trace_formats.hpp"

#include "commands.hpp"

namespace gpusched::cli {

namespace {

using Json = nlohmann::ordered_json;

Json parameters_json(const auto& parameters) {
  Json json = Json::array();
  for (const auto& parameter : parameters) {
    json.push_back(
        {{"name", parameter.name}, {"default", parameter.default_value}, {"description", parameter.description}});
  }
  return json;
}

template <typename T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json policies_json() {
  Json rows = Json::array();
  for (const PolicyInfo& row : policies()) {
    rows.push_back(
        {{"name", row.name}, {"description", row.description}, {"parameters", parameters_json(row.parameters)}});
  }
  return rows;
}

Json generators_json() {
  Json rows = Json::array();
  for (const sim::TraceGenerator& row : sim::trace_generators()) {
    rows.push_back(
        {{"name", row.name}, {"description", row.description}, {"parameters", parameters_json(row.parameters)}});
  }
  return rows;
}

Json formats_json() {
  Json rows = Json::array();
  for (const sim::TraceFormat& row : sim::trace_formats()) {
    rows.push_back({{"name", row.name},
                    {"description", std::string(row.description) + (row.write == nullptr ? " (read only)" : "")},
                    {"path", row.path_meaning}});
  }
  return rows;
}

Json slowdown_json() {
  Json rows = Json::array();
  for (const SlowdownModelInfo& row : slowdown_models()) {
    rows.push_back({{"name", row.name},
                    {"description", row.description},
                    {"needs", row.needs},
                    {"validity", row.validity},
                    {"error", row.error},
                    {"source", row.source}});
  }
  return rows;
}

Json models_json() {
  Json rows = Json::array();
  for (const GpuModel& model : gpu_catalog()) {
    std::string mig = "MIG: " + std::to_string(model.profiles.size()) + " profiles";
    if (!model.has_lattice()) {
      mig = std::string(model.mig_refusal);
    }
    rows.push_back({{"name", model.name},
                    {"memory_mib", or_null(model.memory_mib)},
                    {"sm_count", or_null(model.sm_count)},
                    {"description", mig},
                    {"aliases", model.aliases}});
  }
  return rows;
}

Result<Json> profiles_json(const std::string& name) {
  Json rows = Json::array();
  std::optional<GpuModelId> wanted;
  if (!name.empty()) {
    const Result<GpuModelId> found = find_gpu_model(name);
    if (!found) {
      return found.error();
    }
    wanted = found.value();
  }
  for (std::uint32_t i = 0; i < gpu_catalog().size(); ++i) {
    if (wanted && wanted->value != i) {
      continue;
    }
    for (const MigProfile& profile : gpu_catalog()[i].profiles) {
      std::string starts;
      for (const std::int16_t start : profile.starts) {
        starts += (starts.empty() ? "" : ",") + std::to_string(start);
      }
      rows.push_back({{"name", std::string(gpu_catalog()[i].name) + " " + std::string(profile.name)},
                      {"memory_mib", or_null(profile.memory_mib)},
                      {"sm_count", or_null(profile.sm_count)},
                      {"description", std::to_string(profile.memory_units) + " units at {" + starts + "}, at most " +
                                          (profile.max_instances ? std::to_string(*profile.max_instances) : "?")}});
    }
  }
  if (rows.empty()) {
    return Error{.code = ErrorCode::unsupported,
                 .message = name + " has no MIG profiles: " + std::string(gpu_model(*wanted).mig_refusal),
                 .file = {},
                 .line = 0,
                 .remedy = {}};
  }
  return rows;
}

void print(const Json& rows) {
  for (const Json& row : rows) {
    std::cout << std::left << std::setw(32) << row["name"].get<std::string>() << " ";
    if (row.contains("memory_mib")) {
      std::cout << std::right << std::setw(7) << (row["memory_mib"].is_null() ? "?" : row["memory_mib"].dump())
                << " MiB " << std::setw(4) << (row["sm_count"].is_null() ? "?" : row["sm_count"].dump()) << " SM  ";
    }
    std::cout << row["description"].get<std::string>() << "\n";
    for (const Json& parameter : row.value("parameters", Json::array())) {
      std::cout << "    " << std::left << std::setw(18)
                << parameter["name"].get<std::string>() + "=" + parameter["default"].get<std::string>() << " "
                << parameter["description"].get<std::string>() << "\n";
    }
    if (row.contains("path")) {
      std::cout << "    " << row["path"].get<std::string>() << "\n";
    }
    for (const char* fact : {"needs", "validity", "error", "source"}) {
      if (row.contains(fact)) {
        std::cout << "    " << std::left << std::setw(9) << fact << " " << row[fact].get<std::string>() << "\n";
      }
    }
  }
}

}  // namespace

Status list(const ListArguments& arguments) {
  Result<Json> rows = arguments.what == "policies"     ? Result<Json>(policies_json())
                      : arguments.what == "models"     ? Result<Json>(models_json())
                      : arguments.what == "formats"    ? Result<Json>(formats_json())
                      : arguments.what == "generators" ? Result<Json>(generators_json())
                      : arguments.what == "slowdown"   ? Result<Json>(slowdown_json())
                                                       : profiles_json(arguments.name);
  if (!rows) {
    return rows.error();
  }
  if (arguments.json) {
    std::cout << rows.value().dump(2) << "\n";
  } else {
    print(rows.value());
  }
  return {};
}

}  // namespace gpusched::cli
