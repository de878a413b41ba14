#include "gpusched/sim/readers/measurements.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>

#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/sim/readers/csv.hpp"

#include "readers/file_text.hpp"
#include "readers/number_text.hpp"

namespace gpusched::sim {

namespace {

constexpr std::int64_t max_copies = 64;
constexpr double max_time_ms = 1e9;

/// The values of one row by column; the first problem counts.
class MeasurementRow {
 public:
  MeasurementRow(const CsvReader& csv, std::span<const std::string> columns) : csv_(csv), columns_(columns) {
    if (csv.fields().size() != columns.size()) {
      fail(std::to_string(csv.fields().size()) + " values for " + std::to_string(columns.size()) + " columns", "");
    }
  }

  std::string_view text(std::string_view column) {
    const auto found = std::find(columns_.begin(), columns_.end(), column);
    const auto index = static_cast<std::size_t>(found - columns_.begin());
    return index < csv_.fields().size() ? csv_.fields()[index] : std::string_view{};
  }

  std::string required(std::string_view column) {
    const std::string_view value = text(column);
    if (value.empty()) {
      fail(std::string(column) + " is empty", "Every row needs one");
    }
    return std::string(value);
  }

  std::optional<double> number(std::string_view column, double least, double most) {
    const std::string_view value = text(column);
    double parsed = 0;
    if (value.empty()) {
      return std::nullopt;
    }
    if (parse_decimal(value, parsed) != NumberProblem::none || !(parsed >= least && parsed <= most)) {
      fail(std::string(column) + " is '" + std::string(value) + "'",
           "Give a number from " + format_decimal(least) + " to " + format_decimal(most));
    }
    return parsed;
  }

  double time_ms(std::string_view column, double ms_per_unit) {
    const double time = required_number(column, 0, max_time_ms) * ms_per_unit;
    if (time <= 0) {
      fail(std::string(column) + " is '" + std::string(text(column)) + "'", "Leave out rows of jobs that did not run");
    }
    return time;
  }

  double required_number(std::string_view column, double least, double most) {
    required(column);
    return number(column, least, most).value_or(least);
  }

  int whole(std::string_view column, std::int64_t most, int otherwise) {
    const std::string_view value = text(column);
    std::int64_t parsed = otherwise;
    if (!value.empty() && (parse_integer(value, parsed) != NumberProblem::none || parsed < 1 || parsed > most)) {
      fail(std::string(column) + " is '" + std::string(value) + "'",
           "Give a whole number from 1 to " + std::to_string(most));
      return 1;
    }
    return static_cast<int>(parsed);
  }

  /// The index of a word in `words`; 0 where there is none.
  std::size_t word(std::string_view column, std::span<const std::string_view> words) {
    const std::string_view value = text(column);
    const auto found = std::find(words.begin(), words.end(), value);
    if (value.empty()) {
      return 0;
    }
    if (found == words.end()) {
      std::string known;
      for (const std::string_view one : words) {
        known += (known.empty() ? "" : ", ") + std::string(one);
      }
      fail(std::string(column) + " is '" + std::string(value) + "'", "Known: " + known);
      return 0;
    }
    return static_cast<std::size_t>(found - words.begin());
  }

  void fail(std::string message, std::string remedy) {
    if (status_.ok()) {
      status_ = Error{.code = ErrorCode::invalid_argument,
                      .message = std::move(message),
                      .file = csv_.file(),
                      .line = csv_.line(),
                      .remedy = std::move(remedy)};
    }
  }
  void fail(const Error& error) { fail(error.message, error.remedy); }

  const Status& status() const { return status_; }

