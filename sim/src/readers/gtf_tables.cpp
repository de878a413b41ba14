#include "readers/gtf_tables.hpp"

#include <algorithm>

namespace gpusched::sim {

namespace {

constexpr auto carried = ColumnUse::carried;

constexpr std::array node_table = {
    TableColumn{.name = "id", .required = true},
    TableColumn{.name = "gpu_model"},
    TableColumn{.name = "num_gpu", .required = true, .numeric = true},
    TableColumn{.name = "gpu_memory_mib", .numeric = true},
    TableColumn{.name = "cpu_milli", .required = true, .numeric = true},
    TableColumn{.name = "memory_mib", .required = true, .numeric = true},
    TableColumn{.name = "mig_capable", .numeric = true, .use = carried},
    TableColumn{.name = "mig_layout", .use = carried},
    TableColumn{.name = "sharing"},
    TableColumn{.name = "replicas", .numeric = true},
    TableColumn{.name = "labels"},
    TableColumn{.name = "zone"},
    TableColumn{.name = "rack"},
    TableColumn{.name = "link_domain"},
    TableColumn{.name = "pool"},
    TableColumn{.name = "price_per_hour", .numeric = true},
    TableColumn{.name = "idle_w", .numeric = true},
    TableColumn{.name = "active_w", .numeric = true},
    TableColumn{.name = "available_from_s", .numeric = true},
    TableColumn{.name = "available_to_s", .numeric = true},
};

constexpr std::array job_table = {
    TableColumn{.name = "id", .required = true},
    TableColumn{.name = "kind", .required = true},
    TableColumn{.name = "class"},
    TableColumn{.name = "submit_s", .required = true, .numeric = true},
    TableColumn{.name = "duration_s", .numeric = true},
    TableColumn{.name = "walltime_s", .numeric = true, .use = carried},
    TableColumn{.name = "num_gpu", .required = true, .numeric = true},
    TableColumn{.name = "gpu_milli", .numeric = true},
    TableColumn{.name = "gpu_memory_mib", .numeric = true},
    TableColumn{.name = "mode"},
    TableColumn{.name = "mig_profile"},
    TableColumn{.name = "max_slowdown", .numeric = true},
    TableColumn{.name = "job_profile"},
    TableColumn{.name = "true_profile"},
    TableColumn{.name = "trust_domain"},
    TableColumn{.name = "node_labels"},
    TableColumn{.name = "gpu_models"},
    TableColumn{.name = "replicas", .numeric = true},
    TableColumn{.name = "gang_id"},
    TableColumn{.name = "gang_min", .numeric = true},
    TableColumn{.name = "cpu_milli", .numeric = true},
    TableColumn{.name = "memory_mib", .numeric = true},
    TableColumn{.name = "priority", .numeric = true},
    TableColumn{.name = "preemptible", .numeric = true},
    TableColumn{.name = "qos"},
    TableColumn{.name = "tenant"},
    TableColumn{.name = "user"},
    TableColumn{.name = "queue"},
    TableColumn{.name = "deadline_s", .numeric = true, .use = carried},
    TableColumn{.name = "max_wait_s", .numeric = true},
    TableColumn{.name = "after", .use = carried},
    TableColumn{.name = "think_s", .numeric = true, .use = carried},
    TableColumn{.name = "checkpoint_s", .numeric = true, .use = carried},
    TableColumn{.name = "ckpt_cost_s", .numeric = true, .use = carried},
    TableColumn{.name = "restart_cost_s", .numeric = true, .use = carried},
    TableColumn{.name = "elastic_min", .numeric = true, .use = carried},
    TableColumn{.name = "elastic_max", .numeric = true, .use = carried},
    TableColumn{.name = "isolation"},
    TableColumn{.name = "affinity", .use = carried},
    TableColumn{.name = "hold", .use = carried},
    TableColumn{.name = "state", .use = carried},
    TableColumn{.name = "obs_start_s", .numeric = true, .use = carried},
    TableColumn{.name = "obs_wait_s", .numeric = true, .use = carried},
    TableColumn{.name = "censored", .numeric = true, .use = carried},
    TableColumn{.name = "ref_gpu", .use = carried},
    TableColumn{.name = "perf", .use = carried},
};

constexpr std::array event_table = {
    TableColumn{.name = "time_s", .required = true, .numeric = true},
    TableColumn{.name = "target", .required = true},
    TableColumn{.name = "target_id", .required = true},
    TableColumn{.name = "event", .required = true},
    TableColumn{.name = "cause"},
    TableColumn{.name = "duration_s", .numeric = true},
    TableColumn{.name = "value", .numeric = true, .use = carried},
    TableColumn{.name = "correlated_group", .use = carried},
};

constexpr std::array unread = {
    UnreadTable{.name = "services", .row_type = "service", .telling_column = "container_concurrency"},
    UnreadTable{.name = "requests", .row_type = "request", .telling_column = "service"},
    UnreadTable{.name = "bursts", .row_type = "burst", .telling_column = "active_s"},
    UnreadTable{.name = "sessions", .row_type = "session", .telling_column = "user_turns"},
    UnreadTable{.name = "templates", .row_type = "template", .telling_column = "template"},
    UnreadTable{.name = "coldstart", .row_type = "coldstart", .telling_column = "runtime_s"},
};

/// Calls `take` for every part of `text` between bars; an empty text has no part.
template <typename Take>
void for_each_part(std::string_view text, const Take& take) {
  while (!text.empty()) {
    const std::size_t bar = std::min(text.find('|'), text.size());
    take(text.substr(0, bar));
    text.remove_prefix(std::min(bar + 1, text.size()));
  }
}

}  // namespace

std::span<const TableColumn> node_columns() { return node_table; }
std::span<const TableColumn> job_columns() { return job_table; }
std::span<const TableColumn> event_columns() { return event_table; }
std::span<const UnreadTable> unread_tables() { return unread; }

std::optional<std::vector<std::pair<std::string, std::string>>> parse_map(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> map;
  bool well_formed = true;
  for_each_part(text, [&](std::string_view part) {
    const std::size_t equals = part.find('=');
    well_formed = well_formed && equals != std::string_view::npos && equals > 0;
    if (well_formed) {
      map.emplace_back(part.substr(0, equals), part.substr(equals + 1));
    }
  });
  std::sort(map.begin(), map.end());
  const auto same_key = [](const auto& a, const auto& b) { return a.first == b.first; };
  if (!well_formed || std::adjacent_find(map.begin(), map.end(), same_key) != map.end()) {
    return std::nullopt;
  }
  return map;
}

std::string format_map(std::span<const std::pair<std::string, std::string>> map) {
  std::string text;
  for (const auto& [key, value] : map) {
    text += text.empty() ? "" : "|";
    text.append(key).append("=").append(value);
  }
  return text;
}

std::vector<std::string> parse_set(std::string_view text) {
  std::vector<std::string> set;
  for_each_part(text, [&](std::string_view part) {
    if (!part.empty()) {
      set.emplace_back(part);
    }
  });
  return set;
}

std::string format_set(std::span<const std::string> set) {
  std::string text;
  for (const std::string& part : set) {
    text += text.empty() ? "" : "|";
    text += part;
  }
  return text;
}

Status merge_metadata(std::string_view table, std::string_view key, std::string_view value, const std::string& file,
                      Trace& trace) {
  if (key == "gtf_version") {
    if (value != "1") {
      return Error{.code = ErrorCode::unsupported,
                   .message = "gtf_version is '" + std::string(value) + "'",
                   .file = file,
                   .line = 0,
                   .remedy = "This program reads version 1"};
    }
    return {};
  }
  if (key == "type" || key == "gtf") {
    return Error{.code = ErrorCode::invalid_argument,
                 .message = "metadata '" + std::string(key) + "': JSON lines use the word themselves",
                 .file = file,
                 .line = 0,
                 .remedy = "Choose another key"};
  }
  const auto [place, is_new] = trace.metadata.try_emplace(std::string(key), value);
  if (!is_new && place->second != value) {
    trace.metadata[std::string(table) + "." + std::string(key)] = value;
  }
  return {};
}

}  // namespace gpusched::sim
