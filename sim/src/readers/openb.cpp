#include "gpusched/sim/readers/openb.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <unordered_set>

#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/sim/readers/csv.hpp"

#include "readers/gtf_tables.hpp"
#include "readers/job_collector.hpp"
#include "readers/row_checker.hpp"
#include "readers/utf8.hpp"

namespace gpusched::sim {

namespace {

constexpr std::array<std::string_view, 5> node_header = {"sn", "cpu_milli", "memory_mib", "gpu", "model"};
constexpr std::array<std::string_view, 11> pod_header = {"name",          "cpu_milli",     "memory_mib",    "num_gpu",
                                                         "gpu_milli",     "gpu_spec",      "qos",           "pod_phase",
                                                         "creation_time", "deletion_time", "scheduled_time"};
constexpr std::size_t untimed_columns = 5;
enum PodColumn : std::size_t {
  name,
  cpu_milli,
  memory_mib,
  num_gpu,
  gpu_milli,
  gpu_spec,
  qos,
  pod_phase,
  creation_time,
  deletion_time,
  scheduled_time
};

bool equal_names(std::span<const std::string> columns, std::span<const std::string_view> names) {
  return std::equal(columns.begin(), columns.end(), names.begin(), names.end());
}

/// x_row restores the order of rows; the others what the list says in its own words.
constexpr std::array<std::string_view, 8> pod_extra_columns = {
    "x_row",           "x_gpu_spec",       "x_qos",   "x_pod_phase", "x_creation_time",
    "x_deletion_time", "x_scheduled_time", "censored"};

/// Kubernetes' word for a QoS class of the trace, which mixes two vocabularies.
std::string_view kubernetes_qos(std::string_view word) {
  if (word == "LS" || word == "LSR") {
    return "Guaranteed";
  }
  return word == "BE" ? "BestEffort" : word;
}

Error header_error(const CsvReader& csv) {
  std::string columns;
  for (const std::string& column : csv.columns()) {
    columns += (columns.empty() ? "" : ",") + column;
  }
  return {.code = ErrorCode::invalid_argument,
          .message = "the header '" + columns.substr(0, 200) + "' is of no openb list",
          .file = csv.file(),
          .line = csv.header_line(),
          .remedy =
              "Node lists have sn,cpu_milli,memory_mib,gpu,model; pod lists name,cpu_milli,memory_mib,num_gpu,"
              "gpu_milli, and perhaps gpu_spec,qos,pod_phase,creation_time,deletion_time,scheduled_time"};
}

class OpenbReader {
 public:
  OpenbReader(CsvReader& csv, ReadOutcome& outcome)
      : csv_(csv), trace_(outcome.trace), checker_(outcome.report, csv.file()), jobs_(outcome.trace) {}

  Status read_nodes() {
    return for_each_row([this](std::span<const std::string_view> row) { return add_node(row); });
  }

  Status read_pods() {
    timed_ = csv_.columns().size() == pod_header.size();
    if (timed_) {
      trace_.job_extra_columns.assign(pod_extra_columns.begin(), pod_extra_columns.end());
    } else {
      trace_.metadata["arrival"] = "order";
    }
    if (Status status = for_each_row([this](auto row) { return add_pod(row); }); !status.ok()) {
      return status;
    }
    finish_times();
    sort_by_time(trace_);
    return {};
  }

 private:
  /// `add` returns an Error to stop, and counts rejected rows itself.
  template <typename Add>
  Status for_each_row(const Add& add) {
    while (csv_.next()) {
      checker_.begin_row(csv_.line());
      if (csv_.fields().size() == csv_.columns().size()) {
        if (Status status = add(csv_.fields()); !status.ok()) {
          return status;
        }
      } else if (csv_.fields().size() < csv_.columns().size() && csv_.at_unterminated_line()) {
        return checker_.error(ErrorCode::data_loss,
                              "the last line is cut off: " + std::to_string(csv_.fields().size()) + " fields of " +
                                  std::to_string(csv_.columns().size()));
      } else {
        checker_.reject("field_count", std::to_string(csv_.fields().size()) + " fields, but the header has " +
                                           std::to_string(csv_.columns().size()) + " columns");
      }
    }
    return csv_.status();
  }

