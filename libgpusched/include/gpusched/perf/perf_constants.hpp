#pragma once

#include <span>
#include <string_view>

#include "gpusched/base/result.hpp"

namespace gpusched {

/// Every constant of the slowdown models, with the values that were fitted to public measurements as defaults.
/// `gpusched-sim fit` fits them anew. Formulas: docs/models/slowdown.md.
struct PerfConstants {
  double mig_tax = 1.035;
  double latency_weight = 0.7;
  double latency_exponent = 0.7;
  double switch_tax = 0.11;
  double switch_onset = 0.8;
  double switch_width = 0.2;
  double bandwidth_weight = 0.5;
  double time_slice_ms = 2;
  double mps_service_weight = 1.2;
  double load_peak = 1.8;
  double duty_margin = 1.645;
  double service_spread = 0.5;
  double closed_spread = 0.1;
  double context_memory_mib = 512;

  friend bool operator==(const PerfConstants&, const PerfConstants&) = default;
};

/// One constant as files, help texts and documentation show it.
struct PerfConstantInfo {
  std::string_view name;
  double PerfConstants::*member;
  double least, most;  ///< allowed values
  std::string_view unit;
  std::string_view description;
};

/// Every constant, in the order of the struct.
std::span<const PerfConstantInfo> perf_constant_table();

/// invalid_argument names a constant that is not finite or out of its range.
Status check_perf_constants(const PerfConstants& constants);

}  // namespace gpusched
