#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "gpusched/base/check.hpp"
#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/perf/partition_slowdown.hpp"
#include "gpusched/perf/slice_speed.hpp"
#include "gpusched/perf/slowdown_models.hpp"
#include "gpusched/sim/readers/measurements.hpp"

/// Measurements of others that the slowdown models are held against; the table and the tests share them.
namespace gpusched::published {

// --- MISO (SoCC'22) and ParvaGPU (SC'24): files of the public data -------------------------------------------------

inline constexpr std::string_view miso_file = "validation/miso_a100_40gb_training.csv";
inline constexpr std::string_view parva_folder = "validation/parvagpu_a100_80gb";

/// Fits a model of the table to measurements; a failure is a bug of the caller.
inline FitReport fit_model(std::string_view name, std::span<const Measurement> rows) {
  const Result<const SlowdownModelInfo*> row = find_slowdown_model(name);
  GPUSCHED_CHECK(row.ok(), std::string(name));
  return row.value()->model->fit(rows, PerfConstants{}).value();
}

inline FitReport fit_miso(const std::string& data_dir) {
  return fit_model("slice-training", sim::read_measurements(data_dir + "/" + std::string(miso_file)).value().rows);
}

/// Errors of predicted speeds relative to 7g with these constants, point by point.
inline std::vector<double> miso_errors(const std::string& data_dir, const PerfConstants& constants) {
  const std::vector<Measurement> rows = sim::read_measurements(data_dir + "/" + std::string(miso_file)).value().rows;
  std::map<std::string, double> largest_ms;
  const auto fractions = [](const Measurement& row) {
    const GpuModel& model = gpu_model(row.gpu_model);
    return slice_fractions(model, model.profiles[row.profile->value]);
  };
  for (const Measurement& row : rows) {
    if (fractions(row).compute == 1) {
      largest_ms[row.job] = row.time_ms;
    }
  }
  std::vector<double> errors;
  for (const Measurement& row : rows) {
    if (fractions(row).compute < 1) {
      errors.push_back(1 / training_slice_slowdown(*row.engine_active, *row.dram_active, fractions(row), constants) -
                       largest_ms.at(row.job) / row.time_ms);
    }
  }
  return errors;
}

/// The published definition counts one to three processes.
inline constexpr int parva_processes = 3;
inline std::vector<Measurement> parva_measurements(const std::string& data_dir, int most_processes) {
  std::vector<Measurement> rows = sim::read_measurements(data_dir + "/" + std::string(parva_folder)).value().rows;
  std::erase_if(rows, [&](const Measurement& row) { return row.copies > most_processes; });
  return rows;
}

/// The memory rule on MISO's jobs: a job that was not measured on a size ran out of memory there.
struct MemoryRuleOutcome {
  int refused_did_not_run = 0;  ///< found
  int refused_ran = 0;          ///< needlessly careful
  int allowed_ran = 0;
  int allowed_did_not_run = 0;  ///< what must not happen
};

inline MemoryRuleOutcome miso_memory_rule(const std::string& data_dir) {
  const std::string path = data_dir + "/" + std::string(miso_file);
  std::ifstream in(path);
  std::map<std::string, std::int64_t> footprint_mib;
  std::map<std::string, std::set<int>> ran_on;
  std::string line;
  std::getline(in, line);
  while (std::getline(in, line)) {
    // model,batch_size,slices,median_step_s,sm_util,mem_util,memory_mib,power_w
    std::array<std::string, 8> fields;
    std::size_t begin = 0;
    for (std::string& field : fields) {
      const std::size_t end = std::min(line.find(',', begin), line.size());
      field = line.substr(begin, end - begin);
      begin = std::min(end + 1, line.size());
    }
    const std::string job = fields[0] + "/" + fields[1];
    footprint_mib[job] = static_cast<std::int64_t>(std::stod(fields[6]));
    ran_on[job].insert(std::stoi(fields[2]));
  }
  MemoryRuleOutcome outcome;
  const GpuModel& gpu = gpu_model(find_gpu_model("A100-40GB").value());
  for (const auto& [job, sizes] : ran_on) {
    for (const std::string_view name : {"1g.5gb", "2g.10gb", "3g.20gb", "4g.20gb"}) {
      const MigProfile& profile =
          gpu.profiles[find_mig_profile(find_gpu_model("A100-40GB").value(), name).value().value];
      const std::array<std::int64_t, 1> footprint = {footprint_mib[job]};
      const bool allowed = memory_needed_mib(footprint, PerfConstants{}) <= *profile.memory_mib;
      const bool ran = sizes.count(profile.compute_slices) > 0;
      int& cell = allowed ? (ran ? outcome.allowed_ran : outcome.allowed_did_not_run)
                          : (ran ? outcome.refused_ran : outcome.refused_did_not_run);
      ++cell;
    }
  }
  return outcome;
}

// --- nos: pods that run YOLOS-small without a pause on one shared GPU ----------------------------------------------

/// Seconds per inference. Source: nebuly-ai/nos, demos/gpu-sharing-comparison/README.md at 14a194e2.
struct NosRow {
  int pods;
  double time_slice_s, mps_s, mig_s;
};
inline constexpr std::array<NosRow, 4> nos_rows = {{
    {1, 0.08815048247208879, 0.08796154366177533, 0.34236589893939284},
    {3, 0.2931403323839484, 0.1640018804617158, 0.3413140464128765},
    {5, 0.4889516484510863, 0.2408641491144998, 0.3453250103939391},
    {7, 0.6848803898344092, 0.3198182253208076, 0.34424962169772633},
}};

/// What the models predict from the time alone, one time on a 1g instance and the times at three pods.
struct NosPrediction {
  double switch_tax = 0;
  double mps_demand = 0;
  std::array<double, 8> time_slice_s{}, mps_s{};  // by pods, from 1
  double mig_s = 0;
};

inline Measurement nos_measurement(MeasuredSharing sharing, int pods, double seconds) {
  Measurement row;
  row.job = row.group = "yolos-small";
  row.kind = JobKind::service;
  row.gpu_model = find_gpu_model("A100-80GB").value();
  row.sharing = sharing;
  row.copies = pods;
  row.time_ms = 1000 * seconds;
  return row;
}

inline NosPrediction predict_nos() {
  const std::array<Measurement, 2> time_slice = {
      nos_measurement(MeasuredSharing::exclusive, 1, nos_rows[0].time_slice_s),
      nos_measurement(MeasuredSharing::time_slice, 3, nos_rows[1].time_slice_s)};
  const std::array<Measurement, 2> mps = {nos_measurement(MeasuredSharing::exclusive, 1, nos_rows[0].mps_s),
                                          nos_measurement(MeasuredSharing::mps, 3, nos_rows[1].mps_s)};
  const PerfConstants constants = fit_model("time-slice", time_slice).constants;
  NosPrediction prediction;
  prediction.switch_tax = constants.switch_tax;
  prediction.mps_demand = fit_model("mps", mps).demands.front().mps_demand;

  // Requests without a pause are a closed job whose engine is always busy.
  JobProfile job;
  job.name = "yolos-small";
  job.gpu_model = find_gpu_model("A100-80GB").value();
  job.engine_active.mean = 1;
  job.memory_peak_mib = 2000;
  job.mps_demand = prediction.mps_demand;
  job.slice_speeds = {{.profile = "1g.10gb", .speed = nos_rows[0].time_slice_s / nos_rows[0].mig_s}};
  const auto predict = [&](std::string_view model, std::optional<MigProfileId> profile, std::size_t pods) {
    const std::vector<const JobProfile*> tenants(pods, &job);
    const SharedPartition partition{.gpu_model = job.gpu_model, .profile = profile, .tenants = tenants};
    return find_slowdown_model(model).value()->model->predict(partition, constants).value().front();
  };
  for (std::size_t pods = 1; pods < prediction.mps_s.size(); ++pods) {
    prediction.time_slice_s[pods] = nos_rows[0].time_slice_s * predict("time-slice", std::nullopt, pods);
    prediction.mps_s[pods] = nos_rows[0].mps_s * predict("mps", std::nullopt, pods);
  }
  const MigProfileId slice = find_mig_profile(job.gpu_model, "1g.10gb").value();
  prediction.mig_s = nos_rows[0].time_slice_s * predict("slice-training", slice, 1);
  return prediction;
}

// --- Gavel (OSDI'20): pairs of training jobs on one GPU ------------------------------------------------------------

inline constexpr std::string_view gavel_file = "validation/gavel_colocation_throughputs.json";
inline constexpr std::array<std::string_view, 3> gavel_gpus = {"k80", "p100", "v100"};

/// Steps per second of single-GPU jobs alone and in pairs. 0: one of the two failed, for whatever reason; Gavel's
/// profiler does not say whether memory was it, nor whether MPS was on.
struct GavelGpu {
  std::vector<std::string> jobs;
  std::vector<double> alone;
  std::vector<std::vector<double>> beside;  ///< beside[i][j]: of job i next to job j

