#include "gpusched/sim/result_files.hpp"

#include <array>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <memory>

#include <nlohmann/json.hpp>

#include "result_context.hpp"

namespace gpusched::sim {

namespace {

struct FileCloser {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

Error cannot_write(const std::string& path) {
  return {.code = ErrorCode::io,
          .message = "cannot write '" + path + "'",
          .file = {},
          .line = 0,
          .remedy = "Check that the directory exists and has room"};
}

/// Opens a file to write; directories on the way are made.
std::FILE* open_for_writing(const std::string& path) {
  std::error_code ignored;  // fopen says what is wrong
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
  return std::fopen(path.c_str(), "wb");
}

/// A file written in large pieces; a million rows go through here.
class TextFile {
 public:
  explicit TextFile(const std::string& path) : path_(path), file_(open_for_writing(path)) {
    buffer_.reserve(flush_bytes + 4096);
  }

  TextFile& operator<<(std::string_view text) {
    buffer_ += text;
    if (buffer_.size() >= flush_bytes) {
      flush();
    }
    return *this;
  }
  TextFile& operator<<(std::int64_t value) {
    std::array<char, 24> digits{};
    const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value);
    return *this << std::string_view(digits.data(), static_cast<std::size_t>(end - digits.data()));
  }
  /// Seconds with up to nine decimals, exactly.
  TextFile& seconds(TimeNs ns) {
    if (ns < 0) {
      return *this;  // unknown stays empty
    }
    *this << ns / ns_per_s;
    if (const TimeNs rest = ns % ns_per_s; rest != 0) {
      std::string fraction = std::to_string(rest);
      fraction.insert(0, 9 - fraction.size(), '0');
      fraction.erase(fraction.find_last_not_of('0') + 1);
      *this << "." << fraction;
    }
    return *this;
  }
  TextFile& number(double value) {
    std::array<char, 32> digits{};
    const auto [end, error] =
        std::to_chars(digits.data(), digits.data() + digits.size(), value, std::chars_format::general, 6);
    return *this << std::string_view(digits.data(), static_cast<std::size_t>(end - digits.data()));
  }
  Status close() {
    flush();
    const bool failed = !file_ || failed_;
    return failed ? Status(cannot_write(path_)) : Status();
  }

 private:
  static constexpr std::size_t flush_bytes = 1U << 20;
  void flush() {
    if (file_) {
      failed_ |= std::fwrite(buffer_.data(), 1, buffer_.size(), file_.get()) != buffer_.size();
    }
    buffer_.clear();
  }

  std::string path_;
  std::unique_ptr<std::FILE, FileCloser> file_;
  std::string buffer_;
  bool failed_ = false;
};

/// RFC 4180: quotes where the text needs them.
std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) {
    return text;
  }
  std::string result = "\"";
  for (const char c : text) {
    result += c == '"' ? "\"\"" : std::string(1, c);
  }
  return result + "\"";
}

/// Columns that only jobs with a profile have; slowdown of closed jobs, ok_share of services.
void write_account(TextFile& file, const JobAccount& account) {
  if (!account.goodput_class) {
    file << ",,,,,,,";
    return;
  }
  file << "," << to_string(*account.goodput_class) << "," << (account.mode ? to_string(*account.mode) : "") << ",";
  if (!account.mode) {
    file << ",,,,";
    return;
  }
  file.number(account.work_s) << ",";
  if (is_service(*account.goodput_class)) {
    file << ",";
    file.number(account.ok_share) << ",";
  } else {
    file.number(account.slowdown) << ",,";
  }
  file << (account.slo_met ? "1" : "0") << "," << account.oom_kills;
}

Status write_jobs(const std::string& path, const Trace& trace, const SimulationResult& result) {
  TextFile file(path);
  const bool executed = !result.accounts.empty();
  file << "id,submit_s,first_start_s,start_s,end_s,outcome,node,gpus,evictions,reason"
       << (executed ? ",class,mode,work_s,slowdown,ok_share,slo_met,oom_kills\n" : "\n");
  for (std::size_t i = 0; i < result.jobs.size(); ++i) {
    const JobResult& job = result.jobs[i];
    const TraceJob& row = trace.jobs[job.row];
    file << quoted(row.id) << ",";
    file.seconds(row.submit_ns) << ",";
    file.seconds(job.first_start_ns) << ",";
    file.seconds(job.start_ns) << ",";
    file.seconds(job.end_ns) << "," << to_string(job.outcome) << ",";
    if (job.start_ns >= 0) {
      file << quoted(trace.nodes[job.node].id) << "," << gpus_text(job.gpus);
    } else {
      file << ",";
    }
    file << "," << std::int64_t{job.evictions} << ","
         << (job.reason == RejectReason::none ? "" : to_string(job.reason));
    if (executed) {
      write_account(file, result.accounts[i]);
    }
    file << "\n";
  }
  return file.close();
}

Status write_timeline(const std::string& path, const SimulationResult& result) {
  TextFile file(path);
  file << "time_s,gpu_allocated,mig_allocated,active_gpus,fragment_gpus,unusable_slices,queued,running\n";
  for (const TimelineRow& row : result.timeline) {
    file.seconds(row.time_ns) << ",";
    for (const double value :
         {row.gpu_allocated, row.mig_allocated, row.active_gpus, row.fragment_gpus, row.unusable_slices}) {
      file.number(value) << ",";
    }
    file << row.queued << "," << row.running << "\n";
  }
  return file.close();
}

}  // namespace

