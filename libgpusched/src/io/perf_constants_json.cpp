#include "gpusched/io/perf_constants_json.hpp"

#include <array>
#include <vector>

#include "gpusched/base/check.hpp"

#include "io/json_fields.hpp"

namespace gpusched {

using io::Json;

namespace {

constexpr std::int64_t format_version = 1;
constexpr std::array<std::string_view, 2> file_fields = {"version", "constants"};

}  // namespace

Result<PerfConstants> read_perf_constants(std::string_view text, const std::string& file) {
  const Result<Json> json = io::parse_json(text, file);
  if (!json) {
    return json.error();
  }
  io::JsonFields fields(file);
  if (!fields.object(json.value(), "the file", file_fields)) {
    return fields.status().error();
  }
  const std::int64_t version = fields.integer(json.value(), "the file", "version");
  if (version != format_version) {
    fields.fail(ErrorCode::unsupported, "version is " + std::to_string(version),
                "This program reads version " + std::to_string(format_version));
  }
  PerfConstants constants;
  std::vector<std::string_view> names;
  for (const PerfConstantInfo& row : perf_constant_table()) {
    names.push_back(row.name);
  }
  if (const Json* values = fields.member(json.value(), "the file", "constants");
      values != nullptr && fields.object(*values, "constants", names)) {
    for (const PerfConstantInfo& row : perf_constant_table()) {
      constants.*row.member = fields.optional_number(*values, "constants", row.name).value_or(constants.*row.member);
    }
  }
  if (fields.ok()) {
    if (const Status checked = check_perf_constants(constants); !checked) {
      fields.fail(checked.error());
    }
  }
  if (!fields.ok()) {
    return fields.status().error();
  }
  return constants;
}

std::string write_perf_constants(const PerfConstants& constants) {
  const Status checked = check_perf_constants(constants);
  GPUSCHED_CHECK(checked.ok(), checked.error().to_string());
  Json json;
  json["version"] = format_version;
  for (const PerfConstantInfo& row : perf_constant_table()) {
    json["constants"][std::string(row.name)] = constants.*row.member;
  }
  return json.dump(2) + "\n";
}

}  // namespace gpusched