  Status add_node(std::span<const std::string_view> row) {
    TraceNode node;
    node.id = row[0];
    node.gpu_model = row[4];
    if (!node.gpu_model.empty()) {
      if (const Result<GpuModelId> model = find_gpu_model(node.gpu_model); !model.ok()) {
        Error error = checker_.error(model.error().code, model.error().message);
        error.remedy = model.error().remedy;
        return error;
      }
    }
    if (!checker_.required("sn", node.id) || !checker_.required("cpu_milli", row[1]) ||
        !checker_.integer("cpu_milli", row[1], 0, max_cpu_milli, node.cpu_milli) ||
        !checker_.required("memory_mib", row[2]) ||
        !checker_.integer("memory_mib", row[2], 0, max_memory_mib, node.memory_mib) ||
        !checker_.required("gpu", row[3]) || !checker_.integer("gpu", row[3], 0, max_num_gpu, node.num_gpu) ||
        (node.num_gpu > 0 && !checker_.required("model", node.gpu_model))) {
      return {};
    }
    if (!node_ids_.insert(node.id).second) {
      checker_.reject("duplicate_id", "node '" + node.id + "' appears twice");
      return {};
    }
    trace_.nodes.push_back(std::move(node));
    checker_.keep_row();
    return {};
  }

  bool read_request(std::span<const std::string_view> row, GpuRequest& request) {
    for (const std::size_t column : {cpu_milli, memory_mib, num_gpu, gpu_milli}) {
      if (!checker_.required(pod_header[column], row[column])) {
        return false;
      }
    }
    if (!checker_.integer("cpu_milli", row[cpu_milli], 0, max_cpu_milli, request.cpu_milli) ||
        !checker_.integer("memory_mib", row[memory_mib], 0, max_memory_mib, request.memory_mib) ||
        !checker_.integer("num_gpu", row[num_gpu], 0, max_num_gpu, request.num_gpu) ||
        !checker_.integer("gpu_milli", row[gpu_milli], request.num_gpu > 0 ? 1 : 0, milli_per_unit,
                          request.gpu_milli)) {
      return false;
    }
    if (request.num_gpu == 0 && request.gpu_milli > 0) {
      return checker_.reject("gpu_share_without_gpu", "num_gpu is 0, but gpu_milli is not");
    }
    if (!timed_) {
      return true;
    }
    request.gpu_models = parse_set(row[gpu_spec]);
    const auto known = [](const std::string& model) { return find_gpu_model(model).ok(); };
    if (!request.gpu_models.empty() && std::none_of(request.gpu_models.begin(), request.gpu_models.end(), known)) {
      return checker_.reject("unknown_gpu_model", find_gpu_model(request.gpu_models.front()).error().message);
    }
    return true;
  }

  struct PodTimes {
    TimeNs creation = 0, deletion = -1;
  };

  /// Creation becomes the submission (shifted at the end), and the time from its start to its deletion the duration.
  bool read_times(std::span<const std::string_view> row, TraceJob& job, PodTimes& times) {
    TimeNs scheduled = -1;
    if (!checker_.required("creation_time", row[creation_time]) ||
        !checker_.seconds("creation_time", row[creation_time], times.creation) ||
        !checker_.seconds("deletion_time", row[deletion_time], times.deletion) ||
        !checker_.seconds("scheduled_time", row[scheduled_time], scheduled)) {
      return false;
    }
    job.submit_ns = times.creation;
    const TimeNs start = scheduled >= 0 ? scheduled : times.creation;
    if (times.deletion >= 0) {
      if (times.deletion < start || start < times.creation) {
        return checker_.reject("times_out_of_order", "creation, scheduling and deletion are not in this order");
      }
      job.duration_ns = times.deletion - start;
    }
    return true;
  }