  bool ran(std::size_t i, std::size_t j) const { return beside[i][j] > 0; }
  double slowdown(std::size_t i, std::size_t j) const { return alone[i] / beside[i][j]; }
};

inline GavelGpu read_gavel(const std::string& data_dir, std::string_view gpu) {
  std::ifstream in(data_dir + "/" + std::string(gavel_file));
  const nlohmann::ordered_json all = nlohmann::ordered_json::parse(in).at(std::string(gpu));
  GavelGpu table;
  for (const auto& [job, entry] : all.items()) {
    if (job.size() > 4 && job.compare(job.size() - 4, 4, ", 1)") == 0 && entry.size() > 1) {
      table.jobs.push_back(job);
    }
  }
  for (const std::string& job : table.jobs) {
    table.alone.push_back(all.at(job).at("null").get<double>());
    std::vector<double> row;
    for (const std::string& other : table.jobs) {
      row.push_back(all.at(job).at(other).at(0).get<double>());
    }
    table.beside.push_back(std::move(row));
  }
  return table;
}

inline std::vector<double> average_ranks(const std::vector<double>& values) {
  std::vector<std::size_t> order(values.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    order[i] = i;
  }
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (std::size_t begin = 0; begin < order.size();) {
    std::size_t end = begin;
    while (end < order.size() && values[order[end]] == values[order[begin]]) {
      ++end;
    }
    for (std::size_t k = begin; k < end; ++k) {
      ranks[order[k]] = (static_cast<double>(begin) + static_cast<double>(end) - 1) / 2;
    }
    begin = end;
  }
  return ranks;
}

inline double spearman(const std::vector<double>& a, const std::vector<double>& b) {
  const std::vector<double> x = average_ranks(a);
  const std::vector<double> y = average_ranks(b);
  const double mean = (static_cast<double>(x.size()) - 1) / 2;
  double xy = 0, xx = 0, yy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xy += (x[i] - mean) * (y[i] - mean);
    xx += (x[i] - mean) * (x[i] - mean);
    yy += (y[i] - mean) * (y[i] - mean);
  }
  return xy / std::sqrt(xx * yy);
}

