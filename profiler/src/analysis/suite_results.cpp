#include "gpusched/profiler/analysis/suite_results.hpp"

#include <algorithm>
#include <cmath>

#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/profiler/suite/result_log.hpp"

namespace gpusched::suite {

namespace {

constexpr double most_throttled = 0.1;  // share of a measurement's samples

double number(const FlatObject& line, std::string_view key) { return line.number(key).value_or(0); }

/// One repetition as the log has it.
struct Repetition {
  PlannedMeasurement planned;
  std::vector<FlatObject> jobs;
  FlatObject end;
};

/// The last good repetition of each id: a measurement that failed and was repeated counts once.
struct LogContents {
  FlatObject machine;
  std::vector<Repetition> repetitions;
  std::vector<UnusedMeasurement> unused;
};

std::string reason_against(const FlatObject& end) {
  const double samples = number(end, "samples");
  if (end.text("status") != "ok") {
    return end.text("problem").value_or("failed");
  }
  if (samples > 0 && number(end, "throttled_samples") > most_throttled * samples) {
    return "heat or the hardware held the clocks down in " +
           std::to_string(static_cast<int>(100 * number(end, "throttled_samples") / samples)) + " % of the samples";
  }
  return "";
}

LogContents contents_of(const std::vector<FlatObject>& lines) {
  LogContents contents;
  std::map<std::string, std::vector<FlatObject>> jobs;  // of measurements without an end yet
  std::map<std::string, std::string> unused;
  std::map<std::string, std::size_t> used;
  for (const FlatObject& line : lines) {
    const std::string kind = line.text("line").value_or("");
    const std::string id = line.text("id").value_or("");
    if (kind == "suite") {
      // With MIG on a process is told of its instance, not of the GPU.
      if (!contents.machine.text("line") || !line.flag("mig_enabled").value_or(false)) {
        contents.machine = line;
      }
      jobs.clear();
    } else if (kind == "job") {
      jobs[id].push_back(line);
    } else if (kind == "end") {
      const Result<PlannedMeasurement> planned = parse_measurement(id);
      const std::string why = planned ? reason_against(line) : planned.error().to_string();
      if (!why.empty()) {
        unused[id] = why;
      } else if (used.try_emplace(id, contents.repetitions.size()).second) {
        unused.erase(id);
        contents.repetitions.push_back({planned.value(), jobs[id], line});
      }
      jobs.erase(id);
    }
  }
  for (const auto& [id, why] : unused) {
    contents.unused.push_back({id, why});
  }
  return contents;
}

LatencySummary latency_of(const FlatObject& line) {
  return {.mean = number(line, "latency_ms_mean"),
          .p50 = number(line, "latency_ms_p50"),
          .p90 = number(line, "latency_ms_p90"),
          .p95 = number(line, "latency_ms_p95"),
          .p99 = number(line, "latency_ms_p99"),
          .most = number(line, "latency_ms_max")};
}

/// The mean over all job lines of one planned job; nothing where a line lacks what it needs.
std::optional<MeasuredTenant> tenant_of(const MeasuredSet& set, std::size_t index) {
  const PlannedJob& planned = set.planned.jobs[index];
  MeasuredTenant tenant;
  int lines = 0;
  for (const FlatObject& line : set.jobs) {
    if (number(line, "index") != static_cast<double>(index)) {
      continue;
    }
    if (planned.load > 0) {
      tenant.step_ms += number(line, "latency_ms_mean");
      tenant.service_ms += number(line, "item_ms") * number(line, "mean_items");
      tenant.load += number(line, "load");
      tenant.backlog += number(line, "backlog");
    } else if (number(line, "items_per_s") > 0) {
      tenant.step_ms += 1000 / number(line, "items_per_s");
    } else if (planned.kind->work != Work::idle) {
      return std::nullopt;
    }
    if (lines++ == 0) {
      tenant.latency = latency_of(line);
    }
  }
  if (lines == 0 || (planned.load > 0 && (tenant.step_ms <= 0 || tenant.service_ms <= 0))) {
    return std::nullopt;
  }
  tenant.step_ms /= lines;
  tenant.service_ms /= lines;
  tenant.load /= lines;
  return tenant;
}

double first_rate(const std::vector<FlatObject>& jobs) { return jobs.empty() ? 0 : number(jobs[0], "items_per_s"); }

std::vector<MeasuredSet> put_together(std::vector<Repetition> repetitions, std::vector<UnusedMeasurement>& unused) {
  std::vector<MeasuredSet> sets;
  std::map<std::string, std::size_t> index;
  std::map<std::string, std::vector<double>> rates;
  for (Repetition& repetition : repetitions) {
    PlannedMeasurement planned = repetition.planned;
    planned.repetition = 1;
    const auto [entry, is_new] = index.try_emplace(planned.text(), sets.size());
    if (is_new) {
      sets.push_back({.planned = planned, .tenants = {}, .jobs = {}, .ends = {}});
    }
    MeasuredSet& set = sets[entry->second];
    rates[planned.text()].push_back(first_rate(repetition.jobs));
    set.jobs.insert(set.jobs.end(), repetition.jobs.begin(), repetition.jobs.end());
    set.ends.push_back(repetition.end);
    ++set.repetitions;
  }
  std::vector<MeasuredSet> complete;
  for (MeasuredSet& set : sets) {
    const std::vector<double>& seen = rates[set.planned.text()];
    double mean = 0;
    for (const double rate : seen) {
      mean += rate / static_cast<double>(seen.size());
    }
    for (const double rate : seen) {
      set.spread = mean > 0 ? std::max(set.spread, std::abs(rate - mean) / mean) : 0;
    }
    bool whole = true;
    for (std::size_t i = 0; i < set.planned.jobs.size(); ++i) {
      const std::optional<MeasuredTenant> tenant = tenant_of(set, i);
      whole = whole && tenant.has_value();
      set.tenants.push_back(tenant.value_or(MeasuredTenant{}));
    }
    if (whole) {
      complete.push_back(std::move(set));
    } else {
      unused.push_back({set.planned.text(), "no item ended in the measured seconds"});
    }
  }
  return complete;
}

/// The mean of a field over lines that have it.
std::optional<double> mean_of(const std::vector<FlatObject>& lines, std::string_view key) {
  double sum = 0;
  int count = 0;
  for (const FlatObject& line : lines) {
    if (const std::optional<double> value = line.number(key)) {
      sum += *value;
      ++count;
    }
  }
  return count > 0 ? std::optional(sum / count) : std::nullopt;
}

JobAlone alone_of(const MeasuredSet& set, double memory_rate) {
  JobAlone job;
  job.kind = set.planned.jobs[0].kind;
  job.step_ms = set.tenants[0].step_ms;
  job.set = &set;
  const double per_s = job.step_ms > 0 ? 1000 / job.step_ms : 0;
  job.flops_per_s = per_s * mean_of(set.jobs, "flops_per_item").value_or(0);
  job.bytes_per_s = per_s * mean_of(set.jobs, "bytes_per_item").value_or(0);
  job.footprint_mib = mean_of(set.jobs, "footprint_mib").value_or(0);
  const std::optional<double> engine = mean_of(set.ends, "engine_active");
  const std::optional<double> dram = mean_of(set.ends, "dram_active");
  job.counters = engine && dram;
  job.engine_active = job.counters ? *engine : std::min(1.0, mean_of(set.jobs, "device_busy").value_or(1));
  job.dram_active = job.counters ? *dram : std::min(1.0, job.bytes_per_s / memory_rate);
  job.sm_active = job.counters ? mean_of(set.ends, "sm_active") : std::nullopt;
  job.tensor_active = mean_of(set.ends, "tensor_active");
  job.power_w = mean_of(set.ends, "power_w");
  job.sm_clock_mhz = mean_of(set.ends, "sm_clock_mhz");
  return job;
}

/// Idle processes start one after the other and each says what memory is left: neighbours differ by one context.
std::optional<double> context_of(const std::vector<MeasuredSet>& sets) {
  for (const MeasuredSet& set : sets) {
    if (set.planned.jobs.size() != 1 || set.planned.jobs[0].kind->work != Work::idle || set.jobs.size() < 2) {
      continue;
    }
    std::vector<double> steps;
    for (std::size_t i = 1; i < set.jobs.size(); ++i) {
      steps.push_back(number(set.jobs[i - 1], "free_mib") - number(set.jobs[i], "free_mib"));
    }
    std::sort(steps.begin(), steps.end());
    return steps[steps.size() / 2];
  }
  return std::nullopt;
}

}  // namespace

const MeasuredSet* SuiteResults::find(const std::string& text) const {
  const auto found =
      std::find_if(sets.begin(), sets.end(), [&](const MeasuredSet& set) { return set.planned.text() == text; });
  return found == sets.end() ? nullptr : &*found;
}

Result<SuiteResults> read_suite_results(const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / "results.jsonl";
  const Result<std::vector<FlatObject>> lines = read_result_log(file);
  if (!lines) {
    return lines.error();
  }
  LogContents contents = contents_of(lines.value());
  SuiteResults results;
  results.machine = contents.machine;
  results.unused = std::move(contents.unused);
  results.sets = put_together(std::move(contents.repetitions), results.unused);
  if (results.sets.empty()) {
    return Error{.code = ErrorCode::not_found,
                 .message = "nothing was measured, " + std::to_string(results.unused.size()) + " measurements failed",
                 .file = file.string(),
                 .line = 0,
                 .remedy = results.unused.empty() ? "" : "The first: " + results.unused[0].why};
  }
  const Result<GpuModelId> model = find_gpu_model(results.machine.text("gpu").value_or(""));
  if (!model) {
    return model.error();
  }
  results.gpu_model = model.value();
  const double rate = number(results.machine, "memory_bytes_per_s");
  if (rate <= 0) {
    return Error{.code = ErrorCode::data_loss,
                 .message = "the suite line has no memory_bytes_per_s above 0",
                 .file = file.string(),
                 .line = 0,
                 .remedy = "Activities without counters are bytes over this rate: add the GPU's nominal rate by hand"};
  }
  for (const MeasuredSet& set : results.sets) {
    if (set.planned.way == Way::alone && set.planned.jobs[0].load == 0) {
      results.alone.try_emplace(std::string(set.planned.jobs[0].kind->name), alone_of(set, rate));
    }
  }
  results.context_mib = context_of(results.sets);
  return results;
}

}  // namespace gpusched::suite