  Status add_pod(std::span<const std::string_view> row) {
    JobSpec spec;
    TraceJob job;
    PodTimes times;
    if (!checker_.required("name", row[name]) || !read_request(row, spec.request) ||
        (timed_ && !read_times(row, job, times))) {
      return {};
    }
    job.id = row[name];
    if (timed_) {
      spec.qos = kubernetes_qos(row[qos]);
      const std::string number = std::to_string(trace_.jobs.size());
      const std::array<std::string_view, 8> extra = {number,
                                                     row[gpu_spec],
                                                     row[qos],
                                                     row[pod_phase],
                                                     row[creation_time],
                                                     row[deletion_time],
                                                     row[scheduled_time],
                                                     std::string_view()};
      job.extra = jobs_.add_extra(extra);
    } else {
      job.submit_ns = static_cast<TimeNs>(trace_.jobs.size()) * ns_per_s;
    }
    job.spec = jobs_.intern_spec(spec);
    if (!jobs_.add(std::move(job))) {
      checker_.reject("duplicate_id", "pod '" + std::string(row[name]) + "' appears twice");
      return {};
    }
    deletions_.push_back(times.deletion);
    checker_.keep_row();
    return {};
  }

  /// The trace begins with its first pod. Pods that end with it were still there: their duration is a lower bound.
  void finish_times() {
    if (!timed_ || trace_.jobs.empty()) {
      return;
    }
    TimeNs first = std::numeric_limits<TimeNs>::max();
    for (const TraceJob& job : trace_.jobs) {
      first = std::min(first, job.submit_ns);
    }
    const TimeNs last = *std::max_element(deletions_.begin(), deletions_.end());
    for (std::size_t i = 0; i < trace_.jobs.size(); ++i) {
      trace_.jobs[i].submit_ns -= first;
      if (last >= 0 && deletions_[i] == last) {
        ExtraValues& extra = trace_.job_extra[trace_.jobs[i].extra];
        extra.resize(pod_extra_columns.size());
        extra.back() = "1";
      }
    }
  }

  CsvReader& csv_;
  Trace& trace_;
  RowChecker checker_;
  JobCollector jobs_;
  bool timed_ = false;
  std::vector<TimeNs> deletions_;
  std::unordered_set<std::string> node_ids_;
};

/// The extra values of one job by column name.
class ExtraView {
 public:
  ExtraView(const Trace& trace, const TraceJob& job)
      : columns_(trace.job_extra_columns),
        values_(job.extra == TraceJob::no_extra ? nullptr : &trace.job_extra[job.extra]) {}

  std::string_view operator[](std::string_view column) const {
    const auto at = static_cast<std::size_t>(std::find(columns_.begin(), columns_.end(), column) - columns_.begin());
    return values_ != nullptr && at < values_->size() ? std::string_view((*values_)[at]) : std::string_view();
  }