/// Kendall's tau-b.
inline double kendall(const std::vector<double>& a, const std::vector<double>& b) {
  double agree = 0, differ = 0, only_a = 0, only_b = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const double x = a[i] - a[j];
      const double y = b[i] - b[j];
      agree += x * y > 0 ? 1 : 0;
      differ += x * y < 0 ? 1 : 0;
      only_a += y == 0 && x != 0 ? 1 : 0;
      only_b += x == 0 && y != 0 ? 1 : 0;
    }
  }
  return (agree - differ) / std::sqrt((agree + differ + only_a) * (agree + differ + only_b));
}

/// Where the one number per job of the MPS law comes from.
enum class GavelCalibration {
  self_pair,    ///< the job beside a copy of itself: one measurement per job, none of the predicted pair
  other_pairs,  ///< the mean slowdown it causes in its other pairs, the predicted one left out
};

struct GavelAgreement {
  std::size_t pairs = 0;
  double measured_mean = 0;
  double spearman = 0, kendall = 0;
  double mean_absolute_error = 0;
  double constant_error = 0;  ///< of predicting the mean for every pair
};

inline std::optional<double> gavel_demand(const GavelGpu& gpu, std::size_t job, std::size_t other,
                                          GavelCalibration calibration) {
  if (calibration == GavelCalibration::self_pair) {
    return gpu.ran(job, job) ? std::optional(gpu.slowdown(job, job) - 1) : std::nullopt;
  }
  double sum = 0;
  int count = 0;
  for (std::size_t i = 0; i < gpu.jobs.size(); ++i) {
    if (i != other && gpu.ran(i, job)) {
      sum += gpu.slowdown(i, job) - 1;
      ++count;
    }
  }
  return count > 0 ? std::optional(sum / count) : std::nullopt;
}

