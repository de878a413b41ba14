#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gpusched/base/result.hpp"
#include "gpusched/profiler/suite/job_kind.hpp"

namespace gpusched::suite {

/// How the jobs of a measurement share the GPU.
enum class Way : std::uint8_t {
  alone,       ///< one process on the whole GPU
  slice,       ///< one process in a green context: a part of the SMs, all of the memory's bandwidth
  mig,         ///< one process on a MIG instance that exists
  time_slice,  ///< processes take turns, as they do by default
  mps,         ///< processes under NVIDIA's Multi-Process Service
};

/// Equal processes of one measurement.
struct PlannedJob {
  const JobKindInfo* kind = nullptr;
  double load = 0;  ///< 0: items follow each other
  int copies = 1;

  friend bool operator==(const PlannedJob&, const PlannedJob&) = default;
};

/// One measurement as its text says it: "WAY[:PART] [COPIES*]JOB[@LOAD]... [seconds=S] [repetition=N]", for example
/// "time_slice decode-8@0.5 2*stream", "slice:16 conv", "mig:1g.10gb conv repetition=2".
struct PlannedMeasurement {
  Way way = Way::alone;
  int sms = 0;                ///< of a slice
  std::string mig_profile{};  ///< of mig
  std::vector<PlannedJob> jobs{};
  double seconds = default_seconds;
  int repetition = 1;

  static constexpr double default_seconds = 1;
  static constexpr int most_processes = 16;

  int processes() const;
  /// The canonical text; measurements with equal text are one measurement.
  std::string text() const;

  friend bool operator==(const PlannedMeasurement&, const PlannedMeasurement&) = default;
};

/// Reads what text() writes. Errors name the word and what is allowed.
Result<PlannedMeasurement> parse_measurement(std::string_view text);

/// Reads a plan: one measurement per line; empty lines and what follows '#' do not count. Errors name file and line.
Result<std::vector<PlannedMeasurement>> read_plan(std::string_view text, const std::string& file);

/// What the plan is made for.
struct PlanTarget {
  std::vector<int> slice_sms;             ///< green contexts that stand for MIG instances, ascending
  std::vector<std::string> mig_profiles;  ///< of instances that exist; with any, only these are measured
  bool mps = true;
  bool cublas = false;  ///< the machine has it
};

/// SM counts of the MIG profiles of that GPU as green contexts can have them (multiples of eight, both neighbours where
/// the profile is none), without the whole GPU. Empty where the catalogue does not know the GPU or its SMs.
std::vector<int> green_context_sms(std::string_view gpu_name);

/// Everything that the suite measures, the most valuable first: a plan that is cut short is still worth something.
std::vector<PlannedMeasurement> default_plan(const PlanTarget& target);

/// Seconds that a measurement takes, beside what starting its processes takes.
double working_seconds(const PlannedMeasurement& measurement, double settle_s);

}  // namespace gpusched::suite
