#include <algorithm>
#include <map>
#include <memory>

#include <nlohmann/json.hpp>

#include "gpusched/base/json_string.hpp"
#include "gpusched/io/job_profile_json.hpp"
#include "gpusched/sim/readers/gtf.hpp"

#include "readers/gtf_rows.hpp"
#include "readers/gtf_tables.hpp"
#include "readers/json_line.hpp"
#include "readers/profile_collector.hpp"

namespace gpusched::sim {

namespace {

constexpr std::size_t max_line_bytes = 1U << 22;

/// A table whose columns appear as the lines name them.
class DiscoveredTable {
 public:
  explicit DiscoveredTable(std::unique_ptr<GtfTable> table) : table_(std::move(table)) {}

  Status add_line(const JsonLine& line, const std::string& file, int number) {
    values_.assign(names_.size(), std::string_view());
    filled_.assign(names_.size(), false);
    std::size_t guess = 0;  // lines mostly name the same keys in the same order
    for (const JsonLine::Entry& entry : line.entries()) {
      if (entry.key == "type") {
        continue;
      }
      std::size_t column = guess < names_.size() && names_[guess] == entry.key ? guess : find(entry.key);
      if (column == names_.size()) {
        if (Status status = table_->columns().add(entry.key, file, number); !status.ok()) {
          return status;
        }
        names_.push_back(entry.key);
        values_.emplace_back();
        filled_.push_back(false);
      }
      if (filled_[column]) {
        table_->reject_row(number, "key_given_twice", "key '" + entry.key + "' appears twice");
        return {};
      }
      values_[column] = entry.value;
      filled_[column] = true;
      guess = column + 1;
    }
    return table_->add_row(values_, number);
  }

 private:
  std::size_t find(const std::string& name) const {
    return static_cast<std::size_t>(std::find(names_.begin(), names_.end(), name) - names_.begin());
  }

  std::unique_ptr<GtfTable> table_;
  std::vector<std::string> names_;
  std::vector<std::string_view> values_;
  std::vector<bool> filled_;
};

class JsonlReader {
 public:
  JsonlReader(const std::string& file, ReadOutcome& outcome)
      : file_(file),
        outcome_(outcome),
        nodes_(make_node_table(outcome, file)),
        jobs_(make_job_table(outcome, file)),
        events_(make_event_table(outcome, file)),
        profiles_(outcome) {}

  Status read(std::string_view text) {
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      const bool terminated = end < text.size();
      std::string_view line = text.substr(0, end);
      text.remove_prefix(std::min(end + 1, text.size()));
      ++number_;
      if (!line.empty() && line.back() == '\r') {
        line.remove_suffix(1);
      }
      if (line.find_first_not_of(" \t") == std::string_view::npos) {
        continue;
      }
      if (Status status = read_line(line, terminated); !status.ok()) {
        return status;
      }
    }
    return header_seen_ ? Status() : error(ErrorCode::data_loss, "no header line");
  }

 private:
  Error error(ErrorCode code, std::string message) const {
    return {.code = code, .message = std::move(message), .file = file_, .line = number_, .remedy = ""};
  }

  Status read_line(std::string_view line, bool terminated) {
    if (line.size() > max_line_bytes) {
      return error(ErrorCode::invalid_argument,
                   "line of " + std::to_string(line.size()) + " bytes, more than " + std::to_string(max_line_bytes));
    }
    if (!parsed_.parse(line)) {
      return terminated ? error(ErrorCode::invalid_argument, parsed_.problem())
                        : error(ErrorCode::data_loss, "the last line is cut off: " + parsed_.problem());
    }
    const std::string_view type = parsed_.find("type");
    if (!header_seen_) {
      return read_header(type);
    }
    if (type == "job") {
      return jobs_.add_line(parsed_, file_, number_);
    }
    if (type == "node") {
      return nodes_.add_line(parsed_, file_, number_);
    }
    if (type == "event") {
      return events_.add_line(parsed_, file_, number_);
    }
    if (type == "profile") {
      return read_profile();
    }
    drop(type);
    return {};
  }

