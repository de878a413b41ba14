#include "gpusched/io/job_profile_json.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <span>

#include "gpusched/base/check.hpp"
#include "gpusched/model/gpu_catalog.hpp"

#include "io/json_fields.hpp"

namespace gpusched {

using io::Json;
using io::JsonFields;

namespace {

// Version 2 adds what a measuring program has to say and no prediction needs: "provenance" of a profile, and "partial",
// jobs of which too little is known. Both may be of any shape, and are left aside here.
constexpr std::int64_t written_version = 1, newest_version = 2;

constexpr std::array<std::string_view, 3> file_fields = {"version", "profiles", "partial"};
constexpr std::array<std::string_view, 17> profile_fields = {
    "name",          "revision",        "kind",       "gpu_model",    "engine_active",   "sm_active", "dram_active",
    "tensor_active", "memory_peak_mib", "duty_cycle", "request_load", "service_time_ms", "power_w",   "slice_speeds",
    "mps_demand",    "source",          "provenance"};

/// The fields of a version: the last one came with version 2.
template <std::size_t Count>
std::span<const std::string_view> fields_of(const std::array<std::string_view, Count>& fields, std::int64_t version) {
  return std::span(fields).first(version >= 2 ? Count : Count - 1);
}

constexpr std::array<std::string_view, 5> activity_fields = {"mean", "p50", "p90", "p95", "p99"};

Activity read_activity(JsonFields& fields, const Json& json, const std::string& path) {
  Activity activity;
  if (fields.object(json, path, activity_fields)) {
    activity.mean = fields.number(json, path, "mean");
    activity.p50 = fields.optional_number(json, path, "p50");
    activity.p90 = fields.optional_number(json, path, "p90");
    activity.p95 = fields.optional_number(json, path, "p95");
    activity.p99 = fields.optional_number(json, path, "p99");
  }
  return activity;
}

Activity required_activity(JsonFields& fields, const Json& json, const std::string& path, std::string_view name) {
  const Json* member = fields.member(json, path, name);
  return member == nullptr ? Activity{} : read_activity(fields, *member, path + "." + std::string(name));
}

std::optional<Activity> optional_activity(JsonFields& fields, const Json& json, const std::string& path,
                                          std::string_view name) {
  return json.contains(std::string(name)) ? std::optional(required_activity(fields, json, path, name)) : std::nullopt;
}

JobKind read_kind(JsonFields& fields, const Json& json, const std::string& path) {
  const std::string kind = fields.text(json, path, "kind");
  if (kind == to_string(JobKind::service)) {
    return JobKind::service;
  }
  if (kind != to_string(JobKind::closed)) {
    fields.fail(ErrorCode::invalid_argument, path + ".kind is '" + kind + "'", "Known kinds: closed, service");
  }
  return JobKind::closed;
}

std::vector<SliceSpeed> read_slice_speeds(JsonFields& fields, const Json& json, const std::string& path,
                                          GpuModelId model) {
  const std::string own_path = path + ".slice_speeds";
  const Json& speeds = json.at("slice_speeds");
  std::vector<SliceSpeed> result;
  if (!speeds.is_object()) {
    fields.fail(ErrorCode::invalid_argument, own_path + " is not an object", "Give {\"1g.10gb\": 0.4, ...}");
    return result;
  }
  for (const auto& [name, value] : speeds.items()) {
    const Result<MigProfileId> profile = find_mig_profile(model, name);
    if (!profile) {
      fields.fail(profile.error().code, own_path + ": " + profile.error().message, profile.error().remedy);
      return result;
    }
    result.push_back({.profile = std::string(gpu_model(model).profiles[profile.value().value].name),
                      .speed = fields.number(speeds, own_path, name)});
  }
  std::sort(result.begin(), result.end(), [](const auto& a, const auto& b) { return a.profile < b.profile; });
  return result;
}

JobProfile read_profile(JsonFields& fields, const Json& json, const std::string& path, std::int64_t version) {
  JobProfile profile;
  if (!fields.object(json, path, fields_of(profile_fields, version))) {
    return profile;
  }
  profile.name = fields.text(json, path, "name");
  if (json.contains("revision")) {
    const std::int64_t revision = fields.integer(json, path, "revision");
    profile.revision = static_cast<int>(std::clamp<std::int64_t>(revision, 0, std::numeric_limits<int>::max()));
  }
  profile.kind = read_kind(fields, json, path);
  const Result<GpuModelId> model = find_gpu_model(fields.text(json, path, "gpu_model"));
  if (!model) {
    fields.fail(model.error().code, path + ".gpu_model: " + model.error().message, model.error().remedy);
    return profile;
  }
  profile.gpu_model = model.value();
  profile.engine_active = required_activity(fields, json, path, "engine_active");
  profile.sm_active = optional_activity(fields, json, path, "sm_active");
  profile.dram_active = required_activity(fields, json, path, "dram_active");
  profile.tensor_active = optional_activity(fields, json, path, "tensor_active");
  profile.memory_peak_mib = fields.integer(json, path, "memory_peak_mib");
  profile.duty_cycle = fields.optional_number(json, path, "duty_cycle").value_or(1);
  profile.request_load = optional_activity(fields, json, path, "request_load");
  profile.service_time_ms = fields.optional_number(json, path, "service_time_ms");
  profile.power_w = fields.optional_number(json, path, "power_w");
  if (json.contains("slice_speeds")) {
    profile.slice_speeds = read_slice_speeds(fields, json, path, profile.gpu_model);
  }
  profile.mps_demand = fields.optional_number(json, path, "mps_demand");
  profile.source = json.contains("source") ? fields.text(json, path, "source") : "";
  if (fields.ok()) {
    if (const Status checked = check_job_profile(profile); !checked) {
      fields.fail(checked.error());
    }
  }
  return profile;
}

/// "profiles[3] 'bert'": both, as a name may be missing or wrong.
std::string path_of(std::size_t index, const Json& json) {
  std::string path = "profiles[" + std::to_string(index) + "]";
  if (json.is_object() && json.contains("name") && json["name"].is_string()) {
    path += " '" + json["name"].get<std::string>().substr(0, 60) + "'";
  }
  return path;
}

Json activity_json(const Activity& activity) {
  Json json;
  json["mean"] = activity.mean;
  if (activity.p50) json["p50"] = *activity.p50;
  if (activity.p90) json["p90"] = *activity.p90;
  if (activity.p95) json["p95"] = *activity.p95;
  if (activity.p99) json["p99"] = *activity.p99;
  return json;
}

Json profile_json(const JobProfile& p) {
  Json json;
  json["name"] = p.name;
  json["revision"] = p.revision;
  json["kind"] = to_string(p.kind);
  json["gpu_model"] = gpu_model(p.gpu_model).name;
  json["engine_active"] = activity_json(p.engine_active);
  if (p.sm_active) json["sm_active"] = activity_json(*p.sm_active);
  json["dram_active"] = activity_json(p.dram_active);
  if (p.tensor_active) json["tensor_active"] = activity_json(*p.tensor_active);
  json["memory_peak_mib"] = p.memory_peak_mib;
  json["duty_cycle"] = p.duty_cycle;
  if (p.request_load) json["request_load"] = activity_json(*p.request_load);
  if (p.service_time_ms) json["service_time_ms"] = *p.service_time_ms;
  if (p.power_w) json["power_w"] = *p.power_w;
  for (const SliceSpeed& entry : p.slice_speeds) {
    json["slice_speeds"][entry.profile] = entry.speed;
  }
  if (p.mps_demand) json["mps_demand"] = *p.mps_demand;
  if (!p.source.empty()) json["source"] = p.source;
  return json;
}

}  // namespace

Result<std::vector<JobProfile>> read_job_profiles(std::string_view text, const std::string& file) {
  const Result<Json> json = io::parse_json(text, file);
  if (!json) {
    return json.error();
  }
  JsonFields fields(file);
  std::vector<JobProfile> profiles;
  // Of another version fields may be unknown; it is the version that is to be named then.
  const bool object = json.value().is_object();
  const std::int64_t version = object ? fields.integer(json.value(), "the file", "version") : written_version;
  if (fields.ok() && (version < 1 || version > newest_version)) {
    fields.fail(ErrorCode::unsupported, "version is " + std::to_string(version),
                "This program reads versions 1 to " + std::to_string(newest_version));
  }
  if (!fields.ok() || !fields.object(json.value(), "the file", fields_of(file_fields, version))) {
    return fields.status().error();
  }
  const Json* rows = fields.member(json.value(), "the file", "profiles");
  if (rows != nullptr && !rows->is_array()) {
    fields.fail(ErrorCode::invalid_argument, "profiles is not a list", "");
  }
  std::map<std::string, std::size_t> names;
  for (std::size_t i = 0; fields.ok() && i < rows->size(); ++i) {
    const std::string path = path_of(i, (*rows)[i]);
    profiles.push_back(read_profile(fields, (*rows)[i], path, version));
    const auto [first, is_new] = names.try_emplace(profiles.back().name, i);
    if (!is_new) {
      fields.fail(ErrorCode::already_exists, path + " has the name of profiles[" + std::to_string(first->second) + "]",
                  "Rename one, or keep the newer revision only");
    }
  }
  if (!fields.ok()) {
    return fields.status().error();
  }
  return profiles;
}

std::string write_job_profiles(std::span<const JobProfile> profiles) {
  Json json;
  json["version"] = written_version;
  json["profiles"] = Json::array();
  for (const JobProfile& profile : profiles) {
    const Status checked = check_job_profile(profile);
    GPUSCHED_CHECK(checked.ok(), checked.error().to_string());
    json["profiles"].push_back(profile_json(profile));
  }
  return json.dump(2) + "\n";
}

}  // namespace gpusched
