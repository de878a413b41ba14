#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gpusched/perf/fit_report.hpp"
#include "gpusched/perf/perf_constants.hpp"
#include "gpusched/profiler/analysis/suite_results.hpp"

namespace gpusched::suite {

/// The speed of one job of one measurement, relative to alone on the whole GPU, beside its prediction.
struct JudgedPoint {
  std::string job;
  std::string where;  ///< "beside stream", "on 16 SMs"
  double measured = 0;
  double predicted = 0;
  bool held_out = false;  ///< the fit did not see its measurement
  // What may explain an error.
  double memory_pressure = 0;  ///< m x sum of the others' m; on a slice m
  double engine_pressure = 0;  ///< sum of all u; on a slice 1 / c
  double host_part = 0;        ///< 1 - u
  double item_ms = 0;
};

/// One model, fitted to some measurements and judged on others.
struct Judgement {
  std::string title;
  std::string model;  ///< of docs/models/slowdown.md, and what of it
  std::string rule;   ///< what the fit saw, and what it did not
  std::vector<FittedConstant> constants;
  std::vector<JudgedPoint> points;
  std::optional<double> limit;  ///< on the mean absolute error of the held-out points

  /// Mean absolute error of relative speed; nullopt without such points.
  std::optional<double> error(bool held_out) const;
  /// Whether the limit holds; nullopt without a limit or without held-out points.
  std::optional<bool> holds() const;
};

/// The cause of held-out errors that the points point at: the feature that goes with them most, or that none does.
std::string likely_cause(const Judgement& judgement);

/// A slice as a MIG instance would be: the raw time, held to the instance's share of the memory bandwidth. Modelled,
/// not measured.
struct ModelledSlice {
  std::string job, profile;
  double raw_speed = 0;  ///< green context, interpolated between SM counts where none is equal
  double modelled_speed = 0;
  bool interpolated = false;
};

struct SuiteJudgement {
  std::uint64_t seed = 1;
  PerfConstants constants{};  ///< fitted
  Judgement pairs, slices, instances, copies, served, mps;
  std::vector<ModelledSlice> modelled;

  /// In the order that people are shown.
  std::array<const Judgement*, 6> all() const { return {&pairs, &slices, &instances, &copies, &served, &mps}; }
};

/// Fits and judges every model that the results say something about. Half of the pairs and half of the slices, drawn by
/// the seed, are held out.
SuiteJudgement judge_suite(const SuiteResults& results, std::uint64_t seed);

}  // namespace gpusched::suite
