#include "readers/gtf_rows.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>

#include "gpusched/sim/readers/gtf_names.hpp"

#include "readers/gtf_tables.hpp"
#include "readers/number_text.hpp"

namespace gpusched::sim {

namespace {

constexpr double micro_per_unit = 1e6;

using Texts = std::map<std::string_view, std::string>;  // by column; no entry is an empty value

void put(Texts& texts, std::string_view column, std::string text) {
  if (!text.empty()) {
    texts[column] = std::move(text);
  }
}

void put_unless(Texts& texts, std::string_view column, std::int64_t value, std::int64_t default_value) {
  if (value != default_value) {
    texts[column] = std::to_string(value);
  }
}

void put_time(Texts& texts, std::string_view column, TimeNs value) {
  if (value >= 0) {
    texts[column] = format_seconds(value);
  }
}

void put_extra(Texts& texts, const std::vector<std::string>& columns, const ExtraValues& values) {
  for (std::size_t i = 0; i < std::min(columns.size(), values.size()); ++i) {
    put(texts, columns[i], values[i]);
  }
}

Texts texts_of(const JobSpec& spec) {
  const GpuRequest& request = spec.request;
  Texts texts;
  put(texts, "kind", spec.kind);
  put(texts, "class", std::string(find_word(class_names, request.job_class)));
  put(texts, "num_gpu", std::to_string(request.num_gpu));
  put_unless(texts, "gpu_milli", request.gpu_milli, request.num_gpu > 0 ? milli_per_unit : 0);
  put_unless(texts, "gpu_memory_mib", request.gpu_memory_mib, 0);
  put(texts, "mode", std::string(find_word(mode_names, request.mode)));
  put(texts, "mig_profile", request.mig_profile);
  put(texts, "max_slowdown", request.max_slowdown > 0 ? format_decimal(request.max_slowdown) : "");
  put(texts, "job_profile", request.job_profile);
  put(texts, "true_profile", spec.true_profile);
  put(texts, "trust_domain", request.trust_domain);
  put(texts, "node_labels", format_map(request.node_labels));
  put(texts, "gpu_models", format_set(request.gpu_models));
  put_unless(texts, "replicas", spec.replicas, 1);
  put_unless(texts, "gang_min", spec.gang_min, 0);
  put_unless(texts, "cpu_milli", request.cpu_milli, 0);
  put_unless(texts, "memory_mib", request.memory_mib, 0);
  put_unless(texts, "priority", request.priority, 0);
  put_unless(texts, "preemptible", request.preemptible ? 1 : 0, 1);
  put(texts, "qos", spec.qos);
  put(texts, "tenant", spec.tenant);
  put(texts, "user", spec.user);
  put(texts, "queue", spec.queue);
  put(texts, "isolation", std::string(find_word(isolation_names, request.isolation)));
  return texts;
}

Texts texts_of(const TraceNode& node, const Trace& trace) {
  Texts texts;
  put(texts, "id", node.id);
  put(texts, "gpu_model", node.gpu_model);
  put(texts, "num_gpu", std::to_string(node.num_gpu));
  put_unless(texts, "gpu_memory_mib", node.gpu_memory_mib, 0);
  put(texts, "cpu_milli", std::to_string(node.cpu_milli));
  put(texts, "memory_mib", std::to_string(node.memory_mib));
  put(texts, "sharing", std::string(find_word(sharing_names, node.sharing)));
  put_unless(texts, "replicas", node.replicas, 0);
  std::vector<std::pair<std::string, std::string>> labels;
  for (const auto& label : node.labels) {
    const bool has_column =
        label.first == "zone" || label.first == "rack" || label.first == "link_domain" || label.first == "pool";
    if (has_column && !label.second.empty()) {
      put(texts, find_column(node_columns(), label.first)->name, label.second);
    } else {
      labels.push_back(label);
    }
  }
  put(texts, "labels", format_map(labels));
  if (node.price_per_hour) {
    put(texts, "price_per_hour", std::to_string(std::llround(*node.price_per_hour * micro_per_unit)));
  }
  put(texts, "idle_w", node.idle_w ? format_decimal(*node.idle_w) : "");
  put(texts, "active_w", node.active_w ? format_decimal(*node.active_w) : "");
  put_time(texts, "available_from_s", node.available_from_ns.value_or(-1));
  put_time(texts, "available_to_s", node.available_to_ns.value_or(-1));
  put_extra(texts, trace.node_extra_columns, node.extra);
  return texts;
}

Texts texts_of(const TraceEvent& event, const Trace& trace) {
  Texts texts;
  put(texts, "time_s", format_seconds(event.time_ns));
  put(texts, "target", event.target);
  put(texts, "target_id", event.target_id);
  put(texts, "event", event.event);
  put(texts, "cause", event.cause);
  put_time(texts, "duration_s", event.duration_ns);
  put_extra(texts, trace.event_extra_columns, event.extra);
  return texts;
}

/// Required columns and those that some row uses, in the order of the format, then extra columns.
std::vector<TableColumn> used_columns(std::span<const TableColumn> known, const std::vector<std::string>& extra,
                                      const std::map<std::string_view, bool>& used) {
  std::vector<TableColumn> columns;
  for (const TableColumn& column : known) {
    if (column.required || used.count(column.name) > 0) {
      columns.push_back(column);
    }
  }
  // By name: JSON lines discover columns row by row, and that order must not show in what is written.
  const auto own_begin = static_cast<std::ptrdiff_t>(columns.size());
  for (const std::string& name : extra) {
    if (find_column(known, name) == nullptr) {
      columns.push_back({.name = name});
    }
  }
  std::sort(columns.begin() + own_begin, columns.end(),
            [](const TableColumn& a, const TableColumn& b) { return a.name < b.name; });
  return columns;
}

void mark_used(const Texts& texts, std::map<std::string_view, bool>& used) {
  for (const auto& entry : texts) {
    used[entry.first] = true;
  }
}

void mark_extra(const std::vector<std::string>& columns, std::map<std::string_view, bool>& used) {
  for (const std::string& column : columns) {
    used[column] = true;
  }
}

/// A table whose every row is formatted when asked for: nodes and events are few.
template <typename Row>
TextTable small_table(std::string_view name, std::string_view row_type, std::span<const TableColumn> known,
                      const std::vector<std::string>& extra, const std::vector<Row>& rows, const Trace& trace) {
  auto texts = std::make_shared<std::vector<Texts>>();
  std::map<std::string_view, bool> used;
  mark_extra(extra, used);
  for (const Row& row : rows) {
    texts->push_back(texts_of(row, trace));
    mark_used(texts->back(), used);
  }
  TextTable table{.name = name,
                  .row_type = row_type,
                  .columns = used_columns(known, extra, used),
                  .rows = rows.size(),
                  .format = {}};
  table.format = [texts, columns = table.columns](std::size_t row, std::vector<std::string_view>& values) {
    values.clear();
    for (const TableColumn& column : columns) {
      const auto place = (*texts)[row].find(column.name);
      values.push_back(place == (*texts)[row].end() ? std::string_view() : place->second);
    }
  };
  return table;
}

/// Jobs are many, specs few: a spec's texts are made once, in the order of the columns.
class JobFormatter {
 public:
  JobFormatter(const Trace& trace, const std::vector<TableColumn>& columns, const std::vector<Texts>& specs)
      : trace_(trace) {
    for (const TableColumn& column : columns) {
      const auto extra = std::find(trace.job_extra_columns.begin(), trace.job_extra_columns.end(), column.name);
      extra_of_column_.push_back(
          extra == trace.job_extra_columns.end() ? -1 : static_cast<int>(extra - trace.job_extra_columns.begin()));
      const auto row_column = std::find(row_columns.begin(), row_columns.end(), column.name);
      row_of_column_.push_back(row_column == row_columns.end() ? -1
                                                               : static_cast<int>(row_column - row_columns.begin()));
    }
    for (const Texts& texts : specs) {
      for (const TableColumn& column : columns) {
        const auto place = texts.find(column.name);
        spec_texts_.push_back(place == texts.end() ? "" : place->second);
      }
    }
  }

