#include <algorithm>
#include <array>
#include <charconv>

#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/profiler/analysis/suite_exports.hpp"

namespace gpusched::suite {

namespace {

constexpr std::string_view header =
    "job,group,set,kind,gpu_model,profile,sharing,copies,time_ms,engine_active,sm_active,dram_active,request_load,"
    "x_repetitions,x_spread";

std::string decimal(double value) {
  std::array<char, 32> buffer{};
  return {buffer.data(),
          std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::general, 6).ptr};
}

/// One row. Names come from the table of kinds and the catalogue: nothing in them needs quotes.
struct Row {
  std::string job, group, set, kind = "closed", profile, sharing = "exclusive";
  int copies = 1;
  double time_ms = 0;
  const JobAlone* alone = nullptr;
  double load = 0;
  int repetitions = 1;
  double spread = 0;
};

void append(std::string& out, const Row& row, std::string_view gpu) {
  const auto activity = [](const std::optional<double>& value) { return value ? decimal(*value) : std::string(); };
  out += row.job + "," + row.group + "," + row.set + "," + row.kind + "," + std::string(gpu) + "," + row.profile + "," +
         row.sharing + "," + std::to_string(row.copies) + "," + decimal(row.time_ms) + ",";
  out += row.alone != nullptr ? decimal(row.alone->engine_active) + "," + activity(row.alone->sm_active) + "," +
                                    decimal(row.alone->dram_active) + ","
                              : ",,,";
  out += (row.load > 0 ? decimal(row.load) : "") + "," + std::to_string(row.repetitions) + "," + decimal(row.spread) +
         "\n";
}

bool is_row_of_fit(const MeasuredSet& set) {
  return set.planned.way != Way::slice &&
         std::none_of(set.planned.jobs.begin(), set.planned.jobs.end(), [](const PlannedJob& job) {
           return job.kind->work == Work::idle || job.kind->work == Work::holder;
         });
}

std::string set_name(const PlannedMeasurement& planned) {
  std::string text = planned.text();
  std::replace(text.begin(), text.end(), ',', ';');
  return text;
}

Row row_of(const SuiteResults& results, const MeasuredSet& set, std::size_t index) {
  const PlannedJob& planned = set.planned.jobs[index];
  const MeasuredTenant& tenant = set.tenants[index];
  const auto alone = results.alone.find(std::string(planned.kind->name));
  Row row;
  row.group = std::string(planned.kind->name);
  row.job = row.group;
  row.copies = planned.copies;
  row.time_ms = tenant.step_ms;
  row.alone = alone == results.alone.end() ? nullptr : &alone->second;
  row.repetitions = set.repetitions;
  row.spread = set.spread;
  if (planned.load > 0) {
    row.job += "-requests";
    row.kind = "service";
  }
  if (set.planned.way == Way::mig) {
    row.profile = set.planned.mig_profile;
  }
  if (set.planned.way == Way::time_slice || set.planned.way == Way::mps) {
    row.sharing = set.planned.way == Way::mps ? "mps" : "time_slice";
    row.load = std::min(1.0, tenant.load);
    if (set.planned.jobs.size() > 1) {
      row.set = set_name(set.planned);
    }
  } else if (planned.load > 0) {
    row.time_ms = tenant.service_ms;  // alone, a service is measured without its queue
  }
  return row;
}

}  // namespace

std::string measurements_csv(const SuiteResults& results) {
  std::string out(header);
  out += "\n";
  const std::string_view gpu = gpu_model(results.gpu_model).name;
  std::vector<std::string> services_alone;
  for (const MeasuredSet& set : results.sets) {
    for (std::size_t i = 0; is_row_of_fit(set) && i < set.planned.jobs.size(); ++i) {
      const Row row = row_of(results, set, i);
      // A service alone was measured at several loads; its time without queueing is one row.
      if (row.kind == "service" && row.sharing == "exclusive") {
        if (std::find(services_alone.begin(), services_alone.end(), row.job) != services_alone.end()) {
          continue;
        }
        services_alone.push_back(row.job);
      }
      append(out, row, gpu);
    }
  }
  return out;
}

std::string modelled_csv(const SuiteResults& results, const std::vector<ModelledSlice>& modelled) {
  std::string out(header);
  out += ",x_modelled\n";
  for (const ModelledSlice& slice : modelled) {
    const JobAlone& alone = results.alone.at(slice.job);
    Row row;
    row.job = slice.job;
    row.group = slice.job;
    row.profile = slice.profile;
    row.time_ms = alone.step_ms / slice.modelled_speed;
    row.alone = &alone;
    append(out, row, gpu_model(results.gpu_model).name);
    out.insert(out.size() - 1, ",yes");
  }
  return out;
}

std::vector<profiler::MeasuredJob> measured_jobs(const SuiteResults& results) {
  std::vector<profiler::MeasuredJob> jobs;
  const FlatObject& machine = results.machine;
  for (const auto& [name, alone] : results.alone) {
    profiler::MeasuredJob job;
    job.job.name = "suite-" + name;
    job.gpu_model = results.gpu_model;
    profiler::Observation& seen = job.seen;
    seen.engine_active = Activity{.mean = alone.engine_active};
    seen.dram_active = Activity{.mean = alone.dram_active};
    if (alone.sm_active) {
      seen.sm_active = Activity{.mean = *alone.sm_active};
    }
    if (alone.tensor_active) {
      seen.tensor_active = Activity{.mean = *alone.tensor_active};
    }
    seen.power_w = alone.power_w;
    seen.sm_clock_mhz = alone.sm_clock_mhz;
    seen.duty_cycle = 1;
    seen.processes = 1;
    seen.memory_peak_mib = static_cast<std::int64_t>(alone.footprint_mib + 0.5);
    for (const FlatObject& line : alone.set->jobs) {
      seen.duration_s += line.number("seconds").value_or(0);
      seen.working_samples += static_cast<std::int64_t>(line.number("items").value_or(0));
    }
    seen.samples = seen.working_samples;
    job.provenance = {.tool = "gpusched-profile suite " + machine.text("version").value_or("") + " (" +
                              machine.text("commit").value_or("") + ")",
                      .date = alone.set->ends.back().text("at").value_or(""),
                      .device = machine.text("gpu").value_or(""),
                      .driver = machine.text("driver"),
                      .nvml = std::nullopt,
                      .command = "gpusched-suite-job " + name,
                      .repetitions = alone.set->repetitions,
                      .spread = alone.set->spread,
                      .notes = {}};
    if (!alone.counters) {
      job.provenance.notes.push_back(
          "engine_active: from the first to the last kernel of each item, an upper bound; dram_active: bytes an item "
          "has to move over the memory's nominal rate, a lower bound. No counters were read");
    }
    job.provenance.notes.push_back("samples are items of the job; memory is what its buffers take");
    profiler::judge(job, {});
    jobs.push_back(std::move(job));
  }
  return jobs;
}

}  // namespace gpusched::suite
