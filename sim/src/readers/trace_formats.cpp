#include "gpusched/sim/readers/trace_formats.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <initializer_list>

#include "gpusched/sim/readers/gtf.hpp"
#include "gpusched/sim/readers/kubectl.hpp"
#include "gpusched/sim/readers/openb.hpp"

#include "readers/file_text.hpp"
#include "readers/gtf_tables.hpp"

namespace gpusched::sim {

namespace {

namespace fs = std::filesystem;

using TextReader = Status (*)(std::string_view text, const std::string& file, ReadOutcome& outcome);

constexpr std::string_view gzip_suffix = ".gz";
constexpr std::size_t beginning_bytes = 4096;

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

bool is_directory(const std::string& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

Status read_into(const std::string& path, TextReader reader, ReadOutcome& outcome) {
  const Result<std::string> text = read_file(path);
  if (!text.ok()) {
    return text.error();
  }
  return reader(text.value(), path == "-" ? "(standard input)" : path, outcome);
}

/// `NAME.csv` and the like in a directory; empty when there is none.
std::string table_file(const std::string& directory, std::string_view table,
                       std::initializer_list<std::string_view> suffixes = {".csv", ".csv.gz", ".jsonl"}) {
  for (const std::string_view suffix : suffixes) {
    const fs::path path = fs::path(directory) / (std::string(table) + std::string(suffix));
    std::error_code ignored;
    if (fs::exists(path, ignored)) {
      return path.string();
    }
  }
  return {};
}

/// A table that nothing reads yet is counted, by lines, and never skipped in silence.
Status count_unread_table(const std::string& path, const UnreadTable& table, ReadReport& report) {
  if (!ends_with(path, ".jsonl")) {
    ReadOutcome counted;
    Status status = read_into(path, read_gtf_csv, counted);
    const std::int64_t rows = counted.report.read;
    report.read += rows;
    report.dropped[std::string(table.name) + "_not_read"] += rows;
    report.examples.insert(report.examples.end(), counted.report.examples.begin(), counted.report.examples.end());
    return status;
  }
  const Result<std::string> text = read_file(path);
  if (!text.ok()) {
    return text.error();
  }
  const auto rows = std::count(text.value().begin(), text.value().end(), '\n');
  report.read += rows;
  report.dropped[std::string(table.name) + "_not_read"] += rows;
  report.examples.push_back(path + ": " + std::to_string(rows) + " lines of a table that is not read yet");
  return {};
}

Result<ReadOutcome> read_gtf_directory(const std::string& path) {
  ReadOutcome outcome;
  bool any = false;
  // Jobs first: their metadata is the trace's. Events last: they name nodes.
  for (const std::string_view table : {"jobs", "nodes", "events"}) {
    const std::string file = table_file(path, table);
    any = any || !file.empty();
    if (file.empty()) {
      continue;
    }
    if (Status status = read_into(file, read_gtf_csv, outcome); !status.ok()) {
      return status.error();
    }
  }
  if (const std::string file = table_file(path, "profiles", {".json", ".json.gz"}); !file.empty()) {
    if (Status status = read_into(file, read_gtf_profiles, outcome); !status.ok()) {
      return status.error();
    }
  }
  for (const UnreadTable& table : unread_tables()) {
    const std::string file = table_file(path, table.name);
    if (file.empty()) {
      continue;
    }
    if (Status status = count_unread_table(file, table, outcome.report); !status.ok()) {
      return status.error();
    }
  }
  if (!any) {
    return Error{.code = ErrorCode::not_found,
                 .message = "no nodes.csv, jobs.csv or events.csv in this directory",
                 .file = path,
                 .line = 0,
                 .remedy = ""};
  }
  finish_gtf(outcome);
  return outcome;
}

Result<ReadOutcome> read_gtf(const std::string& path) {
  if (is_directory(path)) {
    return read_gtf_directory(path);
  }
  ReadOutcome outcome;
  if (Status status = read_into(path, read_gtf_csv, outcome); !status.ok()) {
    return status.error();
  }
  finish_gtf(outcome);
  return outcome;
}

Result<ReadOutcome> read_gtf_jsonl_file(const std::string& path) {
  ReadOutcome outcome;
  if (Status status = read_into(path, read_gtf_jsonl, outcome); !status.ok()) {
    return status.error();
  }
  finish_gtf(outcome);
  return outcome;
}

Result<ReadOutcome> read_openb_files(const std::string& path) {
  ReadOutcome outcome;
  const std::size_t comma = path.find(',');
  for (const std::string& file : {path.substr(0, comma), comma == std::string::npos ? "" : path.substr(comma + 1)}) {
    if (file.empty()) {
      continue;
    }
    if (Status status = read_into(file, read_openb, outcome); !status.ok()) {
      return status.error();
    }
  }
  return outcome;
}

Result<ReadOutcome> read_kubectl_file(const std::string& path) {
  ReadOutcome outcome;
  if (Status status = read_into(path, read_kubectl, outcome); !status.ok()) {
    return status.error();
  }
  return outcome;
}

Status write_gtf(const Trace& trace, const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (!is_directory(path)) {
    return Error{.code = ErrorCode::io,
                 .message = "is no directory and cannot become one",
                 .file = path,
                 .line = 0,
                 .remedy = ""};
  }
  const GtfCsvText text = write_gtf_csv(trace);
  const std::array<std::pair<std::string_view, const std::string*>, 4> tables = {{{"nodes.csv", &text.nodes},
                                                                                  {"jobs.csv", &text.jobs},
                                                                                  {"events.csv", &text.events},
                                                                                  {"profiles.json", &text.profiles}}};
  for (const auto& [name, content] : tables) {
    const fs::path file = fs::path(path) / std::string(name);
    // A table of an earlier trace would mix with this one.
    fs::remove(file, error);
    if (content->empty()) {
      continue;
    }
    if (Status status = write_file(file.string(), *content); !status.ok()) {
      return status;
    }
  }
  return {};
}

Status write_gtf_jsonl_file(const Trace& trace, const std::string& path) {
  return write_file(path, write_gtf_jsonl(trace));
}

Status write_openb_files(const Trace& trace, const std::string& path) {
  const std::size_t comma = path.find(',');
  const bool both = !trace.nodes.empty() && !trace.jobs.empty();
  if (both != (comma != std::string::npos)) {
    return Error{.code = ErrorCode::invalid_argument,
                 .message = both ? "a trace with nodes and jobs needs two openb files" : "one openb file is enough",
                 .file = path,
                 .line = 0,
                 .remedy = both ? "Write NODES_FILE,PODS_FILE" : ""};
  }
  if (!trace.nodes.empty()) {
    if (Status status = write_file(path.substr(0, comma), write_openb_nodes(trace)); !status.ok() || !both) {
      return status;
    }
  }
  const Result<std::string> pods = write_openb_pods(trace);
  if (!pods.ok()) {
    return pods.error();
  }
  return write_file(both ? path.substr(comma + 1) : path, pods.value());
}

bool recognises_gtf_jsonl(std::string_view path, std::string_view text) {
  if (ends_with(path, gzip_suffix)) {
    path.remove_suffix(gzip_suffix.size());
  }
  return ends_with(path, ".gtf.jsonl") || (text.substr(0, 1) == "{" && text.find("\"gtf\"") < text.find('\n'));
}

bool recognises_openb(std::string_view, std::string_view text) { return is_openb_header(text); }

bool recognises_kubectl(std::string_view, std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && text[first] == '{';
}

/// What begins with metadata or looks like the header of a table.
bool recognises_gtf(std::string_view path, std::string_view text) {
  const std::string name = fs::path(std::string(path)).filename().string();
  for (const std::string_view table : {"nodes.csv", "jobs.csv", "events.csv"}) {
    if (name.compare(0, table.size(), table) == 0) {
      return true;
    }
  }
  const std::string_view first_line = text.substr(0, text.find('\n'));
  return text.substr(0, 1) == "#" || first_line.find("submit_s") != std::string_view::npos ||
         first_line.find("time_s") != std::string_view::npos || first_line.find("num_gpu") != std::string_view::npos;
}

// openb before gtf: five of its columns are GTF's too.
constexpr std::array formats = {
    TraceFormat{.name = "gtf-jsonl",
                .description = "GPU trace format 1, one object per line",
                .path_meaning = "FILE.gtf.jsonl, or - for one stream",
                .recognises = recognises_gtf_jsonl,
                .read = read_gtf_jsonl_file,
                .write = write_gtf_jsonl_file},
    TraceFormat{.name = "openb",
                .description = "Alibaba cluster-trace-gpu-v2023 node and pod lists",
                .path_meaning = "a node list, a pod list, or NODES_FILE,PODS_FILE",
                .recognises = recognises_openb,
                .read = read_openb_files,
                .write = write_openb_files},
    TraceFormat{.name = "kubectl",
                .description = "a cluster as `kubectl get nodes,pods -A -o json` prints it",
                .path_meaning = "FILE.json, or -",
                .recognises = recognises_kubectl,
                .read = read_kubectl_file,
                .write = nullptr},
    TraceFormat{.name = "gtf",
                .description = "GPU trace format 1 as CSV",
                .path_meaning = "a directory with nodes.csv, jobs.csv, events.csv, profiles.json, or one of the tables",
                .recognises = recognises_gtf,
                .read = read_gtf,
                .write = write_gtf},
};

std::string known_formats() {
  std::string names;
  for (const TraceFormat& format : formats) {
    names += (names.empty() ? "" : ", ") + std::string(format.name);
  }
  return names;
}

const TraceFormat* find_format(std::string_view name) {
  for (const TraceFormat& format : formats) {
    if (format.name == name) {
      return &format;
    }
  }
  return nullptr;
}

/// Whether `word` in front of a colon is meant as a format rather than as the beginning of a path.
bool looks_like_format(std::string_view word) {
  return word.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_") == std::string_view::npos && word.size() > 1;
}

Error unknown_format(std::string_view name) {
  return {.code = ErrorCode::invalid_argument,
          .message = "no trace format is called '" + std::string(name) + "'",
          .file = "",
          .line = 0,
          .remedy = "Known formats: " + known_formats()};
}

Result<const TraceFormat*> recognise(const std::string& path) {
  if (is_directory(path)) {
    return find_format("gtf");
  }
  const std::string first_file = path.substr(0, path.find(','));
  const Error unclear = {.code = ErrorCode::invalid_argument,
                         .message = "the format is not recognised",
                         .file = path,
                         .line = 0,
                         .remedy = "Write FORMAT:PATH with one of " + known_formats()};
  if (path == "-") {
    return find_format("gtf-jsonl");  // what `--out -` writes
  }
  std::error_code ignored;
  const Result<std::string> text = read_file_beginning(fs::exists(path, ignored) ? path : first_file, beginning_bytes);
  if (!text.ok()) {
    return text.error();
  }
  for (const TraceFormat& format : formats) {
    if (format.recognises(path, text.value())) {
      return &format;
    }
  }
  return unclear;
}

}  // namespace

std::span<const TraceFormat> trace_formats() { return formats; }

Result<ReadOutcome> read_trace(std::string_view spec) {
  const std::size_t colon = spec.find(':');
  std::error_code ignored;
  if (colon != std::string_view::npos && looks_like_format(spec.substr(0, colon)) &&
      !fs::exists(std::string(spec), ignored)) {
    const TraceFormat* const format = find_format(spec.substr(0, colon));
    if (format == nullptr) {
      return unknown_format(spec.substr(0, colon));
    }
    return format->read(std::string(spec.substr(colon + 1)));
  }
  const Result<const TraceFormat*> format = recognise(std::string(spec));
  if (!format.ok()) {
    return format.error();
  }
  return format.value()->read(std::string(spec));
}

Result<ReadOutcome> read_nodes(std::string_view spec) {
  Result<ReadOutcome> outcome = read_trace(spec);
  if (!outcome.ok()) {
    return outcome;
  }
  Trace& trace = outcome.value().trace;
  if (trace.nodes.empty()) {
    return Error{.code = ErrorCode::invalid_argument,
                 .message = "holds no nodes",
                 .file = std::string(spec),
                 .line = 0,
                 .remedy = ""};
  }
  trace.jobs.clear();
  trace.specs.clear();
  trace.profiles.clear();
  trace.gangs.clear();
  trace.job_extra.clear();
  trace.job_extra_columns.clear();
  return outcome;
}

Result<ReadOutcome> read_jobs(std::string_view spec) {
  Result<ReadOutcome> outcome = read_trace(spec);
  if (!outcome.ok()) {
    return outcome;
  }
  Trace& trace = outcome.value().trace;
  if (trace.jobs.empty()) {
    return Error{.code = ErrorCode::invalid_argument,
                 .message = "holds no jobs",
                 .file = std::string(spec),
                 .line = 0,
                 .remedy = ""};
  }
  trace.nodes.clear();
  trace.node_extra_columns.clear();
  trace.events.clear();
  trace.event_extra_columns.clear();
  return outcome;
}

Status write_trace(std::string_view format, const Trace& trace, const std::string& path) {
  const TraceFormat* const found = find_format(format);
  if (found == nullptr) {
    return unknown_format(format);
  }
  if (found->write == nullptr) {
    return Error{.code = ErrorCode::unsupported,
                 .message = "format '" + std::string(format) + "' can be read but not written",
                 .file = "",
                 .line = 0,
                 .remedy = ""};
  }
  return found->write(trace, path);
}

}  // namespace gpusched::sim
