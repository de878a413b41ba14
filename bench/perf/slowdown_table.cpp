// The slowdown models beside measurements of others: MISO, ParvaGPU, nos, Gavel.
#include <array>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <string>

#include "../../tests/published/slowdown_published.hpp"
#include "table_program.hpp"

namespace {

using namespace gpusched;

constexpr double miso_limit = 0.085;  // speed, mean absolute, leaving one model out
constexpr std::size_t miso_points = 113;
constexpr double parva_limit = 6.5;  // per cent of the time, mean
constexpr std::size_t parva_points = 528;
constexpr double nos_limit = 10;  // per cent of the time, each point

bool verdict(bool good) {
  std::printf("  %s\n\n", good ? "yes" : "NO");
  return good;
}

bool print_miso(const std::string& data) {
  const FitReport report = published::fit_miso(data);
  const FitErrors fitted = fitted_errors(report.points);
  const FitErrors held_out = held_out_errors(report.points);
  std::printf("MISO, training on A100-40GB instances, speed relative to 7g: %zu points\n", held_out.points);
  for (const FittedConstant& change : report.changes) {
    std::printf("  %-18s %.3f -> %.3f%s\n", std::string(change.name).c_str(), change.before, change.after,
                change.determined ? "" : " (not determined)");
  }
  std::map<std::string, std::pair<double, int>> by_model;
  for (const FitPoint& point : report.points) {
    by_model[point.group].first += std::abs(*point.held_out - point.measured);
    by_model[point.group].second += 1;
  }
  for (const auto& [model, sum] : by_model) {
    std::printf("  %-18s %.3f (%d points)\n", model.c_str(), sum.first / sum.second, sum.second);
  }
  double with_defaults = 0;
  for (const double error : published::miso_errors(data, PerfConstants{})) {
    with_defaults += std::abs(error) / static_cast<double>(held_out.points);
  }
  std::printf(
      "  mean absolute error: %.4f with the defaults, %.4f fitted to all, %.4f leaving one model out; limit %.3f:",
      with_defaults, fitted.mean_absolute, held_out.mean_absolute, miso_limit);
  return verdict(held_out.points == miso_points && held_out.mean_absolute <= miso_limit);
}

bool print_parva(const std::string& data) {
  const FitErrors errors = fitted_errors(
      published::fit_model("slice-inference", published::parva_measurements(data, published::parva_processes)).points);
  std::printf("ParvaGPU, inference on A100-80GB instances, ms per request, 1 to 3 processes: %zu points\n",
              errors.points);
  std::printf("  max(T(7), T(1) / s): mean %.2f %%, p95 %.1f %%, worst %.1f %%; limit %.1f %%:", errors.mean_percent,
              errors.p95_percent, errors.worst_percent, parva_limit);
  const bool good = verdict(errors.points == parva_points && errors.mean_percent <= parva_limit);

  const std::vector<Measurement> all = published::parva_measurements(data, 5);
  const FitErrors mps = held_out_errors(published::fit_model("mps", all).points);
  std::printf("ParvaGPU, MPS inside instances, slowdown at 3 to 5 processes from 2: %zu points\n", mps.points);
  std::printf("  mean %.2f %%, p95 %.1f %%, worst %.1f %% (no limit set)\n\n", mps.mean_percent, mps.p95_percent,
              mps.worst_percent);
  return good;
}

bool print_nos() {
  const published::NosPrediction p = published::predict_nos();
  std::printf("nos, YOLOS-small without a pause, s per inference; from 1 pod, one 1g time and 3 pods\n");
  std::printf("  switch tax %.4f, MPS demand %.4f, 1g %.4f s\n", p.switch_tax, p.mps_demand, p.mig_s);
  bool good = true;
  for (const published::NosRow& row : published::nos_rows) {
    const auto pods = static_cast<std::size_t>(row.pods);
    const double time_slice = 100 * (p.time_slice_s[pods] / row.time_slice_s - 1);
    const double mps = 100 * (p.mps_s[pods] / row.mps_s - 1);
    std::printf("  %d pods: time slicing %.4f, measured %.4f (%+.2f %%); MPS %.4f, measured %.4f (%+.2f %%)\n",
                row.pods, p.time_slice_s[pods], row.time_slice_s, time_slice, p.mps_s[pods], row.mps_s, mps);
    good &= std::abs(time_slice) <= nos_limit && std::abs(mps) <= nos_limit;
  }
  std::printf("  each within %.0f %%:", nos_limit);
  good = verdict(good);
  std::printf("  1g overtakes time slicing between 3 and 4 pods (%.3f < %.3f < %.3f s):", p.time_slice_s[3], p.mig_s,
              p.time_slice_s[4]);
  return verdict(p.time_slice_s[3] < p.mig_s && p.mig_s < p.time_slice_s[4]) && good;
}

void print_gavel(const std::string& data) {
  std::printf("Gavel, pairs of training jobs, sum of normalised throughputs: rank agreement of the MPS law\n");
  std::printf("  %-5s %-12s %6s %7s %9s %8s %7s %14s\n", "GPU", "d from", "pairs", "mean", "Spearman", "Kendall",
              "error", "error of mean");
  for (const std::string_view gpu : published::gavel_gpus) {
    const published::GavelGpu table = published::read_gavel(data, gpu);
    for (const auto& [calibration, name] : {std::pair{published::GavelCalibration::self_pair, "self pair"},
                                            std::pair{published::GavelCalibration::other_pairs, "other pairs"}}) {
      const published::GavelAgreement a = published::gavel_agreement(table, calibration);
      std::printf("  %-5s %-12s %6zu %7.3f %9.3f %8.3f %7.3f %14.3f\n", std::string(gpu).c_str(), name, a.pairs,
                  a.measured_mean, a.spearman, a.kendall, a.mean_absolute_error, a.constant_error);
    }
  }
  const published::GavelGpu k80 = published::read_gavel(data, "k80");
  for (const std::string_view larger : {"p100", "v100"}) {
    const published::MemoryImplication found = published::gavel_implication(published::read_gavel(data, larger), k80);
    std::printf("  pairs that failed on %s (16 GB): %d, of which failed on K80 (12 GB) too: %d\n",
                std::string(larger).c_str(), found.failed_on_larger, found.failed_on_both);
  }
  std::printf("  The file has no footprints, so the memory rule itself cannot be applied to it.\n\n");
}

bool print_memory(const std::string& data) {
  const published::MemoryRuleOutcome outcome = published::miso_memory_rule(data);
  std::printf("Memory rule on MISO's jobs (footprint on the whole GPU + context against the instance)\n");
  std::printf("  did not run: %d found, %d missed; ran: %d allowed, %d refused\n  none missed:",
              outcome.refused_did_not_run, outcome.allowed_did_not_run, outcome.allowed_ran, outcome.refused_ran);
  return verdict(outcome.allowed_did_not_run == 0);
}

}  // namespace

int main(int argc, char** argv) {
  bench::TableArguments arguments(
      "Holds the slowdown models against measurements of MISO, ParvaGPU, nos and Gavel "
      "(GPUSCHED_DATA_DIR/validation).\n"
      "Exit code 1 when an error is above its limit.",
      {});
  if (const auto exit_code = arguments.parse(argc, argv)) {
    return *exit_code;
  }
  const std::string data = bench::data_dir();
  bool good = print_miso(data);
  good &= print_parva(data);
  good &= print_nos();
  good &= print_memory(data);
  print_gavel(data);
  std::printf("%s\n", good ? "within all limits" : "NOT within all limits");
  return good ? 0 : 1;
}