/// Predicted and measured sums of normalised throughputs over the pairs of different jobs that ran.
inline GavelAgreement gavel_agreement(const GavelGpu& gpu, GavelCalibration calibration) {
  std::vector<double> predicted;
  std::vector<double> measured;
  for (std::size_t i = 0; i < gpu.jobs.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const std::optional<double> mine = gavel_demand(gpu, i, j, calibration);
      const std::optional<double> its = gavel_demand(gpu, j, i, calibration);
      if (!gpu.ran(i, j) || !gpu.ran(j, i) || !mine || !its) {
        continue;
      }
      std::array<TenantDemand, 2> tenants;
      for (std::size_t k = 0; k < tenants.size(); ++k) {
        tenants[k].engine_active_milli = 1000;
        tenants[k].mps_demand_milli = static_cast<std::int32_t>(to_milli(std::max(0.0, k == 0 ? *mine : *its)));
      }
      std::array<double, 2> slowdown{};
      mps_slowdown(tenants, PerfConstants{}, slowdown);
      predicted.push_back(1 / slowdown[0] + 1 / slowdown[1]);
      measured.push_back(1 / gpu.slowdown(i, j) + 1 / gpu.slowdown(j, i));
    }
  }
  GavelAgreement agreement{.pairs = measured.size()};
  const auto n = static_cast<double>(measured.size());
  for (const double value : measured) {
    agreement.measured_mean += value / n;
  }
  for (std::size_t i = 0; i < measured.size(); ++i) {
    agreement.mean_absolute_error += std::abs(predicted[i] - measured[i]) / n;
    agreement.constant_error += std::abs(agreement.measured_mean - measured[i]) / n;
  }
  agreement.spearman = spearman(predicted, measured);
  agreement.kendall = kendall(predicted, measured);
  return agreement;
}

/// What "it does not fit in memory" implies: a pair that failed on `larger` fails on `smaller` too.
struct MemoryImplication {
  int failed_on_larger = 0;
  int failed_on_both = 0;
};

inline MemoryImplication gavel_implication(const GavelGpu& larger, const GavelGpu& smaller) {
  GPUSCHED_CHECK(larger.jobs == smaller.jobs, "the same jobs");
  MemoryImplication result;
  for (std::size_t i = 0; i < larger.jobs.size(); ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      if (!larger.ran(i, j)) {
        ++result.failed_on_larger;
        result.failed_on_both += smaller.ran(i, j) ? 0 : 1;
      }
    }
  }
  return result;
}

}  // namespace gpusched::published