std::string gpus_text(const GpuAssignments& gpus) {
  std::string text;
  for (const GpuAssignment& part : gpus) {
    text += text.empty() ? "" : "|";
    text += std::to_string(part.gpu);
    text += part.range.size > 0 ? "@" + std::to_string(part.range.start) + "+" + std::to_string(part.range.size)
                                : ":" + std::to_string(part.share_milli);
  }
  return text;
}

namespace {

nlohmann::ordered_json execution_json(const ExecutionSummary& s) {
  nlohmann::ordered_json json;
  json["window_s"] = s.window_s;
  json["goodput"] = s.goodput;
  json["balanced_goodput"] = s.balanced_goodput;
  json["slo_attainment"] = s.slo_attainment;
  json["unserved"] = s.unserved;
  json["wait_s_p95"] = s.wait_s_p95;
  for (std::size_t i = 0; i < goodput_class_count; ++i) {
    json["served"][to_string(static_cast<GoodputClass>(i))] = s.served[i];
  }
  for (std::size_t i = 0; i < goodput_class_count; ++i) {
    json["offered"][to_string(static_cast<GoodputClass>(i))] = s.offered[i];
  }
  for (std::size_t i = 0; i < start_mode_count; ++i) {
    json["starts"][to_string(static_cast<StartMode>(i))] = s.starts[i];
  }
  json["openings"] = s.openings;
  json["oom_kills"] = s.oom_kills;
  json["crashes"] = s.crashes;
  json["isolation_violations"] = s.isolation_violations;
  json["trust_violations"] = s.trust_violations;
  return json;
}

}  // namespace

std::string summary_json(const Summary& s) {
  nlohmann::ordered_json json;
  json["jobs"] = s.jobs;
  json["accepted"] = s.accepted;
  json["finished"] = s.finished;
  json["running"] = s.running;
  json["waiting"] = s.waiting;
  json["rejected"] = s.rejected;
  json["infeasible"] = s.infeasible;
  json["abandoned"] = s.abandoned;
  json["lost"] = s.lost;
  json["evictions"] = s.evictions;
  json["preemptions"] = s.preemptions;
  json["reshapes"] = s.reshapes;
  json["reshapes_failed"] = s.reshapes_failed;
  json["reshape_restarts"] = s.reshape_restarts;
  for (std::size_t i = 0; i < reshape_trigger_count; ++i) {
    json["moved_pods"][to_string(static_cast<ReshapeTrigger>(i))] = s.triggers.moved_pods[i];
  }
  json["compactions"] = s.triggers.compactions;
  json["emptied_gpus"] = s.triggers.emptied_gpus;
  json["drifts"] = s.triggers.drifts;
  json["gate_refusals"] = s.triggers.gate_refusals;
  json["decisions"] = s.decisions;
  json["acceptance"] = s.acceptance;
  json["acceptance_by_size"] = s.acceptance_by_size;
  json["gpu_allocation"] = s.gpu_allocation;
  json["final_gpu_allocation"] = s.final_gpu_allocation;
  json["mig_allocation"] = s.mig_allocation;
  json["fragment_ratio"] = s.fragment_ratio;
  json["fragment_gpus"] = s.fragment_gpus;
  json["unusable_slices"] = s.unusable_slices;
  json["active_gpus"] = s.active_gpus;
  json["utilisation_active"] = s.utilisation_active;
  json["wait_s"] = {{"p50", s.wait_s_p50}, {"p95", s.wait_s_p95}, {"p99", s.wait_s_p99}, {"mean", s.wait_s_mean}};
  json["span_s"] = s.span_s;
  json["cluster_cost"] = s.cluster_cost;
  json["allocated_cost"] = s.allocated_cost;
  for (const AcceptanceRow& row : s.acceptance_by_kind) {
    json["acceptance_by_kind"][row.kind] = {{"arrived", row.arrived}, {"accepted", row.accepted}};
  }
  if (s.execution) {
    json["execution"] = execution_json(*s.execution);
  }
  json["rejected_by_reason"] = nlohmann::ordered_json::object();
  for (std::size_t i = 1; i < s.rejected_by_reason.size(); ++i) {
    if (s.rejected_by_reason[i] > 0) {
      json["rejected_by_reason"][to_string(static_cast<RejectReason>(i))] = s.rejected_by_reason[i];
    }
  }
  return json.dump(2) + "\n";
}

Status write_text(const std::string& path, const std::string& text) {
  if (path == "-") {
    const bool ok = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
    return ok ? Status() : Status(cannot_write("standard output"));
  }
  TextFile file(path);
  file << text;
  return file.close();
}

Status write_results(const std::string& directory, const Trace& trace, const SimulationResult& result,
                     const RunNote& note) {
  std::error_code problem;
  std::filesystem::create_directories(directory, problem);
  if (problem) {
    return cannot_write(directory);
  }
  for (const Status& status :
       {write_text(directory + "/summary.json", summary_json(result.summary)),
        write_jobs(directory + "/jobs.csv", trace, result), write_timeline(directory + "/timeline.csv", result),
        write_text(directory + "/nodes.csv", nodes_csv(trace, note)),
        write_text(directory + "/demand.csv", demand_csv(trace, result, note)),
        write_text(directory + "/waits.csv", waits_csv(result))}) {
    if (!status) {
      return status;
    }
  }
  return {};
}

}  // namespace gpusched::sim
