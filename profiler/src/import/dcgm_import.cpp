#include "gpusched/profiler/dcgm_import.hpp"

#include <algorithm>
#include <cmath>

#include "gpusched/model/gpu_catalog.hpp"

#include "import/csv_table.hpp"
#include "import/dcgm_fields.hpp"
#include "import/prometheus_line.hpp"
#include "import/time_text.hpp"

namespace gpusched::profiler {

namespace {

constexpr std::size_t most_series = 100'000;
constexpr std::size_t longest_line = 65'536;

Error wrong(std::string message, const std::string& file, int line, std::string remedy) {
  return {.code = ErrorCode::invalid_argument,
          .message = std::move(message),
          .file = file,
          .line = line,
          .remedy = std::move(remedy)};
}

Error absent(const char* message) {
  return {.code = ErrorCode::not_found,
          .message = message,
          .file = {},
          .line = 0,
          .remedy = "Have dcgm-exporter collect it, or `dcgmi dmon -e 1001,1002,1004,1005,252`"};
}

/// Calls `use(line, number)` for each line, without its end.
template <typename Use>
Status for_lines(std::string_view text, Use use) {
  int number = 1;
  for (std::size_t begin = 0; begin < text.size(); ++number) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view line = text.substr(begin, end - begin);
    if (line.ends_with('\r')) {
      line.remove_suffix(1);
    }
    begin = end + 1;
    if (Status used = use(line, number); !used) {
      return used;
    }
  }
  return {};
}

bool is_blank_line(std::string_view line) { return line.find_first_not_of(" \t") == std::string_view::npos; }

std::string label(const DcgmImport::Value& value, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (const auto found = value.labels.find(name); found != value.labels.end() && !found->second.empty()) {
      return found->second;
    }
  }
  return {};
}

/// "GPU 0" and "GPU-I 3", as `dcgmi dmon` calls them.
void read_entity(const std::string& entity, std::map<std::string, std::string>& labels) {
  constexpr std::string_view instance = "GPU-I ";
  if (entity.starts_with(instance)) {
    labels["GPU_I_ID"] = entity.substr(instance.size());
  } else if (entity.starts_with("GPU ")) {
    labels["gpu"] = entity.substr(4);
  }
}

/// What the columns of a table are.
struct TableHead {
  std::vector<std::string> names{};
  bool dmon = false;
  int metric = -1, value = -1, time = -1;  ///< columns, or -1
  bool has_fields = false;
};

TableHead read_head(std::string_view line) {
  TableHead head;
  head.dmon = line.starts_with("#");
  if (head.dmon) {
    head.names = split_dmon(line.substr(
        line.find_first_not_of("# \t") == std::string_view::npos ? line.size() : line.find_first_not_of("# \t")));
  } else {
    split_csv(line, head.names);
  }
  for (std::size_t i = 0; i < head.names.size(); ++i) {
    const std::string& name = head.names[i];
    const int column = static_cast<int>(i);
    head.has_fields = head.has_fields || find_dcgm_field(name) != nullptr;
    if (name == "metric" || name == "__name__" || name == "name") head.metric = column;
    if (name == "value" || name == "Value") head.value = column;
    if (name == "timestamp" || name == "time" || name == "Time") head.time = column;
  }
  return head;
}

/// The values of a row of a table; what is wrong with it, or nothing.
std::optional<std::string> read_row(const TableHead& head, const std::vector<std::string>& cells,
                                    std::vector<DcgmImport::Value>& values) {
  if (cells.size() != head.names.size()) {
    return "another number of cells than the head has";
  }
  DcgmImport::Value common;
  if (head.time >= 0) {
    common.at_ms = read_time_ms(cells[static_cast<std::size_t>(head.time)]);
    if (!common.at_ms) {
      return "the time is neither a number nor ISO 8601, from 1970 to 2262";
    }
  }
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (head.dmon && i == 0) {
      read_entity(cells[i], common.labels);
    } else if (find_dcgm_field(head.names[i]) == nullptr) {
      common.labels[head.names[i]] = cells[i];
    }
  }
  const auto add = [&](const std::string& field, const std::string& cell) -> std::optional<std::string> {
    if (cell.empty() || cell == "N/A" || cell == "NaN" || cell == "nan") {
      return std::nullopt;  // no value at that time
    }
    const std::optional<double> number = read_number(cell);
    if (!number) {
      return "the value is no finite number";
    }
    values.push_back(common);
    values.back().field = field;
    values.back().value = *number;
    return std::nullopt;
  };
  if (!head.has_fields) {
    return add(cells[static_cast<std::size_t>(head.metric)], cells[static_cast<std::size_t>(head.value)]);
  }
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (find_dcgm_field(head.names[i]) != nullptr) {
      if (auto problem = add(head.names[i], cells[i])) {
        return problem;
      }
    }
  }
  return std::nullopt;
}

}  // namespace