 private:
  const std::vector<std::string>& columns_;
  const ExtraValues* values_;
};

/// openb counts in whole seconds.
std::string seconds_down(TimeNs time) { return std::to_string(time / ns_per_s); }

std::string or_else(std::string_view kept, std::string otherwise) {
  return kept.empty() ? std::move(otherwise) : std::string(kept);
}

}  // namespace

bool is_openb_header(std::string_view text) {
  CsvReader csv(text.substr(0, text.find('\n')), "");
  const std::span<const std::string_view> pods = pod_header;
  return csv.read_header().ok() && (equal_names(csv.columns(), node_header) || equal_names(csv.columns(), pods) ||
                                    equal_names(csv.columns(), pods.first(untimed_columns)));
}

Status read_openb(std::string_view text, const std::string& file, ReadOutcome& outcome) {
  if (Status status = check_utf8(text, file); !status.ok()) {
    return status;
  }
  CsvReader csv(text, file);
  if (Status status = csv.read_header(); !status.ok()) {
    return status;
  }
  const std::span<const std::string_view> pods = pod_header;
  OpenbReader reader(csv, outcome);
  if (equal_names(csv.columns(), node_header)) {
    return reader.read_nodes();
  }
  if (equal_names(csv.columns(), pods) || equal_names(csv.columns(), pods.first(untimed_columns))) {
    if (!outcome.trace.jobs.empty()) {
      return Error{.code = ErrorCode::invalid_argument,
                   .message = "is a second pod list",
                   .file = file,
                   .line = 0,
                   .remedy = ""};
    }
    return reader.read_pods();
  }
  return header_error(csv);
}

// Jobs in the order of x_row; those without one keep the trace's order, behind.
std::vector<std::uint32_t> jobs_in_file_order(const Trace& trace) {
  std::vector<std::pair<std::int64_t, std::uint32_t>> rows;
  for (std::uint32_t index = 0; index < trace.jobs.size(); ++index) {
    std::int64_t row = std::numeric_limits<std::int64_t>::max();
    if (parse_integer(ExtraView(trace, trace.jobs[index])["x_row"], row) != NumberProblem::none) {
      row = std::numeric_limits<std::int64_t>::max();
    }
    rows.emplace_back(row, index);
  }
  std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::uint32_t> jobs;
  for (const auto& [row, index] : rows) {
    jobs.push_back(index);
  }
  return jobs;
}

std::string write_openb_nodes(const Trace& trace) {
  std::string text;
  CsvWriter csv(text);
  csv.row(node_header);
  for (const TraceNode& node : trace.nodes) {
    const std::string cpu = std::to_string(node.cpu_milli);
    const std::string memory = std::to_string(node.memory_mib);
    const std::string gpus = std::to_string(node.num_gpu);
    const std::array<std::string_view, 5> row = {node.id, cpu, memory, gpus, node.gpu_model};
    csv.row(row);
  }
  return text;
}

Result<std::string> write_openb_pods(const Trace& trace) {
  const auto arrival = trace.metadata.find("arrival");
  const bool timed = arrival == trace.metadata.end() || arrival->second != "order";
  const std::size_t width = timed ? pod_header.size() : untimed_columns;
  std::string text;
  CsvWriter csv(text);
  csv.row(std::span<const std::string_view>(pod_header).first(width));
  for (const std::uint32_t index : jobs_in_file_order(trace)) {
    const TraceJob* const job = &trace.jobs[index];
    const JobSpec& spec = trace.specs[job->spec];
    if (!spec.request.mig_profile.empty() || spec.replicas != 1) {
      return Error{.code = ErrorCode::unsupported,
                   .message = "job '" + job->id + "' has " +
                              (spec.replicas != 1 ? "several replicas" : "a MIG profile") + ", which openb cannot say",
                   .file = "",
                   .line = 0,
                   .remedy = "Write GTF instead"};
    }
    const ExtraView extra(trace, *job);
    // The written spec keeps order and repetitions, but only while it still says the same.
    const std::string_view written_spec = extra["x_gpu_spec"];
    const bool same_spec = parse_set(written_spec) == spec.request.gpu_models;
    const std::string end = job->duration_ns < 0 ? "" : seconds_down(job->submit_ns + job->duration_ns);
    const std::array<std::string, 11> row = {
        job->id,
        std::to_string(spec.request.cpu_milli),
        std::to_string(spec.request.memory_mib),
        std::to_string(spec.request.num_gpu),
        std::to_string(spec.request.gpu_milli),
        same_spec ? std::string(written_spec) : format_set(spec.request.gpu_models),
        or_else(extra["x_qos"], spec.qos),
        or_else(extra["x_pod_phase"], "Succeeded"),
        or_else(extra["x_creation_time"], seconds_down(job->submit_ns)),
        or_else(extra["x_deletion_time"], end),
        std::string(extra["x_scheduled_time"])};
    for (std::size_t i = 0; i < width; ++i) {
      csv.field(row[i]);
    }
    csv.end_row();
  }
  return text;
}

}  // namespace gpusched::sim