  void operator()(std::size_t row, std::vector<std::string_view>& values) {
    const TraceJob& job = trace_.jobs[row];
    const auto time = [](TimeNs ns) { return ns < 0 ? std::string() : format_seconds(ns); };
    row_texts_ = {job.id, time(job.submit_ns), time(job.duration_ns), time(job.max_wait_ns),
                  job.gang < 0 ? std::string() : trace_.gangs[static_cast<std::size_t>(job.gang)]};
    const ExtraValues* const extra = job.extra == TraceJob::no_extra ? nullptr : &trace_.job_extra[job.extra];
    const std::size_t width = row_of_column_.size();
    values.clear();
    for (std::size_t i = 0; i < width; ++i) {
      if (row_of_column_[i] >= 0) {
        values.push_back(row_texts_[static_cast<std::size_t>(row_of_column_[i])]);
      } else if (extra_of_column_[i] >= 0) {
        const auto at = static_cast<std::size_t>(extra_of_column_[i]);
        values.push_back(extra != nullptr && at < extra->size() ? std::string_view((*extra)[at]) : std::string_view());
      } else {
        values.push_back(spec_texts_[job.spec * width + i]);
      }
    }
  }

  static constexpr std::array<std::string_view, 5> row_columns = {"id", "submit_s", "duration_s", "max_wait_s",
                                                                  "gang_id"};

 private:
  const Trace& trace_;
  std::vector<int> extra_of_column_, row_of_column_;
  std::vector<std::string> spec_texts_;
  std::array<std::string, 5> row_texts_;
};

}  // namespace

TextTable node_rows(const Trace& trace) {
  return small_table("nodes", "node", node_columns(), trace.node_extra_columns, trace.nodes, trace);
}

TextTable event_rows(const Trace& trace) {
  return small_table("events", "event", event_columns(), trace.event_extra_columns, trace.events, trace);
}

TextTable job_rows(const Trace& trace) {
  std::vector<Texts> specs;
  std::map<std::string_view, bool> used;
  for (const JobSpec& spec : trace.specs) {
    specs.push_back(texts_of(spec));
    mark_used(specs.back(), used);
  }
  mark_extra(trace.job_extra_columns, used);
  for (const TraceJob& job : trace.jobs) {
    if (job.duration_ns >= 0) {
      used["duration_s"] = true;
    }
    if (job.max_wait_ns >= 0) {
      used["max_wait_s"] = true;
    }
    if (job.gang >= 0) {
      used["gang_id"] = true;
    }
  }
  TextTable table{.name = "jobs",
                  .row_type = "job",
                  .columns = used_columns(job_columns(), trace.job_extra_columns, used),
                  .rows = trace.jobs.size(),
                  .format = {}};
  table.format = JobFormatter(trace, table.columns, specs);
  return table;
}

}  // namespace gpusched::sim