 private:
  const CsvReader& csv_;
  std::span<const std::string> columns_;
  Status status_;
};

/// The profile with this many compute slices and no label, as both papers name instances.
std::optional<MigProfileId> profile_of_size(MeasurementRow& row, std::string_view column, GpuModelId model) {
  const int slices = row.whole(column, 7, 0);
  const std::vector<MigProfile>& profiles = gpu_model(model).profiles;
  for (std::uint32_t i = 0; i < profiles.size(); ++i) {
    if (profiles[i].compute_slices == slices && !profiles[i].is_label()) {
      return MigProfileId{i};
    }
  }
  row.fail(std::string(column) + " is '" + std::string(row.text(column)) + "'",
           "No instance has so many compute slices");
  return std::nullopt;
}

GpuModelId catalogue_model(MeasurementRow& row, std::string_view name) {
  const Result<GpuModelId> found = find_gpu_model(name);
  if (!found) {
    row.fail(found.error());
    return GpuModelId{0};
  }
  return found.value();
}

/// Our own form.
std::optional<Measurement> own_row(MeasurementRow& row, std::string_view) {
  constexpr std::array<std::string_view, 2> kinds = {"closed", "service"};
  constexpr std::array<std::string_view, 3> sharings = {"exclusive", "time_slice", "mps"};
  Measurement m;
  m.job = row.required("job");
  m.group = row.text("group").empty() ? m.job : std::string(row.text("group"));
  m.set = std::string(row.text("set"));
  m.kind = static_cast<JobKind>(row.word("kind", kinds));
  m.gpu_model = catalogue_model(row, row.required("gpu_model"));
  if (!row.text("profile").empty()) {
    const Result<MigProfileId> profile = find_mig_profile(m.gpu_model, row.text("profile"));
    if (profile) {
      m.profile = profile.value();
    } else {
      row.fail(profile.error());
    }
  }
  m.sharing = static_cast<MeasuredSharing>(row.word("sharing", sharings));
  m.copies = row.whole("copies", max_copies, 1);
  m.time_ms = row.time_ms("time_ms", 1);
  m.engine_active = row.number("engine_active", 0, 1);
  m.sm_active = row.number("sm_active", 0, 1);
  m.dram_active = row.number("dram_active", 0, 1);
  m.request_load = row.number("request_load", 0, 1);
  if (m.request_load && m.kind == JobKind::closed) {
    row.fail("request_load is '" + std::string(row.text("request_load")) + "' for a closed job",
             "Give kind service, or leave it out");
  }
  if (m.request_load && m.sharing == MeasuredSharing::exclusive) {
    row.fail("request_load is '" + std::string(row.text("request_load")) + "' in an exclusive row",
             "Measure the time alone without queueing, and leave it out there");
  }
  if (m.sharing == MeasuredSharing::exclusive && (m.copies > 1 || !m.set.empty())) {
    row.fail("an exclusive row has a neighbour", "Say how they share: time_slice or mps");
  }
  return m;
}

std::optional<Measurement> miso_row(MeasurementRow& row, std::string_view) {
  Measurement m;
  m.group = row.required("model");
  m.job = m.group + "/" + row.required("batch_size");
  m.gpu_model = catalogue_model(row, "A100-40GB");
  m.profile = profile_of_size(row, "gpu_instance_profile_slices", m.gpu_model);
  m.time_ms = row.time_ms("median_step_s", 1000);
  m.engine_active = row.required_number("full_gpu_sm_util", 0, 1);
  m.dram_active = row.required_number("full_gpu_mem_util", 0, 1);
  return m;
}

/// Processes of one model under MPS inside an instance. Nothing where they ran out of memory.
std::optional<Measurement> parva_row(MeasurementRow& row, std::string_view file) {
  Measurement m;
  m.group = std::filesystem::path(file).stem().string();
  m.job = m.group + "/" + row.required("Batch size");
  m.kind = JobKind::service;
  m.gpu_model = catalogue_model(row, "A100-80GB");
  m.profile = profile_of_size(row, "Mig instance", m.gpu_model);
  m.copies = row.whole("Workload Number", max_copies, 1);
  m.sharing = m.copies > 1 ? MeasuredSharing::mps : MeasuredSharing::exclusive;
  if (row.required_number("Latency", 0, max_time_ms) == 0) {
    return std::nullopt;
  }
  m.time_ms = row.time_ms("Latency", 1000);
  return m;
}

struct MeasurementForm {
  std::vector<std::string_view> required;
  std::vector<std::string_view> optional;
  std::optional<Measurement> (*read)(MeasurementRow& row, std::string_view file);
};

const std::array<MeasurementForm, 3>& forms() {
  static const std::array<MeasurementForm, 3> table = {{
      {{"job", "gpu_model", "time_ms"},
       {"group", "set", "kind", "profile", "sharing", "copies", "engine_active", "sm_active", "dram_active",
        "request_load"},
       own_row},
      {{"model", "batch_size", "gpu_instance_profile_slices", "median_step_s", "full_gpu_sm_util", "full_gpu_mem_util"},
       {"full_gpu_memory_mib", "full_gpu_power_w"},
       miso_row},
      {{"Mig instance", "Batch size", "Workload Number", "Latency"}, {"Throughput"}, parva_row},
  }};
  return table;
}

bool has(std::span<const std::string> columns, std::string_view name) {
  return std::find(columns.begin(), columns.end(), name) != columns.end();
}

/// The form with all its required columns, or nothing.
const MeasurementForm* form_of(std::span<const std::string> columns) {
  for (const MeasurementForm& form : forms()) {
    if (std::all_of(form.required.begin(), form.required.end(), [&](auto name) { return has(columns, name); })) {
      return &form;
    }
  }
  return nullptr;
}

Status check_columns(const CsvReader& csv, const MeasurementForm* form) {
  if (form == nullptr) {
    return Error{.code = ErrorCode::invalid_argument,
                 .message = "no table of measurements: the columns job, gpu_model and time_ms are not all there",
                 .file = csv.file(),
                 .line = csv.header_line(),
                 .remedy = "docs/formats/measurements.md lists the columns; MISO's and ParvaGPU's files are read too"};
  }
  for (const std::string& column : csv.columns()) {
    const auto listed = [&](const std::vector<std::string_view>& names) {
      return std::find(names.begin(), names.end(), column) != names.end();
    };
    if (!listed(form->required) && !listed(form->optional) && column.rfind("x_", 0) != 0) {
      return Error{.code = ErrorCode::invalid_argument,
                   .message = "unknown column '" + column + "'",
                   .file = csv.file(),
                   .line = csv.header_line(),
                   .remedy = "Name columns of your own x_..."};
    }
  }
  return {};
}

/// Rows of one set ran on one partition, shared in one way.
Status check_sets(const std::vector<Measurement>& rows, const std::string& file) {
  std::map<std::string_view, const Measurement*> first;
  for (const Measurement& row : rows) {
    if (row.set.empty()) {
      continue;
    }
    const Measurement& other = *first.try_emplace(row.set, &row).first->second;
    if (row.gpu_model != other.gpu_model || row.profile != other.profile || row.sharing != other.sharing) {
      return Error{.code = ErrorCode::invalid_argument,
                   .message = "set '" + row.set + "' has rows of different gpu_model, profile or sharing",
                   .file = file,
                   .line = 0,
                   .remedy = "A set is what ran beside each other on one partition"};
    }
  }
  return {};
}

Result<MeasurementTable> read_folder(const std::filesystem::path& folder) {
  std::vector<std::string> paths;
  std::error_code problem;
  for (std::filesystem::directory_iterator entry(folder, problem), end; !problem && entry != end;
       entry.increment(problem)) {
    if (entry->path().extension() == ".csv") {
      paths.push_back(entry->path().string());
    }
  }
  if (problem) {
    return Error{.code = ErrorCode::io, .message = problem.message(), .file = folder.string(), .line = 0, .remedy = {}};
  }
  std::sort(paths.begin(), paths.end());
  MeasurementTable all;
  for (const std::string& path : paths) {
    const Result<std::string> text = read_file(path);
    if (!text) {
      return text.error();
    }
    CsvReader csv(text.value(), path);
    if (!csv.read_header() || form_of(csv.columns()) == nullptr) {
      all.other_files.push_back(path);
      continue;
    }
    Result<MeasurementTable> one = parse_measurements(text.value(), path);
    if (!one) {
      return one.error();
    }
    all.did_not_run += one.value().did_not_run;
    std::move(one.value().rows.begin(), one.value().rows.end(), std::back_inserter(all.rows));
  }
  return all;
}

}  // namespace

Result<MeasurementTable> parse_measurements(std::string_view text, const std::string& file) {
  CsvReader csv(text, file);
  if (Status header = csv.read_header(); !header) {
    return header.error();
  }
  const MeasurementForm* form = form_of(csv.columns());
  if (Status columns = check_columns(csv, form); !columns) {
    return columns.error();
  }
  MeasurementTable table;
  while (csv.next()) {
    MeasurementRow row(csv, csv.columns());
    std::optional<Measurement> measurement = row.status().ok() ? form->read(row, file) : std::nullopt;
    if (!row.status().ok()) {
      return row.status().error();
    }
    if (measurement) {
      table.rows.push_back(std::move(*measurement));
    } else {
      ++table.did_not_run;
    }
  }
  if (!csv.status()) {
    return csv.status().error();
  }
  if (Status sets = check_sets(table.rows, file); !sets) {
    return sets.error();
  }
  return table;
}

Result<MeasurementTable> read_measurements(const std::string& path) {
  std::error_code ignored;
  if (path != "-" && std::filesystem::is_directory(path, ignored)) {
    return read_folder(path);
  }
  const Result<std::string> text = read_file(path);
  return text ? parse_measurements(text.value(), path) : Result<MeasurementTable>(text.error());
}

}  // namespace gpusched::sim
