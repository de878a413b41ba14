#include "gpusched/profiler/profile_file.hpp"

#include <cmath>
#include <set>

#include <nlohmann/json.hpp>

#include "gpusched/io/job_profile_json.hpp"
#include "gpusched/model/gpu_catalog.hpp"

namespace gpusched::profiler {

namespace {

using Json = nlohmann::ordered_json;

/// Six decimals: counters are not known better, and people read these files.
double rounded(double value) { return std::round(value * 1e6) / 1e6; }

template <typename T>
void put(Json& json, const char* name, const std::optional<T>& value) {
  if (value) {
    json[name] = *value;
  }
}
void put(Json& json, const char* name, const std::optional<double>& value) {
  if (value) {
    json[name] = rounded(*value);
  }
}
void put(Json& json, const char* name, const std::optional<Activity>& activity) {
  if (activity) {
    Json entry;
    put(entry, "mean", std::optional(activity->mean));
    put(entry, "p50", activity->p50);
    put(entry, "p90", activity->p90);
    put(entry, "p95", activity->p95);
    put(entry, "p99", activity->p99);
    json[name] = std::move(entry);
  }
}

Json samples_json(const Observation& seen) {
  return {{"taken", seen.samples},
          {"working", seen.working_samples},
          {"throttled", seen.throttled_samples},
          {"power_capped", seen.power_capped_samples},
          {"missed", seen.missed_samples}};
}

Json provenance_json(const MeasuredJob& measured) {
  const Provenance& from = measured.provenance;
  const Observation& seen = measured.seen;
  Json json;
  json["tool"] = from.tool;
  json["date"] = from.date;
  json["device"] = from.device;
  put(json, "instance", from.instance);
  put(json, "driver", from.driver);
  put(json, "nvml", from.nvml);
  json["command"] = from.command;
  put(json, "hz", from.hz);
  json["repetitions"] = from.repetitions;
  put(json, "spread", from.spread);
  json["duration_s"] = rounded(seen.duration_s);
  json["samples"] = samples_json(seen);
  put(json, "sm_clock_mhz", seen.sm_clock_mhz);
  put(json, "memory_clock_mhz", seen.memory_clock_mhz);
  put(json, "temperature_c", seen.temperature_c);
  put(json, "energy_j", seen.energy_j);
  put(json, "ecc_uncorrected", seen.ecc_uncorrected);
  put(json, "gpu_utilization", seen.gpu_utilization);
  put(json, "sm_occupancy", seen.sm_occupancy);
  put(json, "pcie_tx_mib_s", seen.pcie_tx_mib_s);
  put(json, "pcie_rx_mib_s", seen.pcie_rx_mib_s);
  put(json, "device_memory_peak_mib", seen.device_memory_peak_mib);
  json["processes"] = seen.processes;
  json["context_mib"] = measured.job.context_mib;
  if (!from.notes.empty()) {
    json["notes"] = from.notes;
  }
  return json;
}

/// What is known of a job that is no profile, in the shapes of one.
Json partial_json(const MeasuredJob& measured) {
  const Observation& seen = measured.seen;
  Json json;
  json["name"] = measured.job.name;
  json["kind"] = to_string(measured.job.kind);
  if (measured.gpu_model) {
    json["gpu_model"] = gpu_model(*measured.gpu_model).name;
  }
  put(json, "engine_active", seen.engine_active);
  put(json, "sm_active", seen.sm_active);
  put(json, "dram_active", seen.dram_active);
  put(json, "tensor_active", seen.tensor_active);
  put(json, "memory_peak_mib", seen.memory_peak_mib);
  put(json, "duty_cycle", seen.duty_cycle);
  put(json, "request_load", measured.job.request_load);
  put(json, "service_time_ms", measured.job.service_time_ms);
  put(json, "power_w", seen.power_w);
  json["missing"] = Json::array();
  for (const Missing& entry : measured.missing) {
    json["missing"].push_back({{"what", entry.what}, {"why", entry.why}});
  }
  json["provenance"] = provenance_json(measured);
  return json;
}

Json profile_json(const MeasuredJob& measured) {
  const JobProfile profile = to_profile(measured);
  // The core's writer is the judge of what a profile looks like.
  Json json = Json::parse(write_job_profiles(std::span(&profile, 1)))["profiles"][0];
  for (const char* activity : {"engine_active", "sm_active", "dram_active", "tensor_active"}) {
    if (json.contains(activity)) {
      for (auto& [quantile, value] : json[activity].items()) {
        value = rounded(value.get<double>());
      }
    }
  }
  for (const char* number : {"duty_cycle", "power_w"}) {
    if (json.contains(number)) {
      json[number] = rounded(json[number].get<double>());
    }
  }
  json["provenance"] = provenance_json(measured);
  return json;
}

std::string valid_utf8(std::string_view text) {
  return Json::parse(Json(text).dump(-1, ' ', false, Json::error_handler_t::replace)).get<std::string>();
}

std::string unused_name(const std::string& name, std::set<std::string>& used) {
  std::string candidate = name;
  for (int number = 2; !used.insert(candidate).second; ++number) {
    candidate = name + "-" + std::to_string(number);
  }
  return candidate;
}

std::optional<double> mean_in(const Json& json, const char* name) {
  const auto entry = json.find(name);
  if (entry == json.end()) {
    return std::nullopt;
  }
  const Json& value = entry->is_object() && entry->contains("mean") ? (*entry)["mean"] : *entry;
  return value.is_number() ? std::optional(value.get<double>()) : std::nullopt;
}

std::string text_in(const Json& json, const char* name) {
  const auto entry = json.find(name);
  return entry != json.end() && entry->is_string() ? entry->get<std::string>() : "";
}

ProfileRow row_of(const Json& json) {
  ProfileRow row{.name = text_in(json, "name"), .kind = text_in(json, "kind"), .gpu = text_in(json, "gpu_model")};
  row.engine_active = mean_in(json, "engine_active");
  row.sm_active = mean_in(json, "sm_active");
  row.dram_active = mean_in(json, "dram_active");
  row.tensor_active = mean_in(json, "tensor_active");
  row.duty_cycle = mean_in(json, "duty_cycle");
  row.power_w = mean_in(json, "power_w");
  if (const std::optional<double> memory = mean_in(json, "memory_peak_mib")) {
    row.memory_peak_mib = static_cast<std::int64_t>(*memory);
  }
  if (const auto missing = json.find("missing"); missing != json.end() && missing->is_array()) {
    for (const Json& entry : *missing) {
      row.missing.push_back({text_in(entry, "what"), text_in(entry, "why")});
    }
  }
  if (const auto provenance = json.find("provenance"); provenance != json.end() && provenance->is_object()) {
    const std::string instance = text_in(*provenance, "instance");
    row.gpu += instance.empty() ? "" : " " + instance;
    for (const Json& note : provenance->value("notes", Json::array())) {
      row.notes.push_back(note.is_string() ? note.get<std::string>() : note.dump());
    }
  }
  return row;
}

}  // namespace

std::string write_profile_file(std::span<const MeasuredJob> jobs) {
  Json json;
  json["version"] = 2;
  json["profiles"] = Json::array();
  Json partial = Json::array();
  std::set<std::string> names;
  for (MeasuredJob job : jobs) {
    // Names and commands come from shells and clusters, and JSON is UTF-8.
    job.job.name = unused_name(valid_utf8(job.job.name), names);
    job.provenance.command = valid_utf8(job.provenance.command);
    if (job.missing.empty()) {
      json["profiles"].push_back(profile_json(job));
    } else {
      partial.push_back(partial_json(job));
    }
  }
  if (!partial.empty()) {
    json["partial"] = std::move(partial);
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<std::vector<ProfileRow>> read_profile_rows(std::string_view text, const std::string& file) {
  if (const auto profiles = read_job_profiles(text, file); !profiles) {
    return profiles.error();
  }
  const Json json = Json::parse(text);
  std::vector<ProfileRow> rows;
  for (const char* list : {"profiles", "partial"}) {
    if (json.contains(list) && json[list].is_array()) {
      for (const Json& entry : json[list]) {
        if (entry.is_object()) {
          rows.push_back(row_of(entry));
        }
      }
    }
  }
  return rows;
}

}  // namespace gpusched::profiler