Status DcgmImport::add(std::string_view text, const std::string& file, DcgmFormat format) {
  ++scrape_;
  seen_.clear();
  if (format == DcgmFormat::automatic) {
    // A table's head has no braces and no value; that of dmon is a comment to Prometheus.
    format = DcgmFormat::csv;
    static_cast<void>(for_lines(text, [&](std::string_view line, int) -> Status {
      const bool comment = line.starts_with("# HELP") || line.starts_with("# TYPE");
      Value value;
      if (comment || (!is_blank_line(line) && !read_prometheus_line(line, value))) {
        format = DcgmFormat::prometheus;
      }
      return comment || !is_blank_line(line) ? Status(Error{}) : Status();  // the first line decides
    }));
  }
  return format == DcgmFormat::prometheus ? read_prometheus(text, file) : read_table(text, file);
}

Status DcgmImport::read_prometheus(std::string_view text, const std::string& file) {
  return for_lines(text, [&](std::string_view line, int number) -> Status {
    if (line.starts_with("# HELP ")) {
      next_scrape_if_seen(std::string(line.substr(0, longest_line)));  // each metric has one in a scrape
    }
    if (is_blank_line(line) || line.starts_with("#")) {
      return {};
    }
    ++report_.lines;
    Value value;
    if (line.size() > longest_line) {
      bad("longer than 64 KiB", {file, number});
    } else if (const auto problem = read_prometheus_line(line, value)) {
      bad(*problem, {file, number});
    } else {
      return take_line({value}, {file, number});
    }
    return {};
  });
}

Status DcgmImport::read_table(std::string_view text, const std::string& file) {
  std::optional<TableHead> head;
  return for_lines(text, [&](std::string_view line, int number) -> Status {
    if (is_blank_line(line)) {
      return {};
    }
    if (!head) {
      head = read_head(line.substr(0, longest_line));
      if (!head->has_fields && (head->metric < 0 || head->value < 0)) {
        return wrong(
            "neither Prometheus text nor a table of DCGM's fields", file, number,
            "A table has a head with fields such as DCGM_FI_PROF_GR_ENGINE_ACTIVE, or columns metric and value");
      }
      return {};
    }
    std::vector<std::string> cells = head->dmon ? split_dmon(line) : std::vector<std::string>();
    if (head->dmon && (line.starts_with("#") || cells[0] == "ID")) {
      return {};  // dmon repeats its head
    }
    ++report_.lines;
    std::vector<Value> values;
    if (line.size() > longest_line) {
      bad("longer than 64 KiB", {file, number});
    } else if (!head->dmon && !split_csv(line, cells)) {
      bad("a quote does not end", {file, number});
    } else if (const auto problem = read_row(*head, cells, values)) {
      bad(*problem, {file, number});
    } else {
      return take_line(values, {file, number});
    }
    return {};
  });
}

Status DcgmImport::take_line(const std::vector<Value>& values, Place place) {
  bool used = false;
  for (const Value& value : values) {
    const DcgmField* const field = find_dcgm_field(value.field);
    if (field != nullptr && !is_blank(value.value) && (value.value < 0 || value.value > field->most)) {
      bad("a value of " + std::string(field->names[0]) + " is out of range", place);
      return {};
    }
    used = used || (field != nullptr && !is_blank(value.value));
  }
  ++(used ? report_.used : report_.other);
  for (const Value& value : values) {
    if (Status taken = take(value); !taken) {
      return wrong(taken.error().message, place.first, place.second, taken.error().remedy);
    }
  }
  return {};
}

Status DcgmImport::take(const Value& value) {
  const DcgmField* const field = find_dcgm_field(value.field);
  const std::string instance_id = label(value, {"GPU_I_ID"});
  if (field == nullptr || is_blank(value.value) || (!instance_id.empty() && !field->of_instances)) {
    return {};
  }
  const std::string gpu = label(value, {"UUID", "uuid", "gpu", "GPU", "device"});
  const std::string device = label(value, {"Hostname", "hostname", "instance"}) + '\n' + gpu;
  // Where Prometheus scrapes the exporter, `pod` may be the exporter's own.
  std::string pod = label(value, {"exported_pod", "pod"});
  const std::string space = label(value, {"exported_namespace", "namespace"});
  pod = pod.empty() || space.empty() ? pod : space + "/" + pod;
  const std::string key = device + '\n' + instance_id + '\n' + pod;
  if (!series_.contains(key) && series_.size() == most_series) {
    return wrong("more than " + std::to_string(most_series) + " GPUs, instances and pods", {}, 0,
                 "Import fewer at a time");
  }
  Series& series = series_[key];
  series.device = device;
  series.gpu = gpu;
  series.instance_id = instance_id;
  series.pod = pod;
  if (const std::string name = label(value, {"modelName", "model", "model_name"}); !name.empty()) {
    series.model_name = name;
  }
  if (const std::string profile = label(value, {"GPU_I_PROFILE"}); !profile.empty()) {
    series.instance_profile = profile;
  }
  if (!value.at_ms) {
    timed_ = false;
    next_scrape_if_seen(key + '\n' + std::string(field->names[0]));
  }
  field->store(series.samples[value.at_ms.value_or(scrape_)], value.value);
  return {};
}

