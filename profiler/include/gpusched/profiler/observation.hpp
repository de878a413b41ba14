#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "gpusched/model/job_profile.hpp"
#include "gpusched/profiler/device_sample.hpp"

namespace gpusched::profiler {

/// What samples say of a job. Means and quantiles are over the samples in which the job works and nothing throttles it.
/// nullopt: no sample knows it.
struct Observation {
  double duration_s = 0;  ///< from the first sample to the last one
  std::int64_t samples = 0;
  std::int64_t working_samples = 0;       ///< a kernel ran; those alone make the activities
  std::int64_t throttled_samples = 0;     ///< heat or hardware held the clocks down; left out of everything but memory
  std::int64_t power_capped_samples = 0;  ///< at the power limit; kept
  std::int64_t missed_samples = 0;        ///< the machine was too busy to take them

  std::optional<double> duty_cycle{};  ///< share of the samples that say whether a kernel ran in which one did
  std::optional<Activity> engine_active{}, dram_active{}, tensor_active{};
  std::optional<Activity> sm_active{};  ///< of the time in which a kernel is resident
  std::optional<Activity> sm_occupancy{};
  std::optional<Activity> gpu_utilization{};
  std::optional<double> pcie_tx_mib_s{}, pcie_rx_mib_s{};    ///< means
  std::optional<double> power_w{};                           ///< mean
  std::optional<double> energy_j{};                          ///< over the whole time, idle parts included
  std::optional<double> sm_clock_mhz{}, memory_clock_mhz{};  ///< means
  std::optional<int> temperature_c{};                        ///< largest
  std::optional<std::int64_t> ecc_uncorrected{};             ///< that were added
  std::optional<std::int64_t> memory_peak_mib{};             ///< of the job's processes together, contexts included
  std::optional<std::int64_t> device_memory_peak_mib{};      ///< in use on the device, whoever's
  int processes = 0;                                         ///< most processes of the job at a time
  int other_processes = 0;                                   ///< most of somebody else at a time

  friend bool operator==(const Observation&, const Observation&) = default;
};

/// Sums samples of one device up, in any number. Quantiles are nearest-rank: the smallest value that is not exceeded by
/// the given share of the samples.
Observation observe(std::span<const DeviceSample> samples);

/// Mean and quantiles of shares of time; nullopt without values. Contract: each is in 0..1.
std::optional<Activity> summarise(std::span<const double> values);

}  // namespace gpusched::profiler