  Status read_header(std::string_view type) {
    if (type != "header") {
      return error(ErrorCode::invalid_argument, "the first line has the type '" + std::string(type) +
                                                    "', not 'header': {\"type\":\"header\",\"gtf\":1}");
    }
    header_seen_ = true;
    bool versioned = false;
    for (const JsonLine::Entry& entry : parsed_.entries()) {
      const bool is_version = entry.key == "gtf" || entry.key == "gtf_version";
      versioned = versioned || is_version;
      if (entry.key == "type") {
        continue;
      }
      const std::string_view key = is_version ? std::string_view("gtf_version") : std::string_view(entry.key);
      if (Status status = merge_metadata("header", key, entry.value, file_, outcome_.trace); !status.ok()) {
        return status;
      }
    }
    return versioned ? Status() : error(ErrorCode::invalid_argument, "the header lacks the version: \"gtf\":1");
  }

  Status read_profile() {
    std::string_view profile;
    for (const JsonLine::Entry& entry : parsed_.entries()) {
      const bool is_profile = entry.key == JsonLine::document_key;
      if ((!is_profile && entry.key != "type") || (is_profile && !profile.empty())) {
        return error(ErrorCode::invalid_argument, "key '" + entry.key + "' beside a profile");
      }
      profile = is_profile ? std::string_view(entry.value) : profile;
    }
    if (profile.empty()) {
      return error(ErrorCode::invalid_argument, "no profile: write {\"type\":\"profile\",\"profile\":{...}}");
    }
    // A file of one profile: what profiles.json allows and refuses holds for a line too.
    const std::string document = "{\"version\":1,\"profiles\":[" + std::string(profile) + "]}";
    if (Status status = profiles_.add(document, file_); !status.ok()) {
      Error at_line = status.error();
      at_line.line = number_;
      return at_line;
    }
    return {};
  }

  void drop(std::string_view type) {
    ReadReport& report = outcome_.report;
    std::string reason = type.empty() ? "type_missing" : "unknown_type";
    std::string message = "type is '" + std::string(type.substr(0, 60)) + "', not node, job, profile or event";
    for (const UnreadTable& table : unread_tables()) {
      if (table.row_type == type) {
        reason = std::string(table.name) + "_not_read";
        message = "rows of type '" + std::string(type) + "' are not read yet";
      }
    }
    ++report.read;
    if (++report.dropped[reason] == 1) {
      report.examples.push_back(file_ + ":" + std::to_string(number_) + ": " + message);
    }
  }

  const std::string& file_;
  ReadOutcome& outcome_;
  DiscoveredTable nodes_, jobs_, events_;
  ProfileCollector profiles_;
  JsonLine parsed_;
  int number_ = 0;
  bool header_seen_ = false;
};

void append_rows(const TextTable& table, std::string& out) {
  std::vector<std::string_view> values;
  for (std::size_t row = 0; row < table.rows; ++row) {
    table.format(row, values);
    out += "{\"type\":";
    append_json_string(table.row_type, out);
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (values[i].empty()) {
        continue;
      }
      out += ',';
      append_json_string(table.columns[i].name, out);
      out += ':';
      if (table.columns[i].numeric && is_json_number(values[i])) {
        out += values[i];
      } else {
        append_json_string(values[i], out);
      }
    }
    out += "}\n";
  }
}

void append_profiles(const std::vector<JobProfile>& profiles, std::string& out) {
  if (profiles.empty()) {
    return;
  }
  const auto file = nlohmann::ordered_json::parse(write_job_profiles(profiles));
  for (const auto& profile : file.at("profiles")) {
    out += "{\"type\":\"profile\",\"" + std::string(JsonLine::document_key) + "\":" + profile.dump() + "}\n";
  }
}

}  // namespace

Status read_gtf_jsonl(std::string_view text, const std::string& file, ReadOutcome& outcome) {
  return JsonlReader(file, outcome).read(text);
}

std::string write_gtf_jsonl(const Trace& trace) {
  std::string text = "{\"type\":\"header\",\"gtf\":1";
  for (const auto& [key, value] : trace.metadata) {
    text += ',';
    append_json_string(key, text);
    text += ':';
    append_json_string(value, text);
  }
  text += "}\n";
  append_rows(node_rows(trace), text);
  append_profiles(trace.profiles, text);
  append_rows(job_rows(trace), text);
  append_rows(event_rows(trace), text);
  return text;
}

}  // namespace gpusched::sim