/// What comes again belongs to the next scrape.
void DcgmImport::next_scrape_if_seen(const std::string& mark) {
  if (seen_.contains(mark)) {
    ++scrape_;
    seen_.clear();
  }
  seen_.insert(mark);
}

void DcgmImport::bad(const std::string& reason, Place place) {
  ImportReport::Bad& entry = report_.bad[reason];
  if (++entry.count == 1) {
    entry.file = place.first;
    entry.line = place.second;
  }
}

DcgmImport::Neighbours DcgmImport::find_neighbours() const {
  Neighbours found;
  std::map<std::string, std::map<std::int64_t, std::string>> pod_at;  // by device and instance
  for (const auto& [key, series] : series_) {
    if (!series.instance_id.empty()) {
      found.with_instances.insert(series.device);
    }
    if (series.pod.empty()) {
      continue;
    }
    const std::string place = series.device + '\n' + series.instance_id;
    found.with_pods.insert(place);
    for (const auto& [at, sample] : series.samples) {
      const auto [first, is_new] = pod_at[place].try_emplace(at, key);
      if (!is_new) {
        found.shared.insert({first->second, key});
      }
    }
  }
  return found;
}

std::vector<MeasuredJob> DcgmImport::finish(const JobDescription& job, std::optional<GpuModelId> gpu_model,
                                            const Provenance& from) const {
  const std::map<std::string, Error> unknown = {
      {"activity", absent("DCGM_FI_PROF_GR_ENGINE_ACTIVE or DCGM_FI_PROF_DRAM_ACTIVE is not among the counters")},
      {"processes", absent("DCGM_FI_DEV_FB_USED is not among the counters")}};
  const Neighbours neighbours = find_neighbours();
  std::vector<MeasuredJob> jobs;
  for (const auto& [key, series] : series_) {
    // The numbers of a GPU beside its instances, and of a device beside its pods, are those of all of them.
    const bool shadowed =
        (series.instance_id.empty() && neighbours.with_instances.contains(series.device)) ||
        (series.pod.empty() && neighbours.with_pods.contains(series.device + '\n' + series.instance_id));
    std::vector<DeviceSample> samples;
    for (const auto& [at, sample] : series.samples) {
      samples.push_back(sample);
      samples.back().at = timed_ ? (at - series.samples.begin()->first) * (ns_per_s / 1000) : 0;
    }
    MeasuredJob measured{.job = job, .gpu_model = gpu_model, .seen = observe(samples), .provenance = from};
    if (shadowed || (series.pod.empty() && measured.seen.duty_cycle.value_or(1) == 0)) {
      continue;
    }
    if (job.name.empty()) {
      measured.job.name = !series.pod.empty()          ? series.pod
                          : series.instance_id.empty() ? "gpu-" + series.gpu
                                                       : "gpu-" + series.gpu + "-gi" + series.instance_id;
    }
    if (const Result<GpuModelId> model = find_gpu_model(series.model_name)) {
      measured.gpu_model = model.value();
    }
    measured.provenance.device = series.model_name.empty()
                                     ? "GPU " + series.gpu + ", whose model is not named (--gpu-model)"
                                     : series.model_name + " " + series.gpu;
    if (!series.instance_id.empty()) {
      measured.provenance.instance =
          series.instance_profile.empty() ? "GI " + series.instance_id : series.instance_profile;
    }
    measured.provenance.notes.push_back("memory is that of the device: DCGM does not tell processes apart");
    if (!timed_) {
      measured.provenance.notes.push_back("the counters have no times, so the duration is unknown");
    }
    if (neighbours.shared.contains(key)) {
      measured.missing.push_back({"alone", "other pods are named for the same device at the same time"});
    }
    judge(measured, unknown);
    jobs.push_back(std::move(measured));
  }
  return jobs;
}

}  // namespace gpusched::profiler
